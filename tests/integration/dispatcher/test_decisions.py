"""Pause and resume in the ledger: the order of the answers, not that of the clocks that dated them."""

from contracts import topics
from contracts.events import CampaignPaused, CampaignResumed, ControlEvent
from contracts.identity import derived_id
from infra.kafka.log import Partition
from infra.postgres.pool import Pool
from services.dispatcher.intake_store import IntakeStore, Noted
from services.dispatcher.taken import Taken

CAMPAIGN = "01930a6e-4c00-7a31-9c55-2f4c7e9d1a01"
PLACE = Partition(topics.CAMPAIGN_CONTROL, 0)
PAUSED = "SELECT paused FROM dispatch.campaigns WHERE campaign_id = $1"


def _said(kind: type[ControlEvent], decision: int, second: int) -> ControlEvent:
    return kind(
        event_id=derived_id(kind.__name__, str(decision)),
        occurred_at=f"2026-03-01T12:00:{second:02d}.000Z",
        campaign_id=CAMPAIGN,
        actor="test",
        decision=decision,
    )


async def _nothing(_noted: Noted) -> None:
    """Say nothing."""


async def test_a_resume_by_a_clock_that_is_behind_resumes(pool: Pool) -> None:
    """It was answered after the pause; the server it was decided on is 5 s behind. Read again, nothing changes."""
    store = IntakeStore(pool, rate=30, first_look=10)
    pause, resume = _said(CampaignPaused, 1, 10), _said(CampaignResumed, 2, 5)
    for event, paused in ((pause, True), (resume, False), (pause, False), (resume, False)):
        taken = Taken()
        taken.take(event, b"", PLACE, 0)
        await store.take_in(taken, {}, _nothing)
        assert await pool.fetchval(PAUSED, CAMPAIGN) is paused


async def test_decisions_without_a_number_go_by_their_moment(pool: Pool) -> None:
    """Those of a version that gave none."""
    store = IntakeStore(pool, rate=30, first_look=10)
    for event, paused in ((_said(CampaignResumed, 0, 10), False), (_said(CampaignPaused, 0, 5), False)):
        taken = Taken()
        taken.take(event, b"", PLACE, 0)
        await store.take_in(taken, {}, _nothing)
        assert await pool.fetchval(PAUSED, CAMPAIGN) is paused
