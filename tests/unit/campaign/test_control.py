"""What pause, resume and cancel mean for a campaign as it stands."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from contracts.events import CampaignCancelled, CampaignPaused, CampaignResumed, decode
from contracts.statuses import CAMPAIGN_STATUSES
from services.campaign.control import Word, decision, status_after
from services.campaign.problems import CorrectTheRequest
from services.campaign.reads import CampaignState

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ID = str(UUID(int=7))
NO = "409"

TABLE = {
    "scheduled": ("paused", "scheduled", "cancelling"),
    "sending": ("paused", "sending", "cancelling"),
    "paused": ("paused", "sending", "cancelling"),
    "sent": ("paused", "sent", "cancelling"),
    "cancelling": (NO, NO, "cancelling"),
    "cancelled": (NO, NO, "cancelled"),
    "completed": (NO, "completed", NO),
    "failed": (NO, "failed", NO),
}
"""Campaign status → what pause, resume and cancel make of it."""


def _state(status: str, scheduled_at: datetime | None = None) -> CampaignState:
    return CampaignState(UUID(int=7), None, "Hello", None, status, scheduled_at, NOW, 1, {"pending": 1}, 1, True)


def _after(word: Word, state: CampaignState) -> str:
    try:
        return status_after(word, state, NOW)
    except CorrectTheRequest as error:
        return str(error.status.value)


@pytest.mark.parametrize("status", CAMPAIGN_STATUSES)
def test_each_word_in_each_status(status: str) -> None:
    """What has ended cannot be stopped, what is cancelled stays so; everything else may be said, and said again."""
    assert tuple(_after(word, _state(status)) for word in Word) == TABLE[status]


def test_a_resumed_campaign_waits_for_its_time() -> None:
    """Paused before its time has come, it is scheduled again."""
    assert status_after(Word.RESUME, _state("paused", NOW + timedelta(hours=1)), NOW) == "scheduled"


@pytest.mark.parametrize(
    ("word", "kind"), [(Word.PAUSE, CampaignPaused), (Word.RESUME, CampaignResumed), (Word.CANCEL, CampaignCancelled)]
)
def test_the_decision_as_a_record(word: Word, kind: type) -> None:
    """Under the campaign's own key, with who and why."""
    entry = decision(word, ID, ID, NOW, 7, actor="ops", reason="typo")
    event = decode(entry.value)
    assert (entry.topic, entry.key, type(event)) == ("campaign-control", ID, kind)
    assert isinstance(event, CampaignPaused | CampaignResumed | CampaignCancelled)
    assert (event.actor, event.reason, event.occurred_at, event.decision) == (
        "ops",
        "typo",
        "2026-03-01T12:00:00.000Z",
        7,
    )
