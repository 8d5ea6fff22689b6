"""What the guard says of an offer that does not fit."""

import pytest

from services.dispatcher.guard import Same, Verdict, Word, judge


@pytest.mark.parametrize(
    ("proof", "reason", "same", "waits", "verdict"),
    [
        ("B", "first", None, True, Same("B")),  # a report came while it waited: Sinch has it
        (None, "absent", "A", False, Same("A")),  # what it is offered instead of was there after all
        (None, "split", "A", True, Same("A")),
        (None, "follow_up", "A", True, Word.WAIT),  # the first POST still waits for its answer
        (None, "absent", None, True, Word.WAIT),
        (None, "follow_up", "A", False, Word.NEVER),
        (None, "first", "A", False, Word.NEVER),  # a mistake of the ledger
    ],
)  # fmt: skip
def test_what_follows(proof: str | None, reason: str, same: str | None, waits: bool, verdict: Verdict) -> None:
    """It is ended for good only where it would be a second message that nobody asked for."""
    assert judge(proof, reason, same, waits=waits) == verdict
