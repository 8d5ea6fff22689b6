"""Where an HTTP application begins, the same for API, gateway, simulator and health pages.

What a service adds (keys, rate limits, problem documents) comes after the door, by `app.middlewares`.
"""

from collections.abc import Callable

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from contracts.http.problems import CONTENT_TYPE
from infra.http.callback_paths import is_callback
from infra.http.door import Door, Refusal
from infra.http.own_names import OwnNames
from infra.http.problem import problem_body
from infra.http.security_headers import add_security_headers
from infra.process import metrics
from infra.process.access import may_stand_open
from infra.process.settings import Settings
from infra.process.sparing import Sparing
from infra.process.world import SystemClock

log = structlog.get_logger(__name__)

STANDS_OPEN: web.AppKey[Callable[[], bool]] = web.AppKey("stands_open", Callable)  # type: ignore[arg-type]  # an alias
"""Whether nobody has to show a key at this moment. Whoever adds another source of keys puts its own in."""
DOOR = web.AppKey("door", Door)


def new_application(settings: Settings) -> web.Application:
    """An application with nothing but its door, which stands open as long as the settings name no key."""
    app = web.Application(client_max_size=settings.max_body_bytes)
    stands_open = settings.may_stand_open and not settings.api_keys  # once: it is asked with every request
    app[STANDS_OPEN] = lambda: stands_open
    add_door(app, OwnNames(settings.base_url, settings.allowed_hosts))
    return app


def health_application(settings: Settings) -> web.Application:
    """An application for health and metrics on a port of their own, which nobody outside is told of: it asks for no key."""
    app = new_application(settings)
    stands_open = may_stand_open(settings.host, settings.base_url)
    app[STANDS_OPEN] = lambda: stands_open
    return app


def add_door(app: web.Application, names: OwnNames) -> None:
    """Put the door before everything that `app` answers. Needs STANDS_OPEN by the time of the first request."""

    def stands_open() -> bool:
        return app[STANDS_OPEN]()  # as it is then: a service may have put its own in

    app[DOOR] = door = Door(names, stands_open)
    app.middlewares.append(_guarded(door, Sparing(SystemClock())))
    app.on_response_prepare.append(add_security_headers)


def _guarded(door: Door, sparing: Sparing) -> Middleware:
    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in what the door lets in."""
        # the gateway judges by itself: what is proven to be Sinch's is never refused for its headers
        refusal = None if is_callback(request.path) else door.judge(request.method, request.headers)
        if refusal is None:
            return await handler(request)
        sparing(log.warning, "request_refused", reason=refusal.code)
        return refused(refusal)

    return guarded


def refused(refusal: Refusal) -> web.Response:
    """The answer to a request that was not let in."""
    metrics.REQUESTS_REFUSED.labels(refusal.code).inc()
    body = problem_body(refusal.status, refusal.code, refusal.words)
    return web.Response(status=refusal.status.value, body=body, content_type=CONTENT_TYPE)
