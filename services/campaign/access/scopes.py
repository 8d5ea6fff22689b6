"""What a key may do: each handler says which scope it needs, and a key has some of the three."""

from collections.abc import Callable
from enum import StrEnum
from http import HTTPStatus
from typing import Any, TypeVar

from aiohttp import web

from services.campaign.problems import ApiError

Anything = TypeVar("Anything", bound=Callable[..., Any])


class Scope(StrEnum):
    """Each allows its own and none of the others' calls."""

    SEND = "send"
    READ = "read"
    ADMIN = "admin"


ALL_SCOPES = frozenset(Scope)

SAYS = {
    Scope.SEND: "send campaigns, pause, resume and cancel them, opt numbers out",
    Scope.READ: "look at campaigns, messages and opt-outs",
    Scope.ADMIN: "undo an opt-out",
}

_NEEDS = "needs_scope"


class AskForScope(ApiError):  # noqa: N818  named by what the client does next
    """The client takes another key, or has its key made anew with this scope."""

    status = HTTPStatus.FORBIDDEN
    code = "scope_missing"


def needs(scope: Scope) -> Callable[[Anything], Anything]:
    """Mark a handler of a view: only keys with this scope may call it."""

    def mark(handler: Anything) -> Anything:
        setattr(handler, _NEEDS, scope)
        return handler

    return mark


def scope_of(handler: object, method: str) -> Scope | None:
    """The scope that `method` of a route's handler needs; None where there is no such method.

    What is not marked is for `admin`: a forgotten mark shuts a door.
    """
    if isinstance(handler, type):
        view = getattr(handler, method.lower(), None)
        return None if view is None else getattr(view, _NEEDS, Scope.ADMIN)
    return getattr(handler, _NEEDS, Scope.ADMIN)


def require_scope(request: web.Request, key: str, has: frozenset[Scope]) -> None:
    """Raise AskForScope (403) when a key lacks what the route needs. Unknown addresses and methods are told as such."""
    if request.match_info.http_exception is not None:
        return
    needed = scope_of(request.match_info.handler, request.method)
    if needed is None or needed in has:
        return
    mine = ", ".join(f"`{scope}`" for scope in sorted(has)) or "none"
    detail = (
        f"This call needs the scope `{needed}` ({SAYS[needed]}); the key {key} has {mine}. "
        f"Use a key that has it: `heliograph keys create NAME --scope {needed}` makes one."
    )
    raise AskForScope(detail, needed_scope=needed, key=key)
