"""What the lengths of ids and moments let pass."""

import pytest

from contracts.events import DeliveryReported
from contracts.events.base import unsound

ID, MOMENT = "0b5c9b1e-3f2a-5c1d-8e4f-1234567890ab", "2026-03-01T12:00:00.000Z"


def report(event_id: str = ID, occurred_at: str = MOMENT, at: str | None = None) -> DeliveryReported:
    """A report with these."""
    return DeliveryReported(
        event_id=event_id, occurred_at=occurred_at, at=at, batch_id="b", recipient="15551234567", status="x", code=0
    )


@pytest.mark.parametrize("event", [report(), report(at="2024-02-29T23:59:59.999Z"), report(event_id=ID.upper())])
def test_what_is_as_it_should_be_is_sound(event: DeliveryReported) -> None:
    """Nothing is said of it."""
    assert unsound(event) is None


@pytest.mark.parametrize(
    "event_id", ["x" * 36, "----" + "a" * 32, ID[:-1] + " ", ID[:-1] + "g", ID.replace("-", "_"), ID[:-2] + "é1"]
)
def test_what_is_no_uuid_is_named(event_id: str) -> None:
    """PostgreSQL would refuse to read it."""
    assert "not a UUID" in (unsound(report(event_id=event_id)) or "")


@pytest.mark.parametrize(
    "moment",
    ["2026-13-45T99:99:99.000Z", "2026-02-29T00:00:00.000Z", "2026-W09-7T12:00:00.000Z", "2026-03-01 12:00:00.000Z",
     "2026-03-01T12:00:00,000Z", "2026-03-01T12:00:00.0001", "x" * 24],
)  # fmt: skip
def test_what_is_no_moment_is_named(moment: str) -> None:
    """In either field."""
    assert "not a moment" in (unsound(report(occurred_at=moment)) or "")
    assert "not a moment" in (unsound(report(at=moment)) or "")
