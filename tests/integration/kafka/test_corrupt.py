"""A batch of records whose bytes have changed on the broker's disk."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.kafka.log import Appender, Entry, LogUnavailable, Partition, ReaderLost, Scanner
from tests.integration.kafka.brokers import TOPIC, Broker
from tests.integration.kafka.readers import MakeReader, read_until

pytestmark = pytest.mark.faults

MANY, FEW = 400, 3
"""Records of all partitions; of one of them, in a batch after that."""


@dataclass
class Spoilt:
    """A byte of a value in the log of a partition; the batch that holds it begins at `offset`."""

    partition: Partition
    offset: int
    segment: Path
    place: int

    @property
    def words(self) -> str:
        """What is said of it."""
        return rf"batch at offset {self.offset} of .*partition={self.partition.partition}\) fails its CRC"

    def turn(self) -> None:
        """Change a bit of it; done twice it is what it was."""
        with self.segment.open("r+b") as file:
            file.seek(self.place)
            byte = file.read(1)[0]
            file.seek(self.place)
            file.write(bytes([byte ^ 1]))


@pytest.fixture
async def spoilt(broker: Broker, appender: Appender) -> Spoilt:
    """The second batch of one partition is spoilt, its first and the other partitions are whole."""
    await appender.append_all([Entry(TOPIC, f"{n}", b"first") for n in range(MANY)])
    second = await appender.append_all([Entry(TOPIC, "0", b"second") for _ in range(FEW)])
    partition = Partition(TOPIC, second[0].partition)
    directory = f"{broker.connection.topic(TOPIC)}-{partition.partition}"
    segment = broker.kafka.output.parent / "data" / directory / f"{0:020}.log"
    spoilt = Spoilt(partition, second[0].offset, segment, segment.read_bytes().rindex(b"second"))
    spoilt.turn()
    return spoilt


async def test_a_reader_stops_at_a_batch_that_is_spoilt(spoilt: Spoilt, make_reader: MakeReader) -> None:
    """It ends and says where; one that is started when the batch is whole again reads everything."""
    reader = make_reader()
    await reader.start()
    with pytest.raises(ReaderLost, match=spoilt.words):
        await read_until(reader, MANY + FEW)
    await reader.stop()
    spoilt.turn()
    again = make_reader()
    await again.start()
    found = await read_until(again, MANY + FEW)
    assert [record.offset for record in found[spoilt.partition]] == list(range(spoilt.offset + FEW))


async def test_a_scan_stops_at_a_batch_that_is_spoilt(spoilt: Spoilt, broker: Broker) -> None:
    """What is made from a log that cannot be read whole would be wrong."""
    with pytest.raises(LogUnavailable, match=spoilt.words):
        await _scanned(broker, spoilt)


async def _scanned(broker: Broker, spoilt: Spoilt) -> None:
    ends = {spoilt.partition: spoilt.offset + FEW}
    async with Scanner(broker.connection) as scanner:
        async for records in scanner.read({spoilt.partition: 0}, ends, max_records=spoilt.offset):
            assert all(record.value == b"first" for record in records[spoilt.partition])
