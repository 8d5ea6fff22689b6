"""Batches of every format are held to their checksum."""

import pytest
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder

from infra.kafka.fast_records import _Batches


def _current() -> bytes:
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1_000)
    builder.append(0, 1, b"key", b"value", [])
    return bytes(builder.build())


def _old() -> bytes:
    builder = LegacyRecordBatchBuilder(1, 0, 1_000)
    builder.append(0, 1, b"key", b"value")
    return bytes(builder.build())


@pytest.mark.parametrize("raw", [_current(), _old()], ids=["format 2", "format 1"])
def test_a_batch_is_held_to_its_checksum(raw: bytes) -> None:
    """Whole it is read; with a bit changed it is refused, by its offset."""
    assert [record.value for record in _Batches(raw).next_batch()] == [b"value"]
    place = raw.rindex(b"value")
    spoilt = raw[:place] + b"V" + raw[place + 1 :]
    with pytest.raises(CorruptRecordException, match=r"offset 0 .* fails its CRC"):
        _Batches(spoilt).next_batch()
