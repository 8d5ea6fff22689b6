"""`GET /api/campaigns`, `/{id}` and `/{id}/messages`."""

from typing import Annotated
from uuid import UUID

from aiohttp import web
from aiohttp_pydantic.oas.typing import r200
from pydantic import AfterValidator, Field

from contracts.http.campaigns import CampaignAnswer, CampaignPage, MessagePage
from contracts.statuses import CAMPAIGN_STATUSES, STATUSES
from services.campaign import cursors
from services.campaign.access.scopes import Scope, needs
from services.campaign.answers import campaign_answer, message_answer
from services.campaign.faults import one_of
from services.campaign.problems import NoSuchThing
from services.campaign.reads import CampaignState
from services.campaign.views import View, json_answer

CampaignStatus = Annotated[
    str, AfterValidator(one_of(CAMPAIGN_STATUSES)), Field(json_schema_extra={"enum": [*CAMPAIGN_STATUSES]})
]
MessageStatus = Annotated[str, AfterValidator(one_of(STATUSES)), Field(json_schema_extra={"enum": [*STATUSES]})]
Cursor = Annotated[str, Field(json_schema_extra={"format": "cursor"}, description="`next_cursor` of the page before.")]
Limit = Annotated[int, Field(ge=1, le=1000)]

CAMPAIGNS_A_PAGE = 50
MESSAGES_A_PAGE = 100


class CampaignsView(View):
    """All campaigns."""

    @needs(Scope.READ)
    async def get(
        self, status: CampaignStatus | None = None, limit: Limit = CAMPAIGNS_A_PAGE, cursor: Cursor | None = None
    ) -> r200[CampaignPage]:
        """List campaigns, the newest first.

        Tags: campaigns
        Status Codes:
            200: One page.
        """
        before = cursors.read_uuid(cursor)
        found = await self.service.reads.campaigns(before, status, limit + 1)
        page = found[:limit]
        answers = [campaign_answer(state, self.service.addresses) for state in page]
        more = cursors.write(page[-1].campaign_id) if len(found) > limit else None
        return json_answer(CampaignPage(campaigns=answers, next_cursor=more))


class CampaignView(View):
    """One campaign."""

    @needs(Scope.READ)
    async def get(self, campaign_id: UUID, /) -> r200[CampaignAnswer]:
        """Show a campaign and how many of its messages stand where.

        Tags: campaigns
        Status Codes:
            200: The campaign.
        """
        return json_answer(campaign_answer(await _known(self, campaign_id), self.service.addresses))


class MessagesView(View):
    """A campaign's messages."""

    @needs(Scope.READ)
    async def get(
        self,
        campaign_id: UUID,
        /,
        status: MessageStatus | None = None,
        limit: Limit = MESSAGES_A_PAGE,
        cursor: Cursor | None = None,
    ) -> r200[MessagePage]:
        """List a campaign's messages by number, each with its status in plain words.

        Tags: campaigns
        Status Codes:
            200: One page.
        """
        after = self.service.cursors.read(campaign_id, cursor)
        campaign = await _known(self, campaign_id)
        found = await self.service.reads.messages(campaign_id, after, status, limit + 1)
        page = found[:limit]
        more = self.service.cursors.write(campaign_id, page[-1].recipient) if len(found) > limit else None
        answers = [message_answer(str(campaign_id), state) for state in page]
        return json_answer(MessagePage(messages=answers, projected=campaign.projected, next_cursor=more))


async def _known(view: View, campaign_id: UUID) -> CampaignState:
    state = await view.service.reads.campaign(campaign_id)
    if state is None:
        raise NoSuchThing("There is no campaign with this id.")
    return state


ROUTES: tuple[tuple[str, type[web.View] | type[View]], ...] = (
    ("/api/campaigns", CampaignsView),
    ("/api/campaigns/{campaign_id}", CampaignView),
    ("/api/campaigns/{campaign_id}/messages", MessagesView),
)
