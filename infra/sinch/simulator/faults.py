"""What goes wrong with requests: which fault befalls this one, and what it does before and after the work."""

import asyncio

from aiohttp import web

from infra.sinch.simulator.answers import foreign, refusal
from infra.sinch.simulator.chances import happens
from infra.sinch.simulator.rules import Fault, Operation, Rules
from infra.sinch.simulator.settings import SimulatorSettings
from infra.sinch.simulator.timeline import Timeline

_FORBIDDEN, _UNAUTHORIZED, _TOO_MANY = 403, 401, 429


class FaultBook:
    """Picks faults, each for its share of the requests and as many times as it may."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._seen = [0] * len(rules.faults)
        self._done = [0] * len(rules.faults)

    @property
    def needs_reference(self) -> bool:
        """Whether some fault looks at the request's client_reference."""
        return any(fault.client_reference_prefix for fault in self._rules.faults)

    def pick(self, operation: Operation, client_reference: str) -> Fault | None:
        """The first fault that befalls this request."""
        for index, fault in enumerate(self._rules.faults):
            if fault.on not in (operation, "any") or not client_reference.startswith(fault.client_reference_prefix):
                continue
            if fault.times is not None and self._done[index] >= fault.times:
                continue
            self._seen[index] += 1
            if happens(fault.share, self._rules.seed, "fault", index, self._seen[index]):
                self._done[index] += 1
                return fault
        return None


class Faults:
    """Carries faults out on the requests of one account."""

    def __init__(self, settings: SimulatorSettings, timeline: Timeline) -> None:
        self._settings = settings
        self._timeline = timeline

    async def before(self, fault: Fault, request: web.Request) -> web.Response | None:
        """What happens instead of the work; None when the work is to be done."""
        match fault.kind:
            case "too_many_requests":
                headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
                return foreign(self._settings, _TOO_MANY, request.path, headers)
            case "error_before":
                return foreign(self._settings, fault.status, request.path)
            case "unauthorized":
                return foreign(self._settings, _UNAUTHORIZED, request.path)
            case "blocked_account":
                return refusal(_FORBIDDEN, "blocked_account", "The account is blocked.")
            case "hang_before" | "cut_before":
                await self.wait(fault.seconds if fault.kind == "hang_before" else 0)
                return cut(request)
            case _:
                return None

    async def after(self, fault: Fault, request: web.Request, done: web.Response) -> web.Response:
        """What happens to the answer of work that was done."""
        match fault.kind:
            case "error_after":
                return foreign(self._settings, fault.status, request.path)
            case "hang_after":
                await self.wait(fault.seconds)
                return cut(request)
            case "cut_after":
                return cut(request)
            case "unreadable":
                body = done.body if isinstance(done.body, bytes) else b"{}"
                return web.Response(status=done.status, body=body[: len(body) // 2], content_type="application/json")
            case "slow":
                await self.wait(fault.seconds)
                return done
            case _:
                return done

    async def wait(self, seconds: float) -> None:
        """Let simulated time pass."""
        if seconds <= 0:
            return
        due = asyncio.Event()
        self._timeline.at(self._timeline.now() + seconds, due.set)
        await due.wait()


def cut(request: web.Request) -> web.Response:
    """Hang up. The answer is never written."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
