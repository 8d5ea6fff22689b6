"""Which reported failures may pass by themselves: one rule for who sends again and for who says what is final."""

from contracts.codes import CODES, Permanence
from contracts.statuses import standing_of

TEMPORARY = frozenset(n for n, code in CODES.items() if n != 0 and code.permanence is Permanence.TEMPORARY)
"""Delivery codes of failures that may pass. Code 0 says nothing: it also comes with successes."""
NEVER_AGAIN = frozenset({"delivered", "unknown"})
"""Final statuses after which sending again could be a second message; `unknown` may have been delivered."""


def may_pass(word: str, code: int) -> bool:
    """Whether Sinch's `word` with delivery code `code` is a final failure that another attempt may mend."""
    if code not in TEMPORARY:
        return False
    standing = standing_of(word)
    return standing.final and standing.status not in NEVER_AGAIN
