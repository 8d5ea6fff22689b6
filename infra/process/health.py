"""Liveness, readiness and metrics over HTTP: `/healthz`, `/readyz`, `/metrics`, the same for every process."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web

from contracts.http.problems import CONTENT_TYPE
from infra.http.application import STANDS_OPEN
from infra.http.problem import problem_body
from infra.process.lane import LaneRunner
from infra.process.metrics import show_metrics

log = structlog.get_logger(__name__)

Check = Callable[[], Awaitable[object]]
"""Comes back when a dependency answers, raises when it does not."""


class NotReady(Exception):  # noqa: N818  named by what it says
    """A dependency answers and yet cannot be worked with; the text says why, in a few words."""


Notes = Callable[[], Sequence[Mapping[str, Any]]]
"""What stands still elsewhere, as /readyz shows it."""

NOTES: web.AppKey[Notes] = web.AppKey("standing_still", Callable)  # type: ignore[arg-type]  # an alias is no type
TELLS_ALL: web.AppKey[Callable[[], bool]] = web.AppKey("tells_all", Callable)  # type: ignore[arg-type]  # the same
CHECKS: web.AppKey[dict[str, Check]] = web.AppKey("readiness_checks", dict)
CHECK_SECONDS = 2.0
SHUTDOWN_SECONDS = 3.0
IDLE_SECONDS = 75.0  # longer than proxies keep an idle connection, so that it is not we who close it under a request
MOST_HEADER_BYTES = 8190  # of one line; what is longer is answered 400
MOST_HEADERS = 100


def readiness_of(app: web.Application) -> dict[str, Check]:
    """What `/readyz` depends on, by name: add to it, also while the application runs."""
    if CHECKS not in app:
        app[CHECKS] = {}
    return app[CHECKS]


def add_health_routes(app: web.Application, *, published: bool = True) -> None:
    """Serve the three pages. On a `published` port metrics and details are for whom it stands open to (STANDS_OPEN)."""
    readiness_of(app)
    app[TELLS_ALL] = (lambda: STANDS_OPEN not in app or app[STANDS_OPEN]()) if published else (lambda: True)
    app.router.add_get("/healthz", _alive)
    app.router.add_get("/readyz", _ready)
    app.router.add_get("/metrics", _metrics)


def same_health(app: web.Application, other: web.Application) -> None:
    """Let `other`, on a port that is not published, say of health all that `app` knows."""
    add_health_routes(other, published=False)
    other[CHECKS] = readiness_of(app)
    if NOTES in app:
        other[NOTES] = app[NOTES]


async def _metrics(request: web.Request) -> web.Response:
    """Everything that is counted, or where it is to be had."""
    if request.app[TELLS_ALL]():
        return await show_metrics(request)
    body = problem_body(HTTPStatus.NOT_FOUND, "not_found", "Metrics are on METRICS_PORT, which is not published.")
    return web.Response(status=HTTPStatus.NOT_FOUND, body=body, content_type=CONTENT_TYPE)


async def _alive(_request: web.Request) -> web.Response:
    """200 as long as the event loop turns."""
    return web.json_response({"status": "alive"})


async def _ready(request: web.Request) -> web.Response:
    """200 when every dependency answers, else 503 with what each of them said.

    What stands still elsewhere leaves it at 200, as `degraded`: this process can do its own work, and to take it out of
    service as well would make a stopped dispatcher a stopped API. An alarm looks at the metric `standing_still`.
    """
    checks = request.app[CHECKS]
    answers = await asyncio.gather(*(_outcome(name, check) for name, check in checks.items()))
    ready = all(answer == "ok" for answer in answers)
    status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    if not request.app[TELLS_ALL]():
        return web.json_response({"status": "ready" if ready else "not ready"}, status=status)
    body: dict[str, Any] = {
        "status": "ready" if ready else "not ready", "checks": dict(zip(checks, answers, strict=True)),
    }  # fmt: skip
    if NOTES in request.app:
        body["standing_still"] = request.app[NOTES]()
        if ready and body["standing_still"]:
            body["status"] = "degraded"
    return web.json_response(body, status=status)


async def _outcome(name: str, check: Check) -> str:
    try:
        await asyncio.wait_for(check(), CHECK_SECONDS)
    except NotReady as error:
        log.warning("not_ready", dependency=name, why=str(error))
        return str(error)
    except Exception as error:  # noqa: BLE001  whatever a dependency says, it is not ready
        log.warning("not_ready", dependency=name, error=repr(error))
        return type(error).__name__
    return "ok"


@contextlib.asynccontextmanager
async def serving(
    app: web.Application, host: str, port: int, *, reuse_port: bool = False, shutdown_seconds: float = SHUTDOWN_SECONDS
) -> AsyncIterator[int]:
    """Serve `app` while inside; gives the port. Ends by refusing new connections and letting requests finish.

    With `reuse_port` several processes may listen on the same port. A connection on which nothing comes is closed after
    IDLE_SECONDS, one that sends too slowly before (infra/http/slow_clients.py). Bodies are given as they came, whatever
    their Content-Encoding: `infra.http.content_encoding.decoded` reads them.
    """
    runner = LaneRunner(
        app,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=shutdown_seconds,
        keepalive_timeout=IDLE_SECONDS,
        max_line_size=MOST_HEADER_BYTES,
        max_field_size=MOST_HEADER_BYTES,
        max_headers=MOST_HEADERS,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024, reuse_port=reuse_port or None).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
