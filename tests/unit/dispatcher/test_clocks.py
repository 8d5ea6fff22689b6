"""From when on Sinch's list is asked, and how far apart three clocks are."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dispatcher.clocks import apart, asked_from
from services.dispatcher.doubt import LISTED_SECONDS

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
MOST_APART = 3600.0
"""What SINCH_MAX_CLOCK_SKEW may be at most."""


@given(st.floats(0, LISTED_SECONDS), st.floats(-MOST_APART, MOST_APART))
def test_a_batch_is_in_the_window_as_long_as_its_absence_would_count(age: float, ahead: float) -> None:
    """However far the database's clock is ahead of Sinch's, within the setting, and however old the doubt is."""
    attempted_at = NOW - timedelta(seconds=age)
    created_at_sinch = attempted_at - timedelta(seconds=ahead)
    assert asked_from(attempted_at, NOW) < created_at_sinch


def test_nothing_older_than_sinchs_list_is_asked_for() -> None:
    """14 days: what Sinch says to an earlier moment is not documented."""
    assert asked_from(NOW - timedelta(days=30), NOW) == NOW - timedelta(days=14)


@pytest.mark.parametrize(
    ("database", "sinch", "seconds"),
    [(0, None, 0), (600, None, 600), (0, -600, 600), (-100, 200, 300), (100, 200, 200), (-100, None, 100)],
)
def test_the_two_furthest_apart_count(database: float, sinch: float | None, seconds: float) -> None:
    """Sinch's may be unknown; then the other two."""
    assert apart(NOW, NOW + timedelta(seconds=database), sinch) == seconds
