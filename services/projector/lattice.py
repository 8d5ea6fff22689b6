"""A message's state as the join of its facts: a maximum, so neither order nor repetition of the facts matters.

The table of words, ranks and meanings is `contracts/statuses.py`; here is only the order among facts. The SQL of
`projections/messages.py` compares the same fields in the same order.
"""

from typing import NamedTuple

from contracts.statuses import DELIVERED_RANK


class Height(NamedTuple):
    """What decides before the moment does. `delivered` puts a delivery in any attempt on top."""

    delivered: bool
    attempt: int
    part: str
    rank: int


class Words(NamedTuple):
    """What decides after it. `code` -1 and `parts` 0 mean not told."""

    status: str
    provider_status: str = ""
    code: int = -1
    parts: int = 0
    batch_id: str = ""


class Fact(NamedTuple):
    """One fact about one message; the greatest is its state. The order of all fields is the order of comparison.

    `reported_at` is the fixed-form timestamp, empty where nothing was reported. Thousands of facts share their height
    and their words, which are made once.
    """

    height: Height
    reported_at: str
    words: Words


FactRow = tuple[Height, str, Words]
"""A `Fact` by its fields in order: the fold makes a hundred thousand a second."""


class Follow(NamedTuple):
    """What is known of follow-ups; each field joins by maximum.

    `retries`: the campaign sends again what may pass. `scheduled` and `given_up`: the last attempt of which the
    dispatcher said that it will be followed by another, or by none; 0 for none.
    """

    retries: bool = False
    scheduled: int = 0
    given_up: int = 0

    def join(self, other: "Follow") -> "Follow":
        """What both know."""
        return Follow(
            self.retries or other.retries,
            max(self.scheduled, other.scheduled),
            max(self.given_up, other.given_up),
        )


def belongs(attempt: int, part: str) -> Fact:
    """The least fact of an offer: the message is in this batch, and what is known of it is what is known of the batch."""
    return Fact(Height(False, attempt, part, 0), "", Words(""))


def own(*, attempt: int, part: str, rank: int, status: str, at: str) -> Fact:
    """A fact of ours about one message."""
    return Fact(Height(rank == DELIVERED_RANK, attempt, part, rank), at, Words(status))
