"""The moment at which a word about consent counts (FAULTS D1)."""

from typing import Any

import pytest

from contracts.consent.believed import believed, wins
from contracts.consent.dates import is_ahead, opted_in_at, opted_out_at
from contracts.events import OptOutSuspected, RecipientOptedIn, RecipientOptedOut

ARRIVED = "2026-03-01T12:00:00.000Z"
LOGGED_MS = 1_772_366_400_000  # the same moment
ID = "01a209a3-e982-704d-ba49-2ddcb550edc8"


@pytest.mark.parametrize(
    ("received_at", "out", "in_"),
    [
        ("2026-03-01T11:59:00.000Z", "2026-03-01T11:59:00.000Z", "2026-03-01T11:59:00.000Z"),
        ("2026-03-01T12:00:30.000Z", "2026-03-01T12:00:30.000Z", ARRIVED),
        ("2099-01-01T00:00:00.000Z", "2026-03-01T12:01:00.000Z", ARRIVED),
        ("", ARRIVED, "2026-02-27T14:00:00.000Z"),
        ("1970-01-01T00:00:00.000Z", ARRIVED, "1970-01-01T00:00:00.000Z"),
        ("2026-02-20T12:00:00.000Z", "2026-02-20T12:00:00.000Z", "2026-02-20T12:00:00.000Z"),
    ],
)
def test_an_opt_out_counts_as_late_as_it_can_have_been_and_an_opt_in_as_early(
    received_at: str, out: str, in_: str
) -> None:
    """Where a date is in doubt, silence is the smaller mistake."""
    assert (opted_out_at(received_at, ARRIVED), opted_in_at(received_at, ARRIVED)) == (out, in_)


def test_only_a_date_beyond_a_minute_is_ahead() -> None:
    """Clocks differ by seconds."""
    assert not is_ahead("2026-03-01T12:01:00.000Z", ARRIVED)
    assert is_ahead("2026-03-01T12:01:00.001Z", ARRIVED)


@pytest.mark.parametrize("arrived", ["9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00.000Z"])
def test_the_ends_of_the_calendar_break_nothing(arrived: str) -> None:
    """Whatever our own clock says."""
    assert opted_out_at(ARRIVED, arrived)
    assert opted_in_at("", arrived)


def word(kind: Any, received_at: str, occurred_at: str = ARRIVED, **more: Any) -> Any:
    """A word about consent."""
    if kind is OptOutSuspected:
        more = {"inbound_id": "1", "reply": ID}
    elif not more:
        more = {"source": "reply"}
    return kind(event_id=ID, occurred_at=occurred_at, recipient="15550000001", received_at=received_at, **more)


@pytest.mark.parametrize("kind", [RecipientOptedIn, RecipientOptedOut, OptOutSuspected])
@pytest.mark.parametrize("source", ["reply", "api", "delivery_code"])
def test_no_word_of_the_log_counts_beyond_its_arrival(kind: Any, source: str) -> None:
    """Its writer's clock and the broker's bound it, whichever is earlier; also in a log of before."""
    far = "2099-01-01T00:00:00.000Z"
    assert believed(word(kind, far, source=source), 0).received_at <= "2026-03-01T12:01:00.000Z"
    assert believed(word(kind, far, far, source=source), LOGGED_MS).received_at <= "2026-03-01T12:01:00.000Z"


def test_a_word_that_is_dated_well_is_the_very_same() -> None:
    """Nothing is made anew for it."""
    event = word(RecipientOptedOut, "2026-03-01T11:00:00.000Z")
    assert believed(event, LOGGED_MS) is event


@pytest.mark.parametrize(
    ("kind", "source", "is_so"),
    [(RecipientOptedOut, "api", True), (RecipientOptedOut, "operator", True), (RecipientOptedOut, "reply", False),
     (RecipientOptedOut, "delivery_code", False), (RecipientOptedIn, "api", False)],
)  # fmt: skip
def test_only_an_opt_out_by_hand_wins_whatever_the_dates(kind: Any, source: str, is_so: bool) -> None:
    """Its answer said that nothing more is sent."""
    assert wins(word(kind, ARRIVED, source=source)) is is_so
