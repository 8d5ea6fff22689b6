"""aiokafka's records as its parser makes them, many at once: half of what reading one takes (docs/performance.md).

aiokafka makes a dataclass of eleven fields of each, of which nobody here needs the topic (it is the key of what is read)
or the sizes, and hands them on one by one through two Python functions. It works their checksum out by a table, ten
times slower than the processor does. The only file that knows how its fetcher makes records; pyproject.toml holds
aiokafka to 0.14.
"""

from itertools import islice
from typing import Any

from aiokafka import conn
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.memory_records import _MemoryRecordsPy
from aiokafka.structs import TopicPartition
from crc32c import crc32c

OFFSET, CHECKSUM, CHECKED = slice(8), slice(17, 21), slice(21, None)
"""Of a record batch: https://kafka.apache.org/documentation/#recordbatch"""

ANSWER_BYTES = 4 * 1024 * 1024
"""Of a broker's answer, taken from the socket without a stop; aiokafka stops after every 128 KB and starts again."""


class _Batches(_MemoryRecordsPy):  # type: ignore[misc]  # aiokafka has no types
    """What was fetched of one partition, each batch held to its checksum as it is taken."""

    at: TopicPartition | None = None

    def next_batch(self) -> Any:
        raw = self._next_slice
        batch = super().next_batch()
        if isinstance(batch, DefaultRecordBatch):
            whole = crc32c(raw[CHECKED]) == int.from_bytes(raw[CHECKSUM], "big")
        else:  # of a format before Kafka 0.11
            whole = batch.validate_crc()
        if not whole:
            offset = int.from_bytes(raw[OFFSET], "big")
            raise CorruptRecordException(f"the batch at offset {offset} of {self.at} fails its CRC")
        return batch


class _Records(fetcher.PartitionRecords):  # type: ignore[misc]
    def __init__(self, at: TopicPartition, batches: _Batches, *more: Any) -> None:
        super().__init__(at, batches, *more)
        batches.at = at
        self._check_crcs = False  # done


def _as_parsed(_fetcher: Any, _at: Any, raw: Any) -> Any:
    return raw


def _taken(result: Any, max_records: int | None = None) -> list[Any]:
    """What `FetchResult.getall` gives: the next records of one partition, none when it was sought, paused or lost."""
    if not result.check_assignment(result._topic_partition) or not result.has_more():  # noqa: SLF001
        return []
    records = list(islice(result._partition_records._records_iterator, max_records))  # noqa: SLF001
    result._update_position()  # noqa: SLF001
    if max_records is None or len(records) < max_records:
        result._partition_records = None  # noqa: SLF001
    return records


def use_fast_records() -> None:
    """Let every consumer of this process make them. Doing it twice changes nothing."""
    fetcher.PartitionRecords._consumer_record = _as_parsed  # noqa: SLF001 - see above
    fetcher.FetchResult.getall = _taken
    fetcher.MemoryRecords = _Batches
    fetcher.PartitionRecords = _Records
    conn.READER_LIMIT = ANSWER_BYTES
