"""Whether this is still the log that a service's rows were made of: the last record that it took is read again and compared.

Offsets alone cannot tell: a topic that was deleted and made anew may well have as many records.
"""

from collections.abc import Mapping
from hashlib import blake2b

from infra.kafka.log import KafkaConnection, LogRewritten, Partition, Record, Scanner
from infra.postgres.offsets import Mark, Stored


def mark_of(record: Record) -> Mark:
    """What we remember of a record: when the broker took it, and a digest of its key and value."""
    digest = blake2b(record.key or b"", digest_size=8)
    digest.update(b"\0" + (record.value or b""))
    return Mark(record.timestamp, int.from_bytes(digest.digest(), "big", signed=True))


async def verify(connection: KafkaConnection, stored: Mapping[Partition, Stored], remedy: str) -> None:
    """Hold the mark of each partition against its log. Raises LogRewritten, whose last words are the `remedy`."""
    marked = {p: s for p, s in stored.items() if s.following > 0 and s.mark != Mark()}
    if not marked:
        return
    last = {p: s.following - 1 for p, s in marked.items()}
    async with Scanner(connection) as scanner:
        bounds = await scanner.bounds(last)
        for p, offset in last.items():
            if not bounds[p].begin <= offset < bounds[p].end:
                raise LogRewritten(
                    f"{p.topic}/{p.partition} holds offsets {bounds[p].begin} to {bounds[p].end}, but offset {offset} "
                    f"was taken from it: the topic was made anew, or cut. {remedy}"
                )
        async for records in scanner.read(last, {p: s.following for p, s in marked.items()}):
            for p, found in records.items():
                _compare(p, found[-1], marked[p], remedy)


def _compare(partition: Partition, record: Record, stored: Stored, remedy: str) -> None:
    if mark_of(record) != stored.mark:
        raise LogRewritten(
            f"{partition.topic}/{partition.partition} has another record at offset {stored.following - 1} than the one "
            f"that was taken: the topic was made anew, or restored from elsewhere. {remedy}"
        )
