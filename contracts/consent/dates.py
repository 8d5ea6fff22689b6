"""The moment at which a word about consent counts: Sinch's `received_at`, as far as its arrival lets it be true. Pure.

A clock can be wrong, and a callback can be forged. Wherever a date is in doubt, silence is the smaller mistake: an opt-out
counts as late as it can have been, an opt-in as early. All moments are in the form of `contracts.events.base.Timestamp`.
"""

from datetime import datetime, timedelta

AHEAD = timedelta(minutes=1)
"""By so much Sinch's clock may be ahead of ours. An opt-out is believed that far; an opt-in never beyond its arrival, or an
opt-out that follows it at once would seem older."""
RETRIED = timedelta(hours=46)
"""Sinch repeats a callback for so long (CONTRACT §4.3, 163,835 s): an opt-in without a date is at most so old."""
OLDEST = timedelta(days=14)
"""Before its arrival. Sinch keeps a message for no longer: an older date is no date, and an opt-out then counts from its
arrival on."""


def is_ahead(received_at: str, arrived: str) -> bool:
    """Whether it claims to be of a later time than clocks can excuse."""
    return received_at > moved(arrived, AHEAD)


def opted_out_at(received_at: str, arrived: str) -> str:
    """When a reply that opts out counts; `received_at` may be empty."""
    if received_at < moved(arrived, -OLDEST):
        return arrived
    return min(received_at, moved(arrived, AHEAD))


def opted_in_at(received_at: str, arrived: str) -> str:
    """When a word that opts in counts; `received_at` may be empty."""
    return min(received_at or moved(arrived, -RETRIED), arrived)


def moved(moment: str, by: timedelta) -> str:
    """The moment so much later; itself at an end of the calendar."""
    try:
        moved = datetime.fromisoformat(moment) + by
    except (ValueError, OverflowError):
        return moment
    return moved.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
