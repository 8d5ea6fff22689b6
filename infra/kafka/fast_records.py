"""aiokafka's records as its parser makes them, many at once: half of what reading one takes (docs/performance.md).

aiokafka makes a dataclass of eleven fields of each, of which nobody here needs the topic (it is the key of what is read)
or the sizes, and hands them on one by one through two Python functions. The only file that knows how its fetcher makes
records; pyproject.toml holds aiokafka to 0.14.
"""

from itertools import islice
from typing import Any

from aiokafka.consumer import fetcher


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
