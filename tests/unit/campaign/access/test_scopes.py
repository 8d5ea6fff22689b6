"""The scope that each call needs."""

import pytest

from services.campaign import control_views, look, opt_outs
from services.campaign.access.scopes import Scope, scope_of
from services.campaign.replies import views as replies
from services.campaign.send import SendView

VIEWS = [view for _, view in (*look.ROUTES, *control_views.ROUTES, *opt_outs.ROUTES, *replies.ROUTES)] + [SendView]
METHODS = ("get", "head", "post", "put", "patch", "delete")
HANDLERS = [(view, method) for view in VIEWS for method in METHODS if hasattr(view, method)]

IS_FOR_ADMIN = {("OptOutView", "delete"), ("SettleView", "post")}
"""Everything else that needs `admin` forgot to say what it needs."""


@pytest.mark.parametrize(("view", "method"), HANDLERS, ids=lambda value: getattr(value, "__name__", value))
def test_every_handler_says_what_it_needs(view: type, method: str) -> None:
    """Looking needs `read`, deciding needs `send`, undoing a person's word needs `admin`."""
    needed = scope_of(view, method)
    if (view.__name__, method) in IS_FOR_ADMIN:
        assert needed is Scope.ADMIN
    else:
        assert needed is (Scope.READ if method in ("get", "head") else Scope.SEND)


def test_what_is_not_marked_is_for_admins() -> None:
    """A forgotten mark shuts a door."""

    class Forgotten:
        async def get(self) -> None:
            """Nothing."""

    assert scope_of(Forgotten, "GET") is Scope.ADMIN


def test_a_method_that_is_not_there_needs_nothing() -> None:
    """It is answered 405, whatever the key."""
    assert scope_of(SendView, "DELETE") is None
