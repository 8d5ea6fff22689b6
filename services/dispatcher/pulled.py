"""A report fetched from Sinch → what of it goes into the log. Pure.

Sinch tells all of a batch at every look, for as long as one phone of its thousand is off. Only what the tables do not
show yet is said, or the log would take a thousand events a look.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts import topics
from contracts.events import encode
from contracts.identity import Reference
from contracts.pulls import pulled
from contracts.statuses import DELIVERED_RANK, standing_of
from infra.kafka.log import Entry
from infra.sinch.wire.callbacks import BatchReport


@dataclass(frozen=True, slots=True)
class Shown:
    """What the tables show of a message: its offer's attempt, and the greatest of Sinch's words; None: none yet."""

    attempt: int
    word: str | None


def is_complete(report: BatchReport) -> bool:
    """Whether nothing more is to be expected of this batch."""
    return bool(report.statuses) and all(standing_of(line.status).final for line in report.statuses)


def recipients_of(report: BatchReport) -> list[str]:
    """Everybody whom it names."""
    return [recipient for line in report.statuses for recipient in line.recipients or ()]


def is_news(word: str, attempt: int, shown: Shown | None) -> bool:
    """Whether this word about this attempt is more than the tables show: greater in the lattice of statuses."""
    rank = standing_of(word).rank
    if shown is None or shown.attempt < attempt:
        return True  # they are behind the log
    known = 0 if shown.word is None else standing_of(shown.word).rank
    if shown.attempt > attempt:
        return rank == DELIVERED_RANK > known
    return rank > known


def news(report: BatchReport, reference: Reference, shown: Mapping[str, Shown], now: str) -> list[Entry]:
    """The report's news as ordinary events."""
    return [
        Entry(
            topics.DELIVERY_REPORTS,
            reference.key,
            encode(pulled(report.batch_id, reference, recipient, (line.status, line.code), now)),
        )
        for line in report.statuses
        for recipient in line.recipients or ()
        if is_news(line.status, reference.attempt, shown.get(recipient))
    ]
