"""The simulator as an aiohttp application: routes, the token, and an answer to everything."""

from collections.abc import AsyncIterator, Callable
from email.utils import formatdate
from hmac import compare_digest

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from infra.http.application import refused
from infra.http.door import Door
from infra.http.own_names import OwnNames
from infra.http.security_headers import add_security_headers
from infra.process.world import World
from infra.sinch.simulator.answers import foreign, refusal
from infra.sinch.simulator.batches_api import BatchesApi
from infra.sinch.simulator.control_api import ControlApi
from infra.sinch.simulator.fields import BAD_JSON, Rejected
from infra.sinch.simulator.inbounds_api import InboundsApi
from infra.sinch.simulator.mishaps import befalling
from infra.sinch.simulator.phones_api import PhonesApi
from infra.sinch.simulator.plan import Plan
from infra.sinch.simulator.reports_api import ReportsApi
from infra.sinch.simulator.settings import SimulatorSettings

log = structlog.get_logger(__name__)

PLAN = web.AppKey("plan", Plan)

_BAD_REQUEST, _UNAUTHORIZED, _UNEXPECTED = 400, 401, 500
_API = "/xms/v1/"


def create_app(settings: SimulatorSettings | None = None, world: World | None = None) -> web.Application:
    """A simulated Sinch with one service plan. Without a world it lives in the real one."""
    settings, world = settings or SimulatorSettings(), world or World()
    plan = Plan(settings, world)
    app = web.Application(
        client_max_size=settings.largest_request,
        middlewares=[_dated(plan), _answering(settings), _authorized(settings), befalling(plan)],
    )
    app.on_response_prepare.append(add_security_headers)
    app[PLAN] = plan
    base = f"{_API}{{plan}}"
    app.add_routes([*BatchesApi(plan).routes(base), *ReportsApi(plan).routes(base), *InboundsApi(plan).routes(base)])
    app.add_routes([*ControlApi(plan).routes(), *PhonesApi(plan).routes()])
    app.cleanup_ctx.append(_running(plan, world))
    return app


def _running(plan: Plan, world: World) -> Callable[[web.Application], AsyncIterator[None]]:
    async def running(app: web.Application) -> AsyncIterator[None]:
        """Time passes and callbacks go out while the application is up."""
        del app
        await plan.deliverer.open()
        time = world.tasks.spawn("simulated time", plan.timeline.run())
        yield
        time.cancel()
        plan.reset()
        await plan.deliverer.close()

    return running


def _dated(plan: Plan) -> Middleware:
    @web.middleware
    async def dated(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Every answer tells the simulated moment, not this machine's."""
        response = await handler(request)
        response.headers["Date"] = formatdate(plan.timeline.now(), usegmt=True)
        return response

    return dated


def _answering(settings: SimulatorSettings) -> Middleware:
    @web.middleware
    async def answering(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Every refusal and every mistake becomes an answer of the contract."""
        try:
            return await handler(request)
        except Rejected as refused:
            if refused.code:
                return refusal(refused.status, refused.code, refused.text)
            return foreign(settings, refused.status, request.path)
        except web.RequestPayloadError:
            return refusal(_BAD_REQUEST, BAD_JSON, "The body cannot be decoded.")
        except web.HTTPException as error:
            headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
            return foreign(settings, error.status, request.path, headers)
        except Exception:
            log.exception("simulator_failed", method=request.method)
            return foreign(settings, _UNEXPECTED, request.path)

    return answering


def _authorized(settings: SimulatorSettings) -> Middleware:
    expected = settings.token.encode()
    root = f"{_API}{settings.plan}/"
    door = Door(OwnNames(allowed=settings.allowed_hosts), lambda: True)

    @web.middleware
    async def authorized(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Sinch's paths need the plan's token; our own ask for nothing, so they have the door of everything open."""
        if request.path.startswith(_API):
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            given = token.strip().encode("utf-8", "surrogateescape")
            if scheme.lower() != "bearer" or not compare_digest(given, expected) or not request.path.startswith(root):
                return foreign(settings, _UNAUTHORIZED, request.path)
        elif (refusal := door.judge(request.method, request.headers)) is not None:
            return refused(refusal)
        return await handler(request)

    return authorized
