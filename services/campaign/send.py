"""`POST /api/campaigns/send`."""

from collections.abc import Sequence

from aiohttp_pydantic.oas.typing import r202

from contracts.http.campaigns import SendAnswer, SendRequest
from infra.process import metrics
from services.campaign.access.callers import CALLER
from services.campaign.access.scopes import Scope, needs
from services.campaign.answers import send_answer
from services.campaign.options import notes_of
from services.campaign.prefer import wanted_wait
from services.campaign.reads import BatchState
from services.campaign.store import Campaign
from services.campaign.views import View, json_answer

POLL_SECONDS = 0.1  # between looks at the tables while a client waits


class SendView(View):
    """Sending at once."""

    @needs(Scope.SEND)
    async def post(
        self, body: SendRequest, *, idempotency_key: str | None = None, prefer: str | None = None
    ) -> r202[SendAnswer]:
        """Send a message to many recipients.

        The answer comes when the whole campaign is in the log: from then on it will be sent. `Prefer: wait=N` waits
        up to N seconds (30 at most) for Sinch's batch ids. With an `Idempotency-Key`, repeating the request is safe.

        Tags: campaigns
        Status Codes:
            202: The campaign is accepted and will be sent.
        """
        campaign = await self.service.acceptance.accept(body, self.request[CALLER], idempotency_key)
        metrics.CAMPAIGNS_ACCEPTED.inc()
        metrics.RECIPIENTS_REQUESTED.inc(campaign.recipients)
        headers: dict[str, str] = {}
        batches: Sequence[BatchState] = ()
        if (seconds := wanted_wait(prefer)) is not None:
            batches = await self._wait_for_batches(campaign, seconds)
            headers["Preference-Applied"] = f"wait={seconds}"
        notes = notes_of(body, campaign.created_at)
        return json_answer(send_answer(campaign, batches, self.service.addresses, notes), 202, headers)

    async def _wait_for_batches(self, campaign: Campaign, seconds: int) -> Sequence[BatchState]:
        """The batches that Sinch has accepted once it has all of them, or when the time is over."""
        clock = self.service.world.clock
        deadline = clock.boot() + seconds
        while True:
            batches = await self.service.reads.accepted_batches(campaign.campaign_id)
            if len(batches) == len(campaign.chunk_recipients) or clock.boot() >= deadline:
                return batches
            await clock.sleep(POLL_SECONDS)
