"""`POST /api/campaigns/{id}/pause`, `/resume` and `/cancel`."""

from uuid import UUID

import structlog
from aiohttp import web
from aiohttp_pydantic.oas.typing import r202

from contracts.http.controls import ControlAnswer, ControlRequest
from contracts.statuses import CAMPAIGN_STATUSES
from services.campaign.access.scopes import Scope, needs
from services.campaign.auth import ACTOR
from services.campaign.control import Word, decision, status_after
from services.campaign.problems import NoSuchThing
from services.campaign.views import View, json_answer

log = structlog.get_logger(__name__)


class ControlView(View):
    """What the three have in common."""

    async def decide(self, word: Word, campaign_id: UUID, reason: str) -> web.Response:
        """Look whether it makes sense, say it in the log, answer."""
        service, actor = self.service, self.request[ACTOR]
        state, now = await service.reads.campaign_now(campaign_id)
        if state is None:
            raise NoSuchThing("There is no campaign with this id.")
        status = status_after(word, state, now)
        event_id, number = str(service.world.ids.uuid7()), await service.decisions.next(campaign_id)
        await service.voice.say(decision(word, str(campaign_id), event_id, now, number, actor=actor, reason=reason))
        log.info("campaign_decided", campaign_id=str(campaign_id), decision=word.value.verb, actor=actor)
        answer = ControlAnswer(
            message=word.value.says,
            campaign_id=campaign_id,
            status=status,
            meaning=CAMPAIGN_STATUSES[status],
            status_url=service.addresses.campaign(campaign_id),
        )
        return json_answer(answer, 202)


class PauseView(ControlView):
    """Pausing."""

    @needs(Scope.SEND)
    async def post(self, campaign_id: UUID, /, body: ControlRequest) -> r202[ControlAnswer]:
        """Stop a campaign until it is resumed.

        Whatever Sinch does not have yet stays here. The body may be left out.

        Tags: campaigns
        Status Codes:
            202: It will be paused.
        """
        return await self.decide(Word.PAUSE, campaign_id, body.reason)


class ResumeView(ControlView):
    """Resuming."""

    @needs(Scope.SEND)
    async def post(self, campaign_id: UUID, /, body: ControlRequest) -> r202[ControlAnswer]:
        """Let a paused campaign go on with exactly what is left.

        For a campaign that is not paused it changes nothing. The body may be left out.

        Tags: campaigns
        Status Codes:
            202: It will go on.
        """
        return await self.decide(Word.RESUME, campaign_id, body.reason)


class CancelView(ControlView):
    """Cancelling."""

    @needs(Scope.SEND)
    async def post(self, campaign_id: UUID, /, body: ControlRequest) -> r202[ControlAnswer]:
        """Cancel a campaign for good.

        Whatever Sinch does not have yet is never sent, and Sinch is asked to cancel what it has; messages on their way
        may still be delivered. The body may be left out.

        Tags: campaigns
        Status Codes:
            202: It will be cancelled.
        """
        return await self.decide(Word.CANCEL, campaign_id, body.reason)


ROUTES: tuple[tuple[str, type[View]], ...] = (
    ("/api/campaigns/{campaign_id}/pause", PauseView),
    ("/api/campaigns/{campaign_id}/resume", ResumeView),
    ("/api/campaigns/{campaign_id}/cancel", CancelView),
)
