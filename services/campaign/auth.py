"""The guard of /api/: keys from `Authorization: Bearer` or `X-API-Key`, and what each may do."""

from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from infra.http.callback_paths import is_callback
from infra.process.access import is_mistyped
from infra.process.world import Clock, iso
from services.campaign.access.callers import ANONYMOUS, CALLER, Caller
from services.campaign.access.key_ring import KeyRing
from services.campaign.access.rate_limit import SHARE, RateLimit, tell_share, too_many
from services.campaign.access.scopes import require_scope
from services.campaign.access.wrong_keys import Wrong, WrongKeys
from services.campaign.problems import Handler

GUARDED = "/api/"

ACTOR = web.RequestKey("actor", str)
"""The id of the key that a request came with; `anonymous` while the API stands open."""

NO_KEY = "An API key is needed: send `Authorization: Bearer <key>` or `X-API-Key: <key>`."
MISTYPED = "This is no whole key: made keys begin with hg_ and have 52 characters, and its check digits do not fit."
UNKNOWN = "This API key is not one of ours."


class Guard:
    """Lets requests below /api/ in with a key only, and no more of them than the key may make.

    All are let in while the API `stands_open`, which it never does once there is a key.
    """

    def __init__(self, ring: KeyRing, clock: Clock, requests_per_minute: int, stands_open: Callable[[], bool]) -> None:
        self._ring = ring
        self._clock = clock
        self._stands_open = stands_open
        self._rate_limit = RateLimit(clock, requests_per_minute)
        self._wrong_keys = WrongKeys(clock)

    def stand_before(self, app: web.Application) -> None:
        """Guard the application, behind the middlewares that it has."""
        app.middlewares.append(self._middleware())
        app.on_response_prepare.append(tell_share)

    def _middleware(self) -> Middleware:

        @web.middleware
        async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
            request[ACTOR], request[CALLER] = ANONYMOUS.id, ANONYMOUS
            if not request.path.startswith(GUARDED) or is_callback(request.path):
                return await handler(request)
            await self._ring.fresh()
            if self._stands_open():
                return await handler(request)
            return await self._answer(request, handler)

        return check

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The handler's answer to a request with a key, or why there is none."""
        caller = self._caller(request)
        request[ACTOR], request[CALLER] = caller.id, caller
        request[SHARE] = share = self._rate_limit.take(caller)
        if share.is_used_up:
            raise too_many(caller, share)
        require_scope(request, caller.id, caller.scopes)
        return await handler(request)

    def _caller(self, request: web.Request) -> Caller:
        refusal, address, presented = self._wrong_keys.refusal, request.remote, _presented(request)
        if presented is None:
            raise refusal(Wrong.MISSING, NO_KEY, address)
        caller = self._ring.find(presented)
        if caller is None:
            mistyped = is_mistyped(presented)
            wrong, words = (Wrong.MISTYPED, MISTYPED) if mistyped else (Wrong.UNKNOWN, UNKNOWN)
            raise refusal(wrong, words, address, presented)
        if caller.revoked_at is not None:
            words = f"The key {caller.id} was revoked at {iso(caller.revoked_at)}."
            raise refusal(Wrong.REVOKED, words, address, presented, caller.id)
        if caller.expires_at is not None and caller.expires_at <= self._clock.wall():
            words = f"The key {caller.id} expired at {iso(caller.expires_at)}."
            raise refusal(Wrong.EXPIRED, words, address, presented, caller.id)
        return caller


def _presented(request: web.Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return request.headers.get("X-API-Key") or None
