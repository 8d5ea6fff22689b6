"""Which partition a key belongs to: murmur2, as in Kafka's own clients, so that every writer agrees.

Source: `BuiltInPartitioner.partitionForKey` and `Utils.murmur2` of kafka-clients. aiokafka's murmur2 is pure Python,
about 6 µs a key (PERFORMANCE.md); a report's key is that of its chunk, so a small cache meets nearly all of them.
"""

from functools import lru_cache

from aiokafka.partitioner import murmur2

CACHED_KEYS = 16_384  # 16 million recipients' worth of chunks; about 3 MB
POSITIVE = 0x7FFFFFFF  # Kafka's toPositive: drops the sign bit


@lru_cache(maxsize=CACHED_KEYS)
def partition_for(key: str, partitions: int) -> int:
    """The partition of `key` in a topic of so many partitions."""
    digest: int = murmur2(key.encode())
    return (digest & POSITIVE) % partitions
