"""The end of an offer reaches those whom it names, also when the offer was never made."""

from typing import Any

import pytest

from contracts import events as e
from contracts.identity import derived_id
from services.projector.fold import Changes

CAMPAIGN, MOMENT = "01930000-0000-7000-8000-000000000001", "2026-03-01T12:00:00.000Z"
NUMBERS = ["15550000001", "15550000002"]


def about(kind: type[Any], **more: Any) -> Any:
    """An event about attempt 2."""
    return kind(
        event_id=derived_id(kind.__name__), occurred_at=MOMENT, campaign_id=CAMPAIGN, chunk=0, attempt=2, **more
    )


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (about(e.BatchCancelled, actor="a", recipients=NUMBERS), "cancelled"),
        (about(e.BatchExpired, reason="late", recipients=NUMBERS, part="ab"), "expired"),
        (
            about(e.DoubtSettled, client_reference="r", verdict="given_up", actor="a", why="w", recipients=NUMBERS),
            "unknown",
        ),
    ],
)
def test_an_end_is_a_fact_about_each_whom_it_names(event: Any, status: str) -> None:
    """They are in that offer from then on, and settled; it stands in their history."""
    changes = Changes()
    changes.take(event, 0)
    facts = changes.messages[CAMPAIGN, 0]
    shown = {r: (f[0].attempt, f[0].part, f[2].status, f[0].rank >= 7) for r, f in facts.greatest.items()}
    assert shown == dict.fromkeys(NUMBERS, (2, event.part, status, True))
    assert len(facts.history) == len(NUMBERS)


def test_a_cancel_at_sinch_ends_nobody() -> None:
    """Its reports decide."""
    changes = Changes()
    changes.take(about(e.BatchCancelled, actor="a", provider_said="canceled"), 0)
    assert not changes.messages
