"""What the lengths of ids and moments let pass."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import DeliveryReported, all_of, encode
from contracts.events.base import all_sound, unsound

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


@st.composite
def nearly(draw: st.DrawFn, text: str) -> str:
    """The text, in half of all cases with another character somewhere, often one that it holds elsewhere."""
    place, other = draw(st.integers(0, len(text) - 1)), draw(st.sampled_from(f"{text} ,+0123456789\u0661g_\n"))
    return draw(st.sampled_from([text, text[:place] + other + text[place + 1 :]]))


@given(st.lists(st.builds(report, nearly(ID), nearly(MOMENT), st.none() | nearly(MOMENT)), max_size=4))
def test_many_are_sound_when_each_of_them_is(events: list[DeliveryReported]) -> None:
    """Looked at column by column, nothing passes that would not pass alone, and nothing is refused that would."""
    assert all_sound(events) == all(unsound(event) is None for event in events)


@pytest.mark.parametrize("raw", [None, b"", b"{}", encode(report(at="x" * 24))])
def test_many_are_read_at_once_or_not_at_all(raw: bytes | None) -> None:
    """One that is an error stops all of them: who asks one by one learns why."""
    events = [report(), report(at=MOMENT)]
    raws = [encode(event) for event in events]
    assert all_of(raws) == events
    assert all_of([*raws, raw]) is None
