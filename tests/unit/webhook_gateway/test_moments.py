"""Moments written a second's worth at a time."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from infra.process.world import iso
from services.webhook_gateway.moments import Moments

MILLIS = st.integers(0, 4_102_444_800_000)  # to the year 2100


@given(st.lists(MILLIS, min_size=1, max_size=5))
def test_they_are_written_as_everywhere(millis: list[int]) -> None:
    """Whatever was written before."""
    moments = Moments()
    for each in [*millis, millis[0] + 1, millis[0]]:
        written = moments.text(each / 1000 + 0.0001)
        assert written == iso(datetime.fromtimestamp(each // 1000, UTC))[:20] + f"{each % 1000:03d}Z"
