"""Sinch's clock, the database's and ours. Pure.

Sinch's list is asked from a moment on, and a doubt is as old as the database's clock says. Both are only true while the
clocks agree well enough: a list that was asked from too late a moment is empty, and empty would mean "offer it again".
"""

from datetime import UTC, datetime, timedelta

from infra.sinch.wire.batches import LIST_WINDOW_SECONDS

WINDOW = timedelta(days=1)
"""The list is asked from so long before the attempt; the reference keeps the answer small. Clocks may differ by less."""

LISTED = timedelta(seconds=LIST_WINDOW_SECONDS)


def asked_from(attempted_at: datetime, now: datetime) -> datetime:
    """From when on to ask for an offer that was attempted then; both moments are the database's.

    Never from before what Sinch lists: what it says to that is not documented.
    """
    return max(attempted_at.astimezone(UTC) - WINDOW, now.astimezone(UTC) - LISTED)


def apart(ours: datetime, database: datetime, sinch_ahead: float | None) -> float:
    """Seconds between the two of the three clocks that are furthest apart, read at about one moment.

    `sinch_ahead`: by how much Sinch's clock is ahead of ours; None: it never told.
    """
    ahead = [0.0, (database - ours).total_seconds(), *([] if sinch_ahead is None else [sinch_ahead])]
    return max(ahead) - min(ahead)
