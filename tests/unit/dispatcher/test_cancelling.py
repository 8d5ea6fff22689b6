"""Which of Sinch's answers to a cancel is its last word."""

import pytest

from infra.sinch.outcomes import Blocked, NoAnswer, Refused, SinchError, SlowDown
from infra.sinch.wire.errors import ApiError, Shape
from services.dispatcher.cancelling import FEWEST_ASKS, UNKNOWN, Asked, last_word
from services.dispatcher.doubt import LISTED_SECONDS

SETTLE = 60.0
TOO_LATE = Refused(ApiError(403, "conflict_send_at", "It has been sent.", Shape.SINCH))
UNAUTHORIZED = Blocked(ApiError(401, "", "", Shape.EMPTY))


@pytest.mark.parametrize(
    ("outcome", "asked", "word"),
    [
        ("canceled", Asked(1, 0.0), "canceled"),
        ("not canceled", Asked(1, 0.0), "not canceled"),
        (TOO_LATE, Asked(1, 0.0), "403 conflict_send_at"),
        (UNAUTHORIZED, Asked(1, 0.0), None),
        (UNAUTHORIZED, Asked(50, LISTED_SECONDS), None),
        (NoAnswer("status 500"), Asked(50, 3600.0), None),
        (SlowDown(None), Asked(50, 3600.0), None),
        (None, Asked(1, 3600.0), None),
        (None, Asked(FEWEST_ASKS, SETTLE - 1), None),
        (None, Asked(FEWEST_ASKS, SETTLE), UNKNOWN),
        (NoAnswer("status 500"), Asked(50, LISTED_SECONDS + 1), "older than what Sinch keeps, and never cancelled: status 500"),
    ],
)  # fmt: skip
def test_a_cancel_is_asked_until_sinch_says_a_word_that_ends_it(
    outcome: str | SinchError | None, asked: Asked, word: str | None
) -> None:
    """Neither a wrong token nor an early 404 ends it; an answer about the batch does, and the end of what Sinch keeps."""
    assert last_word(outcome, asked, SETTLE) == word
