"""The partitioner agrees with Kafka's own clients."""

import pytest
from aiokafka.partitioner import murmur2
from hypothesis import given
from hypothesis import strategies as st

from infra.kafka.partitioner import partition_for


@pytest.mark.parametrize(
    ("key", "digest"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_digest_is_kafkas(key: bytes, digest: int) -> None:
    """The vectors of Kafka's own `UtilsTest.testMurmur2` hold (there as signed 32-bit numbers)."""
    assert murmur2(key) == digest & 0xFFFFFFFF


@given(st.text(), st.integers(min_value=1, max_value=1_000))
def test_a_partition_is_one_of_the_topics(key: str, partitions: int) -> None:
    """Whatever the key, its partition exists."""
    assert 0 <= partition_for(key, partitions) < partitions


@given(st.text(), st.integers(min_value=1, max_value=100))
def test_a_sign_bit_is_dropped(key: str, partitions: int) -> None:
    """The partition is the digest without its sign bit, modulo the partitions, as in `toPositive(murmur2(key)) % n`."""
    assert partition_for(key, partitions) == (murmur2(key.encode()) % 2**31) % partitions
