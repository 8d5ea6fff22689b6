"""Where reading a partition may begin: the stored offset held against what the log still has."""

from typing import NamedTuple

from infra.kafka.errors import LogRewritten
from infra.kafka.records import Partition


class Bounds(NamedTuple):
    """The offsets a partition holds: `begin` is its first record's, `end` the next one to be written."""

    begin: int
    end: int


def start_offset(partition: Partition, stored: int | None, bounds: Bounds) -> int:
    """The offset to read from. LogRewritten when the stored one does not fit this log.

    Nothing stored: from the log's beginning, which is 0 in a topic that keeps for ever.
    """
    if stored is None:
        return bounds.begin
    name = f"{partition.topic}/{partition.partition}"
    if stored < bounds.begin:
        raise LogRewritten(
            f"{name} begins at offset {bounds.begin}, but we have read only up to {stored}: the records between are gone, "
            "by retention or by hand. Restore the topic, or accept the gap (`heliograph gap accept`, docs/operations.md)."
        )
    if stored > bounds.end:
        raise LogRewritten(
            f"{name} ends at offset {bounds.end}, but we have read up to {stored}: the topic was made anew, cut short, or an older log "
            "was restored. "
            "Restore the topic, or rebuild the tables from this log."
        )
    return stored
