"""Where faults meet requests: before the work, instead of it, or after it."""

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from infra.sinch.simulator import http_input
from infra.sinch.simulator.batches_api import BATCH_ID
from infra.sinch.simulator.plan import Plan
from infra.sinch.simulator.rules import Fault, Operation

_ERROR = 400


# Names of routes, as rules name them.
_OPERATIONS: dict[str, Operation] = {
    "send": "send",
    "list": "list",
    "get": "get",
    "cancel": "cancel",
    "report": "report",
    "recipient_report": "report",
    "reports": "report",
}


class _Reference(msgspec.Struct):
    client_reference: str = ""


def befalling(plan: Plan) -> Middleware:
    """The middleware that carries out the plan's faults."""

    @web.middleware
    async def befall(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Do the work, unless a fault befalls it."""
        if not plan.rules.faults or not request.path.startswith("/xms/"):
            return await handler(request)
        operation = _OPERATIONS.get(request.match_info.route.name or "", "any")
        reference = await _reference(request) if plan.fault_book.needs_reference else ""
        fault = plan.fault_book.pick(operation, reference)
        if fault is None:
            return await handler(request)
        return await _with_fault(plan, fault, request, handler)

    return befall


async def _with_fault(plan: Plan, fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    if fault.kind != "cut_before":
        await http_input.body_bytes(request)  # a real server answers after it has read
    instead = await plan.faults.before(fault, request)
    if instead is not None:
        return instead
    done = await handler(request)
    if not isinstance(done, web.Response) or done.status >= _ERROR:
        return done
    if fault.kind == "callbacks_first":
        await plan.deliverer.wait_heard(request.get(BATCH_ID, ""), fault.seconds)
        return done
    return await plan.faults.after(fault, request, done)


async def _reference(request: web.Request) -> str:
    """The client_reference in a request's body or query, "" without one."""
    if "client_reference" in request.query:
        return request.query["client_reference"]
    try:
        return msgspec.json.decode(await http_input.body_bytes(request), type=_Reference).client_reference
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, web.HTTPException):
        return ""
