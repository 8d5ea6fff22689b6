"""Whether this is still the log that a service's rows were made of: the last record that it took is read again and compared.

Offsets alone cannot tell: a topic that was deleted and made anew may well have as many records. Told apart are: the same
log; one trimmed to where it had been read (no gap, an alarm); one trimmed beyond (a gap: refused until an operator accepts
it, as an event); one that is shorter or holds another record (made anew, cut, or an older one restored: refused). How
many partitions there are is not looked at here: `heliograph topics` reports a number that differs.
"""

from collections.abc import Mapping
from hashlib import blake2b

import structlog

from contracts import topics
from contracts.events import GapAccepted, UnreadableEventError, decode
from infra.kafka.bounds import Bounds
from infra.kafka.log import KafkaConnection, LogRewritten, Partition, Record, Scanner, scan
from infra.postgres.offsets import Mark, Step, Stored
from infra.process.metrics import LOG_GAPS, LOG_TRIMMED

log = structlog.get_logger(__name__)


def mark_of(record: Record) -> Mark:
    """What we remember of a record: when the broker took it, and a digest of its key and value."""
    digest = blake2b(record.key or b"", digest_size=8)
    digest.update(b"\0" + (record.value or b""))
    return Mark(record.timestamp, int.from_bytes(digest.digest(), "big", signed=True))


async def verify(
    connection: KafkaConnection, stored: Mapping[Partition, Stored], remedy: str, service: str
) -> dict[Partition, Step]:
    """Hold each partition's offset and mark against its log; gives the steps over gaps that an operator accepted.

    Raises LogRewritten, whose last words are the `remedy`, when the log is another, or has a gap that nobody accepted.
    """
    async with Scanner(connection) as scanner:
        bounds = await scanner.bounds(stored)
        last = {}
        for p, at in stored.items():
            if at.following > bounds[p].end:
                raise LogRewritten(
                    f"{p.topic}/{p.partition} holds offsets {bounds[p].begin} to {bounds[p].end}, but offset "
                    f"{at.following - 1} was taken from it: the topic was made anew, or cut, or an older log was "
                    f"restored. {remedy}"
                )
            if at.following > bounds[p].begin and at.mark != Mark():
                last[p] = at.following - 1
            elif 0 < at.following == bounds[p].begin:
                _alarm(p, at)
        if last:
            async for records in scanner.read(last, {p: stored[p].following for p in last}):
                for p, found in records.items():
                    _compare(p, found[-1], stored[p], remedy)
    return await _over_gaps(connection, stored, bounds, service)


def _alarm(partition: Partition, at: Stored) -> None:
    LOG_TRIMMED.labels(partition.topic).inc()
    log.error(
        "log_trimmed", topic=partition.topic, partition=partition.partition, begins=at.following,
        hint="all that is gone had been read, so this goes on; a rebuild would miss it. Set retention.ms=-1.",
    )  # fmt: skip


async def _over_gaps(
    connection: KafkaConnection, stored: Mapping[Partition, Stored], bounds: Mapping[Partition, Bounds], service: str
) -> dict[Partition, Step]:
    gaps = {p: bounds[p].begin for p, at in stored.items() if at.following < bounds[p].begin}
    accepted = await accepted_gaps(connection, service) if gaps else {}
    for p, begin in gaps.items():
        read = stored[p].following
        if accepted.get(p, 0) < begin:
            raise LogRewritten(
                f"{p.topic}/{p.partition} begins at offset {begin}, but {service} has read only up to {read}: "
                f"{begin - read} records are gone unread. Restore the topic; or, where there is no copy, accept it: "
                f"heliograph gap accept {service} {p.topic}/{p.partition} --reason ... (docs/operations.md)."
            )
    for p, begin in gaps.items():
        LOG_GAPS.labels(p.topic).inc()
        log.error("gap_skipped", topic=p.topic, partition=p.partition, read_to=stored[p].following, begins=begin)
    return {p: Step(stored[p].following, begin, Mark()) for p, begin in gaps.items()}


async def accepted_gaps(connection: KafkaConnection, service: str) -> dict[Partition, int]:
    """Up to which offset operators accepted, for this service, that a partition's records are gone."""
    found: dict[Partition, int] = {}
    async for batch in scan(connection, [topics.PROJECTION_CONTROL]):
        for record in (record for records in batch.values() for record in records):
            try:
                event = decode(record.value)
            except UnreadableEventError:
                continue
            if isinstance(event, GapAccepted) and event.service == service:
                at = Partition(event.topic, event.partition)
                found[at] = max(event.offset, found.get(at, 0))
    return found


def _compare(partition: Partition, record: Record, stored: Stored, remedy: str) -> None:
    if mark_of(record) != stored.mark:
        raise LogRewritten(
            f"{partition.topic}/{partition.partition} has another record at offset {stored.following - 1} than the one "
            f"that was taken: the topic was made anew, or restored from elsewhere. {remedy}"
        )
