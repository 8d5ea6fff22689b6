"""`PUT`, `DELETE` and `GET /api/opt-outs/{phone}`: who must not be sent to."""

from datetime import datetime

import structlog
from aiohttp import web
from aiohttp_pydantic.oas.typing import r200, r202

from contracts import topics
from contracts.events import RecipientOptedIn, RecipientOptedOut, encode
from contracts.http.campaigns import Phone
from contracts.http.controls import OptOutAnswer
from contracts.http.problems import Fault
from infra.kafka.log import Entry
from infra.process.masking import mask_phone
from infra.process.world import iso
from services.campaign.access.callers import CALLER
from services.campaign.access.scopes import Scope, needs
from services.campaign.auth import ACTOR
from services.campaign.phones import NotAPhone, digits_of
from services.campaign.problems import CorrectTheRequest
from services.campaign.views import View, json_answer

log = structlog.get_logger(__name__)

OUT = "Nothing more is sent to this number until it opts in again."
IN = "This number may be sent to."
DOUBT = (
    "A reply of this number is probably an opt-out: nothing is sent to it until somebody has read that (GET /api/replies), "
    "unless CONSENT_HOLD_PROBABLE is false."
)
UNKNOWN = "Nothing is known of this number, so it may be sent to."


class OptOutView(View):
    """One number."""

    @needs(Scope.SEND)
    async def put(self, phone: Phone, /) -> r202[OptOutAnswer]:
        """Opt a number out: no campaign sends to it any more.

        Tags: opt-outs
        Status Codes:
            202: It is recorded; every batch offered from now on leaves the number out.
        """
        digits, now = self._digits(phone), self.service.world.clock.wall()
        await self._say(RecipientOptedOut, digits, now)
        return _answer(OUT, digits, now, 202)

    @needs(Scope.ADMIN)
    async def delete(self, phone: Phone, /) -> r202[OptOutAnswer]:
        """Opt a number in again.

        Tags: opt-outs
        Status Codes:
            202: It is recorded; the number may be sent to again.
        """
        digits = self._digits(phone)
        await self._say(RecipientOptedIn, digits, self.service.world.clock.wall())
        return _answer(IN, digits, None, 202)

    @needs(Scope.READ)
    async def get(self, phone: Phone, /) -> r200[OptOutAnswer]:
        """Show whether a number has opted out, by whatever way: here, by a reply, by an operator's delivery code.

        Tags: opt-outs
        Status Codes:
            200: What is known.
        """
        digits = self._digits(phone)
        known = await self.service.reads.consent(digits)
        if known is None:
            return _answer(UNKNOWN, digits, None, 200)
        words = OUT if known.is_opted_out else DOUBT if known.in_doubt else IN
        return _answer(words, digits, known.opted_out_at, 200)

    def _digits(self, phone: str) -> str:
        try:
            return digits_of(phone, self.request[CALLER].default_region or self.service.default_region)
        except NotAPhone as error:
            fault = Fault(pointer="phone", value=phone, detail=str(error))
            raise CorrectTheRequest(f"This is not a phone number: it {error}.", errors=[fault]) from None

    async def _say(self, kind: type[RecipientOptedOut | RecipientOptedIn], digits: str, now: datetime) -> None:
        service, actor = self.service, self.request[ACTOR]
        event = kind(
            event_id=str(service.world.ids.uuid7()),
            occurred_at=iso(now),
            recipient=digits,
            received_at=iso(now),
            source="api",
            actor=actor,
        )
        await service.voice.say(Entry(topics.CONSENT, service.pseudonym(digits), encode(event)))
        log.info("consent_decided", recipient=mask_phone(digits), decision=kind.__name__, actor=actor)


def _answer(message: str, digits: str, opted_out_at: datetime | None, status: int) -> web.Response:
    answer = OptOutAnswer(
        message=message,
        phone=f"+{digits}",
        opted_out=opted_out_at is not None,
        opted_out_at=None if opted_out_at is None else iso(opted_out_at),
    )
    return json_answer(answer, status)


ROUTES: tuple[tuple[str, type[View]], ...] = (("/api/opt-outs/{phone}", OptOutView),)
