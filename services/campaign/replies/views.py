"""`GET /api/replies` and `POST /api/replies/{inbound_id}/settle`."""

from typing import Annotated, Literal

import structlog
from aiohttp_pydantic.oas.typing import r200, r202
from pydantic import Field

from contracts import topics
from contracts.consent import settling
from contracts.events import encode
from contracts.http.replies import ReplyAnswer, ReplyPage, SettleAnswer, SettleRequest
from infra.kafka.log import Entry
from infra.process.masking import mask_phone
from infra.process.world import iso
from services.campaign.access.scopes import Scope, needs
from services.campaign.auth import ACTOR
from services.campaign.problems import NoSuchThing
from services.campaign.views import View, json_answer

log = structlog.get_logger(__name__)

Limit = Annotated[int, Field(ge=1, le=1000)]


class RepliesView(View):
    """All that wait."""

    @needs(Scope.READ)
    async def get(self, verdict: Literal["probable"] = "probable", limit: Limit = 100) -> r200[ReplyPage]:
        """List replies that are probably opt-outs and that nobody has settled yet, the oldest first.

        Nothing is sent to these numbers meanwhile (CONSENT_HOLD_PROBABLE).

        Tags: opt-outs
        Status Codes:
            200: Those that wait.
        """
        del verdict  # the one there is
        found = await self.service.reads.doubtful_replies(limit + 1)
        answers = [
            ReplyAnswer(
                inbound_id=one.inbound_id, phone=f"+{one.phone}", to=one.originator or "", body=one.body or "",
                received_at=iso(one.received_at), words=one.words,
            )
            for one in found[:limit]
        ]  # fmt: skip
        return json_answer(ReplyPage(replies=answers, more=len(found) > limit))


class SettleView(View):
    """One of them."""

    @needs(Scope.ADMIN)
    async def post(self, inbound_id: str, /, body: SettleRequest) -> r202[SettleAnswer]:
        """Say whether a reply is an opt-out, after a person has read it.

        What the same number wrote before it is settled with it.

        Tags: opt-outs
        Status Codes:
            202: It is recorded.
            404: No such reply waits.
        """
        service, actor = self.service, self.request[ACTOR]
        reply = await service.reads.doubtful_reply(inbound_id)
        if reply is None:
            raise NoSuchThing("No reply with this id waits to be settled. GET /api/replies lists those that do.")
        event = settling.settled(
            opted_out=body.opted_out, inbound_id=inbound_id, phone=reply.phone, received_at=iso(reply.received_at),
            now=iso(service.world.clock.wall()), actor=actor, reason=body.reason,
        )  # fmt: skip
        await service.voice.say(Entry(topics.CONSENT, service.pseudonym(reply.phone), encode(event)))
        log.info("reply_settled", recipient=mask_phone(reply.phone), opted_out=body.opted_out, actor=actor)
        words = settling.OUT if body.opted_out else settling.NOT_OUT
        answer = SettleAnswer(
            message=words, inbound_id=inbound_id, phone=f"+{reply.phone}", opted_out=body.opted_out
        )  # fmt: skip
        return json_answer(answer, 202)


ROUTES: tuple[tuple[str, type[View]], ...] = (
    ("/api/replies", RepliesView),
    ("/api/replies/{inbound_id}/settle", SettleView),
)
