"""What a number wants, and which of its replies may be confirmed."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from contracts.events import ConsentEvent, OptOutDismissed, OptOutSuspected, RecipientOptedIn, RecipientOptedOut
from contracts.identity import derived_id
from services.dispatcher.consent import Wanted, fold

ADA = "15550000001"


def said(name: str, second: int, source: str = "reply") -> ConsentEvent:
    """A decision: a name that begins with S opts out, any other in."""
    kind = RecipientOptedOut if name.startswith("S") else RecipientOptedIn
    at = f"2026-03-01T12:00:{second:02d}.000Z"
    return kind(event_id=derived_id(name), occurred_at=at, recipient=ADA, received_at=at, source=source)


STOP, AGAIN, START = said("STOP", 1), said("STOP again", 2), said("in", 3)
BY_API, BY_CODE = said("S by the API", 2, "api"), said("S by a code", 2, "delivery_code")


@pytest.mark.parametrize(
    ("events", "confirmed"),
    [
        ([STOP], [STOP]),
        ([START], [START]),
        ([STOP, AGAIN], [STOP]),
        ([STOP, START], [START]),
        ([START, STOP], [START]),
        ([said("in", 0), STOP], [STOP]),
        ([STOP, BY_API], []),
        ([STOP, BY_CODE], []),
        ([said("S by the API", 0, "api"), STOP], []),
        ([said("S by the API", 0, "api"), STOP, START], [START]),
        ([STOP, said("in by the API", 3, "api")], []),
        ([], []),
    ],
)  # fmt: skip
def test_which_reply_may_be_confirmed(events: list[ConsentEvent], confirmed: list[ConsentEvent]) -> None:
    """The one that began what now holds, while nobody but replies has repeated it; nothing that came too late."""
    assert fold({}, events)[1] == confirmed


@pytest.mark.parametrize("order", list(permutations([STOP, said("in", 1), said("in", 0)])))
def test_a_stop_and_a_start_of_the_same_moment_are_a_stop(order: tuple[ConsentEvent, ...]) -> None:
    """In any order of arrival, and an older START never undoes a STOP."""
    assert fold({}, order)[0][ADA].opted_out


def test_a_reply_that_is_read_twice_is_new_once() -> None:
    """The second time the table knows it already, and nothing is written."""
    known, new = fold({}, [STOP])
    assert new == [STOP]
    assert fold(known, [STOP]) == ({}, [])


DECISIONS = st.builds(said, st.sampled_from("SIT"), st.integers(0, 3), st.sampled_from(["reply", "reply", "api"]))


@given(st.lists(DECISIONS, max_size=8), st.integers(0, 8))
def test_how_records_fall_into_batches_changes_nothing(events: list[ConsentEvent], cut: int) -> None:
    """Taken in at once or in two parts, the table is the same."""
    known: dict[str, Wanted] = {}
    for part in (events[:cut], events[cut:]):
        known |= fold(known, part)[0]
    assert known == fold({}, events)[0]


def doubt(second: int) -> ConsentEvent:
    """A reply that is probably an opt-out."""
    at = f"2026-03-01T12:00:{second:02d}.000Z"
    return OptOutSuspected(
        event_id=derived_id("doubt", second), occurred_at=at, recipient=ADA, received_at=at, inbound_id="1",
        reply=derived_id("reply", second),
    )  # fmt: skip


def dismissed(second: int) -> ConsentEvent:
    """Somebody read what came until then."""
    at = f"2026-03-01T12:00:{second:02d}.000Z"
    return OptOutDismissed(
        event_id=derived_id("dismissed", second), occurred_at=at, recipient=ADA, received_at=at, inbound_id="1",
        actor="a", reason="r",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("events", "held"),
    [
        ([doubt(1)], True),
        ([doubt(1), dismissed(1)], False),
        ([dismissed(1), doubt(1)], False),
        ([doubt(1), doubt(2), dismissed(1)], True),
        ([doubt(1), START], False),
        ([START, doubt(1)], False),
        ([doubt(4), START], True),
        ([doubt(3), START], True),
        ([doubt(1), STOP], False),
        ([doubt(1), STOP, START], False),
        ([START, doubt(4), dismissed(4), doubt(5)], True),
    ],
)
def test_a_reply_in_doubt_holds_until_it_is_read_or_taken_back(events: list[ConsentEvent], held: bool) -> None:
    """A START that is later, or a person who reads it, lets go; an opt-out needs no doubt."""
    wanted = fold({}, events)[0][ADA]
    assert wanted.in_doubt is held
    assert not held or not wanted.opted_out


FAR = "2099-01-01T00:00:00.000Z"


@pytest.mark.parametrize("source", ["api", "operator"])
def test_an_opt_out_by_hand_holds_against_all_before_it(source: str) -> None:
    """FAULTS D1: a START of 2099 kept every later one from working, though the API answered that nothing more is sent."""
    start = replace(said("in", 3), received_at=FAR)
    assert fold({}, [start, said("S by hand", 5, source)])[0][ADA].opted_out
    assert not fold({}, [said("S by hand", 5, source), said("in", 6)])[0][ADA].opted_out
