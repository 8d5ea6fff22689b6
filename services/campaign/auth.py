"""The guard of /api/: keys from `Authorization: Bearer` or `X-API-Key`, and what each may do."""

from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from infra.http.callback_paths import is_callback
from infra.process.access import is_mistyped
from infra.process.world import Clock, iso
from services.campaign.access.callers import ANONYMOUS, CALLER, Caller
from services.campaign.access.key_ring import KeyRing
from services.campaign.access.scopes import require_scope
from services.campaign.problems import Handler, ShowAKey

GUARDED = "/api/"

ACTOR = web.RequestKey("actor", str)
"""The id of the key that a request came with; `anonymous` while the API stands open."""

NO_KEY = "An API key is needed: send `Authorization: Bearer <key>` or `X-API-Key: <key>`."
MISTYPED = "This is no whole key: made keys begin with hg_ and have 52 characters, and its check digits do not fit."
UNKNOWN = "This API key is not one of ours."


def guard(ring: KeyRing, clock: Clock, stands_open: Callable[[], bool]) -> Middleware:
    """A middleware that lets requests below /api/ in with a key only.

    All are let in while the API `stands_open`, which it never does once there is a key.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[ACTOR], request[CALLER] = ANONYMOUS.id, ANONYMOUS
        if not request.path.startswith(GUARDED) or is_callback(request.path):
            return await handler(request)
        await ring.fresh()
        if not stands_open():
            caller = _caller(request, ring, clock)
            request[ACTOR], request[CALLER] = caller.id, caller
            require_scope(request, caller.id, caller.scopes)
        return await handler(request)

    return check


def _caller(request: web.Request, ring: KeyRing, clock: Clock) -> Caller:
    presented = _presented(request)
    if presented is None:
        raise ShowAKey(NO_KEY)
    caller = ring.find(presented)
    if caller is None:
        raise ShowAKey(MISTYPED if is_mistyped(presented) else UNKNOWN)
    if caller.revoked_at is not None:
        raise ShowAKey(f"The key {caller.id} was revoked at {iso(caller.revoked_at)}.")
    if caller.expires_at is not None and caller.expires_at <= clock.wall():
        raise ShowAKey(f"The key {caller.id} expired at {iso(caller.expires_at)}.")
    return caller


def _presented(request: web.Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return request.headers.get("X-API-Key") or None
