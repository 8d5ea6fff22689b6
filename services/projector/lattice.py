"""A message's state as the join of its facts: a maximum, so neither order nor repetition of the facts matters.

The table of words, ranks and meanings is `contracts/statuses.py`; here is only the order among facts. The SQL of
`projections/messages.py` compares the same fields in the same order.
"""

from typing import NamedTuple

from contracts.statuses import DELIVERED_RANK


class Fact(NamedTuple):
    """One fact about one message; the greatest is its state. Field order is the order of comparison.

    `delivered` puts a delivery in any attempt on top. `reported_at` is the fixed-form timestamp, empty where nothing
    was reported. `code` -1 and `parts` 0 mean not told.
    """

    delivered: bool
    attempt: int
    part: str
    rank: int
    reported_at: str
    status: str
    provider_status: str
    code: int
    parts: int
    batch_id: str


FactRow = tuple[bool, int, str, int, str, str, str, int, int, str]
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
    return Fact(False, attempt, part, 0, "", "", "", -1, 0, "")


def own(*, attempt: int, part: str, rank: int, status: str, at: str) -> Fact:
    """A fact of ours about one message."""
    return Fact(rank == DELIVERED_RANK, attempt, part, rank, at, status, "", -1, 0, "")
