"""What an operator is told about a doubt."""

import pytest

from contracts.identity import Reference
from services.dispatcher.by_hand import OpenDoubt
from services.dispatcher.doubt import LISTED_SECONDS, Case, Rule

RULE = Rule(looks=3, settle=60)
REFERENCE = Reference("01a209a3-e982-704d-ba49-2ddcb550edc8", 0, 1)
OLD = LISTED_SECONDS + 1.0


@pytest.mark.parametrize(
    ("case", "look_in", "words"),
    [
        (Case(0, 5.0), 12.0, "look 1 of 3 at Sinch in 12 s; if it is not there, it is looked for again"),
        (Case(2, 90.0), -1.0, "look 3 of 3 at Sinch now; if it is not there, it is offered again"),
        (Case(2, 90.0, cancelled=True), 1.0, "look 3 of 3 at Sinch in 1 s; if it is not there, it is cancelled"),
        (Case(0, OLD), 1.0, "look 1 of 3 at Sinch in 1 s; if it is not there, it is given up"),
        (Case(0, OLD, "at_least_once"), 1.0, "look 1 of 3 at Sinch in 1 s; if it is not there, it is offered again"),
    ],
)
def test_the_next_step_in_words(case: Case, look_in: float, words: str) -> None:
    """What the next look will decide when it finds nothing."""
    assert OpenDoubt(REFERENCE, 1, case, look_in).next_step(RULE) == words
