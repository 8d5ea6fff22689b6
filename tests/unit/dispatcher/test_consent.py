"""What a number wants, and which of its replies may be confirmed."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events import ConsentEvent, RecipientOptedIn, RecipientOptedOut
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
