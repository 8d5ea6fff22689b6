"""What the API's views stand on: the service's parts, the body's reader, and faults as problem documents."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web
from aiohttp_pydantic import PydanticView
from aiohttp_pydantic.injectors import CONTEXT, AbstractInjector, BodyGetter
from pydantic import BaseModel, ValidationError

from infra.process.world import World
from services.campaign.accept import Acceptance
from services.campaign.addresses import Addresses
from services.campaign.body.held import Bodies, Held
from services.campaign.cursors import NumberCursors
from services.campaign.decisions import Decisions
from services.campaign.faults import faults_of, in_words
from services.campaign.json_body import READ_AT_ONCE, Limits, read_object
from services.campaign.problems import CorrectTheRequest, NoSuchThing
from services.campaign.reads import Reads
from services.campaign.voice import Voice


@dataclass(frozen=True, slots=True)
class Service:
    """The parts of the campaign service that its views use."""

    acceptance: Acceptance
    reads: Reads
    decisions: Decisions
    voice: Voice
    pseudonym: Callable[[str], str]
    cursors: NumberCursors
    addresses: Addresses
    world: World
    max_body_bytes: int
    bodies: Bodies
    default_region: str | None = None


SERVICE = web.AppKey("campaign_service", Service)
HELD = web.RequestKey("held", Held)
"""In a request: the bytes of its body."""


class JsonBody(BodyGetter):  # type: ignore[misc]  # untyped
    """Reads a JSON body as `json_body` does; aiohttp-pydantic's own way answers 500 to some bodies (PITFALLS)."""

    async def inject(self, request: web.Request, _args_view: list[Any], kwargs_view: dict[str, Any]) -> None:
        """Validate the body and put it into the handler's arguments."""
        optional = not any(field.is_required() for field in self.model.model_fields.values())
        service, held = request.app[SERVICE], request[HELD]
        most = service.max_body_bytes if "recipients" in self.model.model_fields else READ_AT_ONCE
        limits = Limits(min(most, service.max_body_bytes), held, service.world.clock)
        value = await read_object(request, limits, may_be_absent=optional)
        kwargs_view[self.arg_name] = self.model.model_validate(value)


class View(PydanticView):  # type: ignore[misc]  # untyped
    """A view of this API."""

    request: web.Request

    @property
    def service(self) -> Service:
        """The service's parts."""
        return self.request.app[SERVICE]

    async def _iter(self) -> web.StreamResponse:
        """The answer; whatever becomes of it, the body is not held any longer."""
        held = self.request[HELD] = Held(self.service.bodies)
        try:
            answer: web.StreamResponse = await super()._iter()
            return answer
        finally:
            held.give_back()

    @staticmethod
    def _parse_func_signature(func: Callable[..., Any]) -> Iterable[AbstractInjector]:
        injectors = list(PydanticView._parse_func_signature(func))  # noqa: SLF001  its place to be extended, so far
        for injector in injectors:
            if isinstance(injector, BodyGetter):
                injector.__class__ = JsonBody
        return injectors

    async def on_validation_error(self, exception: ValidationError, context: CONTEXT) -> web.StreamResponse:
        """What does not fit a handler's signature."""
        if context == "path":
            raise NoSuchThing("There is nothing at this address: a campaign's id is a UUID.") from None
        faults = faults_of(exception)
        if context != "body":  # there a pointer is the parameter's own name
            faults = [replace(fault, pointer=fault.pointer.removeprefix("/")) for fault in faults]
        raise CorrectTheRequest(in_words(faults), errors=faults) from None


def json_answer(body: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A model as JSON."""
    raw = body.model_dump_json(by_alias=True).encode()
    return web.Response(status=status, body=raw, content_type="application/json", headers=headers)
