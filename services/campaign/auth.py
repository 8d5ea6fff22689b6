"""Who may call: API keys, from `Authorization: Bearer` or `X-API-Key`."""

from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Middleware

from infra.http.callback_paths import is_callback
from infra.process.access import ApiKey, find_key
from services.campaign.problems import Handler, ShowAKey

GUARDED = "/api/"
ANONYMOUS = "anonymous"
"""The actor while the API stands open."""

ACTOR = web.RequestKey("actor", str)
"""The id of the key that a request came with."""


def require_key(keys: Sequence[ApiKey]) -> Middleware:
    """A middleware that lets requests below /api/ in with one of the keys only; without keys it lets all in."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[ACTOR] = ANONYMOUS
        if keys and request.path.startswith(GUARDED) and not is_callback(request.path):
            request[ACTOR] = _actor(request, keys)
        return await handler(request)

    return guard


def _actor(request: web.Request, keys: Sequence[ApiKey]) -> str:
    presented = _presented(request)
    if presented is None:
        raise ShowAKey("An API key is needed: send `Authorization: Bearer <key>` or `X-API-Key: <key>`.")
    key = find_key(keys, presented)
    if key is None:
        raise ShowAKey("This API key is not one of ours.")
    return key.id


def _presented(request: web.Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return request.headers.get("X-API-Key") or None
