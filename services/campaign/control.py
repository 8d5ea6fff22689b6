"""Pause, resume, cancel: what each means for a campaign as it stands, and the event that says it. Pure.

Whoever decides again gets the same answer and makes another event, also where the tables already show the outcome:
they may be behind, and the last word counts: by a number that grows with each answer, never by a clock, because the
next answer may come from a server whose clock is behind.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from http import HTTPStatus

from contracts import topics
from contracts.events import CampaignCancelled, CampaignPaused, CampaignResumed, encode
from infra.kafka.log import Entry
from infra.process.world import iso
from services.campaign.problems import CorrectTheRequest
from services.campaign.reads import CampaignState

IS_OVER = "Every message of this campaign has reached its end, so there is nothing left to {verb}."
IS_CANCELLED = "This campaign is cancelled, which cannot be taken back; there is nothing left to {verb}."
ENDED = {"completed": IS_OVER, "failed": IS_OVER}
TAKEN_BACK = {"cancelling": IS_CANCELLED, "cancelled": IS_CANCELLED}


@dataclass(frozen=True, slots=True)
class Rule:
    """One word: its event, what it does in words, and the campaign statuses in which it makes no sense."""

    verb: str
    event: type[CampaignPaused | CampaignResumed | CampaignCancelled]
    says: str
    refused: Mapping[str, str] = field(default_factory=dict)


class Word(Enum):
    """What a client can say about a campaign as a whole."""

    PAUSE = Rule(
        "pause",
        CampaignPaused,
        "Nothing more of it is given to Sinch until it is resumed.",
        ENDED | TAKEN_BACK,
    )
    RESUME = Rule("resume", CampaignResumed, "It goes on with what is left.", TAKEN_BACK)
    CANCEL = Rule(
        "cancel",
        CampaignCancelled,
        "Nothing more of it is given to Sinch, and Sinch is asked to cancel what it has.",
        ENDED,
    )


def status_after(word: Word, state: CampaignState, now: datetime) -> str:
    """The status that the campaign gets. Raises CorrectTheRequest (409) where the word makes no sense."""
    why = word.value.refused.get(state.status)
    if why is not None:
        detail = why.format(verb=word.value.verb)
        raise CorrectTheRequest(
            detail, status=HTTPStatus.CONFLICT, code="not_possible_now", campaign_status=state.status
        )
    match word:
        case Word.PAUSE:
            return "paused"
        case Word.CANCEL:
            return "cancelled" if state.status == "cancelled" else "cancelling"
        case Word.RESUME:
            return _status_resumed(state, now)


def _status_resumed(state: CampaignState, now: datetime) -> str:
    """Resuming what is not paused changes nothing."""
    if state.status != "paused":
        return state.status
    return "scheduled" if state.scheduled_at is not None and state.scheduled_at > now else "sending"


def decision(
    word: Word, campaign_id: str, event_id: str, now: datetime, number: int, *, actor: str, reason: str
) -> Entry:
    """The word as a record of the log, the `number`-th about its campaign; they all stand in one partition."""
    event = word.value.event(
        event_id=event_id, occurred_at=iso(now), campaign_id=campaign_id, actor=actor, reason=reason, decision=number
    )
    return Entry(topics.CAMPAIGN_CONTROL, campaign_id, encode(event))
