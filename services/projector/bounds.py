"""What the columns hold. Pure.

A figure beyond its column says nothing, and the fact is worth more than the figure: it is shown as the bound. A text that
the database would read as something else than we do is refused, as the database refuses what it cannot read.
"""

from collections.abc import Iterable

from contracts.events.base import is_moment

LEAST_CODE, MOST_CODE = -(2**31), 2**31 - 1
MOST_PARTS = 2**15 - 1
MOST_ATTEMPT = 2**31 - 1


def code_of(code: int) -> int:
    """A code of Sinch's, as an integer of 32 bits."""
    return max(LEAST_CODE, min(code, MOST_CODE))


def parts_of(parts: int | None) -> int:
    """A number of message parts, of 16 bits; 0 where it was not told."""
    return max(0, min(parts or 0, MOST_PARTS))


def attempt_of(attempt: int | None) -> int:
    """An attempt in a line of history, of 32 bits: the view takes lines apart that no table has compared before."""
    return max(-MOST_ATTEMPT - 1, min(attempt or 0, MOST_ATTEMPT))


def existing(moment: str) -> str:
    """The moment. ValueError for what PostgreSQL takes for one and nobody else: `infinity`, `now`."""
    if not is_moment(moment):
        raise ValueError(f"{moment!r} is not a moment")
    return moment


def require_one_form(campaigns: Iterable[str]) -> None:
    """ValueError unless every id is written as the database writes it: two spellings of one would be two campaigns here."""
    for campaign_id in campaigns:
        if campaign_id != campaign_id.lower():
            raise ValueError("a campaign_id has capital letters")
