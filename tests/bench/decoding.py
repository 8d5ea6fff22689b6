"""The projector's yardstick: a process that reads the reports from the log as the projector reads, and only decodes them.

`python -m tests.bench.decoding localhost:9092` prints records a second, from the first one on.
"""

import asyncio
import gc
import sys
import time

import uvloop

from contracts import topics
from contracts.events import decode
from infra.kafka.connection import KafkaConnection
from infra.kafka.log import Scanner
from infra.process.memory import keep_freed_memory
from services.projector.app import FETCH_BYTES, YOUNG_OBJECTS
from tests.bench.processes import ROOT


async def decode_only(kafka: KafkaConnection) -> float:
    """Its figure, from a process of its own: what else the caller holds would slow the collector down."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.decoding", kafka.bootstrap_servers, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await child.communicate()
    return float(said)


async def _measure(kafka: KafkaConnection) -> float:
    count, began = 0, 0.0
    async with Scanner(kafka, max_partition_fetch_bytes=FETCH_BYTES) as scanner:
        bounds = await scanner.bounds(await scanner.partitions([topics.DELIVERY_REPORTS]))
        starts, ends = {p: b.begin for p, b in bounds.items()}, {p: b.end for p, b in bounds.items()}
        async for batch in scanner.read(starts, ends):
            if not began:
                began = time.monotonic()
                continue
            for records in batch.values():
                for record in records:
                    decode(record.value)
                count += len(records)
    return count / (time.monotonic() - began)


if __name__ == "__main__":
    keep_freed_memory()
    gc.set_threshold(YOUNG_OBJECTS)
    gc.freeze()
    print(uvloop.run(_measure(KafkaConnection(sys.argv[1]))))
