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
    chunk: int


def belongs(chunk: int, attempt: int, part: str) -> Fact:
    """The least fact of an offer: the message is in this batch, and what is known of it is what is known of the batch."""
    return Fact(False, attempt, part, 0, "", "", "", -1, 0, "", chunk)


def fact(
    *,
    chunk: int,
    attempt: int,
    part: str,
    rank: int,
    status: str,
    at: str,
    provider_status: str = "",
    code: int = -1,
    parts: int = 0,
    batch_id: str = "",
) -> Fact:
    """A fact about one message, in the order of comparison."""
    return Fact(rank == DELIVERED_RANK, attempt, part, rank, at, status, provider_status, code, parts, batch_id, chunk)
