"""A stored offset is held against what the log still has."""

import pytest

from infra.kafka.bounds import Bounds, start_offset
from infra.kafka.errors import LogRewritten
from infra.kafka.records import Partition

DISPATCHES_3 = Partition("dispatches", 3)


@pytest.mark.parametrize("stored", [10, 15, 20])
def test_a_stored_offset_inside_the_log_is_kept(stored: int) -> None:
    """Reading goes on at the stored offset, from the first record to the end inclusive."""
    assert start_offset(DISPATCHES_3, stored, Bounds(10, 20)) == stored


def test_a_partition_never_read_starts_at_its_beginning() -> None:
    """Without a stored offset reading begins where the log does."""
    assert start_offset(DISPATCHES_3, None, Bounds(10, 20)) == 10


def test_a_beginning_beyond_the_stored_offset_is_refused() -> None:
    """Records that are gone before they were read are named, not skipped."""
    with pytest.raises(LogRewritten, match=r"dispatches/3 begins at offset 10, but we have read only up to 9"):
        start_offset(DISPATCHES_3, 9, Bounds(10, 20))


def test_a_stored_offset_beyond_the_end_is_refused() -> None:
    """A log shorter than what was read of it is another log."""
    with pytest.raises(LogRewritten, match=r"dispatches/3 ends at offset 20, but we have read up to 21.*made anew"):
        start_offset(DISPATCHES_3, 21, Bounds(10, 20))
