"""Benchmark `webhook`: the gateway as it is run, on one core, beside an aiohttp app that only reads the body.

The gateway does all it does in production: token, signature, append acknowledged by a real broker, a JSON log line to
a file, metrics. Load and broker are held to the other cores. Every request is its own, signed with a nonce of its own:
a repeated one would be recognised and cost less.
"""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from contracts import topics
from contracts.consent import Keywords
from infra.kafka.connection import KafkaConnection
from infra.kafka.log import Appender, Entry, Partition, Scanner, scan
from infra.process.ports import free_port
from infra.process.world import SystemIds, World
from infra.sinch.wire.callback_bytes import encode_callback
from infra.sinch.wire.callbacks import BatchReport, StatusCount
from infra.sinch.wire.signature import signature_headers
from services.webhook_gateway.translate import Translator
from tests.bench.gateway import CONNECTIONS, SECRET, TARGET, broker, gateway, reports
from tests.bench.generator import Load, load, post, write_requests
from tests.bench.harness import Row, measured_core, other_cores, publish, row
from tests.bench.processes import cpu_seconds, pinned, until_answers
from tests.memory import resident_mb

SECONDS = 8
ROUNDS = 5
ROUND_SECONDS = 4
WARM_SECONDS = 5
SETTLE_SECONDS = 0.5
REQUESTS = 160_000  # more than one round takes, so none is sent twice; about 128 MB in wrk's memory
FULL_RECIPIENTS = 1_000
RAW_RECORDS = 200_000


@dataclass(frozen=True)
class Place:
    """Where things are during the benchmark."""

    folder: Path
    kafka: KafkaConnection
    broker: int
    rounds: list[Path]
    warm: Path
    full: Path


@dataclass(frozen=True)
class Measured:
    """One program under load: what the load saw, processor time a request, memory."""

    load: Load
    micros: float
    megabytes: float

    def __str__(self) -> str:
        return f"{self.load}, {self.micros:.1f} µs of processor a request"


def main() -> None:
    """`make bench NAME=webhook`."""
    sys.stdout.write(f"{publish('webhook', asyncio.run(_measure()))}\n")


async def _measure() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="heliograph-bench-") as name:
        folder = Path(name)
        async with broker(folder) as (kafka, pid):
            rounds = [folder / f"round-{number}" for number in range(ROUNDS)]
            place = Place(folder, kafka, pid, rounds, folder / "warm", folder / "full")
            for path in (*rounds, place.warm):
                write_requests(path, reports(REQUESTS))
            write_requests(place.full, _full_reports(500))
            return await _rows(place)


async def _rows(place: Place) -> list[Row]:
    pairs, missing, answered = await _proven(place)
    ratios = sorted(ours.load.per_second / floor.load.per_second for floor, ours in pairs)
    floor, one = _median(pairs, lambda measured: measured.load.per_second)
    cheap, micros = _median(pairs, lambda measured: measured.micros)
    early, late = _median(pairs, lambda measured: measured.load.p99_ms)
    bare_floor, bare = _median(await _bare(place), lambda measured: measured.load.per_second)
    body_only = "aiohttp app that only reads the body"
    between = f"median of {ROUNDS} rounds that took turns; ratios {', '.join(f'{ratio:.2f}' for ratio in ratios)}"
    return [
        row(
            "report: token, signature, acked publish, log line, metrics", one.load.per_second, "req/s",
            (body_only, floor.load.per_second), target="ratio 0.50, stretch 0.55",
            notes=f"{between}; {one}; yardstick {floor}; 64 connections, one core for both in turn, load and broker elsewhere",
        ),
        row("the same, processor time", micros.micros, "µs/req", (body_only, cheap.micros), target="ratio 2.0 or less",
            notes="the same read from the processor's account: other programs on the core do not disturb it"),
        row("the same, p99", late.load.p99_ms, "ms", (body_only, early.load.p99_ms), target="below 8 ms"),
        row("reports answered 200 and missing from the log", max(0, missing), "reports", target="0",
            notes=f"{answered} answered 200, counted by distinct event ids"),
        row("memory of the gateway after that run", pairs[-1][1].megabytes, "MB", target="below 300 MB"),
        row("the same without token and signature", bare.load.per_second, "req/s", (body_only, bare_floor.load.per_second),
            notes=str(bare)),
        await _full(place),
        *await _two(place),
        await _frozen(place),
    ]  # fmt: skip


def _median(pairs: list[tuple[Measured, Measured]], figure: Callable[[Measured], float]) -> tuple[Measured, Measured]:
    """The pair of yardstick and gateway whose ratio is in the middle."""
    return sorted(pairs, key=lambda pair: figure(pair[1]) / figure(pair[0]))[len(pairs) // 2]


@asynccontextmanager
async def _floor(place: Place) -> AsyncIterator[tuple[int, int]]:
    port = free_port()
    argv = [sys.executable, "-m", "tests.bench.webhook_yardstick", str(port)]
    async with pinned(argv, [measured_core()], output=place.folder / "yardstick.log") as child:
        await until_answers(f"http://127.0.0.1:{port}/")
        yield port, child.pid


async def _warm_up(place: Place, floor: tuple[int, int], gateway: tuple[int, int]) -> None:
    """The broker's virtual machine compiles its code in the first seconds under load, on the core that the load needs."""
    await load(floor[0], place.warm, on=other_cores(), connections=CONNECTIONS, seconds=1)
    await load(gateway[0], place.warm, on=other_cores(), connections=CONNECTIONS, seconds=WARM_SECONDS)
    await asyncio.sleep(SETTLE_SECONDS)


async def _in_turn(
    floor: tuple[int, int], gateway: tuple[int, int], rounds: list[Path]
) -> list[tuple[Measured, Measured]]:
    """Yardstick and gateway, one after the other on the same core, again and again: a machine's speed moves.

    Each measured request is sent once.
    """
    return [(await _under_load(*floor, path), await _under_load(*gateway, path)) for path in rounds]


async def _under_load(port: int, pid: int, requests: Path) -> Measured:
    cpu = cpu_seconds(pid)
    seen = await _briefly(port, requests)
    return Measured(seen, (cpu_seconds(pid) - cpu) / max(seen.requests, 1) * 1e6, resident_mb(pid))


async def _briefly(port: int, requests: Path) -> Load:
    return await load(port, requests, on=other_cores(), connections=CONNECTIONS, seconds=ROUND_SECONDS)


async def _proven(place: Place) -> tuple[list[tuple[Measured, Measured]], int, int]:
    """The rounds with all proofs; how many of the reports answered 200 are not in the log, of how many."""
    async with _floor(place) as floor, gateway(place.folder, place.kafka) as ours:
        await _warm_up(place, floor, ours)
        before = await _ends(place.kafka)
        pairs = await _in_turn(floor, ours, place.rounds)
        if (most := max(one.load.requests for _, one in pairs)) > REQUESTS:
            raise RuntimeError(
                f"{most} requests in a round of {REQUESTS}: some were sent twice, and no loss could be seen"
            )
        answered = sum(one.load.requests - one.load.failed for _, one in pairs)
        return pairs, answered - await _appended_since(place.kafka, before), answered


async def _bare(place: Place) -> list[tuple[Measured, Measured]]:
    async with _floor(place) as floor, gateway(place.folder, place.kafka, proofs=False) as ours:
        await _warm_up(place, floor, ours)
        return await _in_turn(floor, ours, place.rounds[:3])


async def _frozen(place: Place) -> Row:
    """Memory while Kafka answers nothing and load goes on: what waits is bounded, the rest is answered 503."""
    async with gateway(place.folder, place.kafka) as (port, pid):
        await load(port, place.warm, on=other_cores(), connections=CONNECTIONS, seconds=1)
        os.kill(place.broker, signal.SIGSTOP)
        try:
            seen = await load(port, place.full, on=other_cores(), connections=CONNECTIONS, seconds=SECONDS)
            megabytes = resident_mb(pid)
        finally:
            os.kill(place.broker, signal.SIGCONT)
    return row("memory after full reports on 64 connections with Kafka frozen", megabytes, "MB", target="below 300 MB",
               notes=f"{SECONDS} s, {seen.requests} answers, {seen.failed} other than 200 or none in time; p50 {seen.p50_ms:.0f} ms")  # fmt: skip


async def _full(place: Place) -> Row:
    """Full reports of 1,000 recipients, beside the same records appended by nothing but the appender."""
    async with gateway(place.folder, place.kafka, proofs=False) as (port, _):
        await load(port, place.full, on=other_cores(), connections=8, seconds=1)
        measured = await load(port, place.full, on=other_cores(), connections=8, seconds=SECONDS)
    return row(
        "full batch report of 1,000 recipients", measured.per_second * FULL_RECIPIENTS, "recipient events/s",
        ("raw append in batches, one core", await _raw(place)), target="100,000", notes=f"8 connections; {measured}",
    )  # fmt: skip


async def _raw(place: Place) -> float:
    """Records a second of `append_all` alone, from a process on the measured core."""
    argv = [sys.executable, "-m", "tests.bench.webhook", "raw", place.kafka.bootstrap_servers]
    output = place.folder / "raw.log"
    async with pinned(argv, [measured_core()], output=output) as child:
        await child.wait()
    return float(output.read_text().split()[-1])


async def _append_raw(bootstrap: str) -> None:
    world = World()
    appender = Appender(KafkaConnection(bootstrap), world, name="raw")
    await appender.start()
    translator = Translator(str, Keywords(()))
    body = next(_full_bodies(1))
    entries: list[Entry] = translator.read(body, "2026-03-01T12:00:00.000Z").entries
    await appender.append_all(entries)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(RAW_RECORDS // len(entries) // 8):
        await asyncio.gather(*(appender.append_all(entries) for _ in range(8)))
    seconds = loop.time() - began
    await appender.stop()
    sys.stdout.write(f"{RAW_RECORDS // len(entries) // 8 * 8 * len(entries) / seconds}\n")


async def _two(place: Place) -> list[Row]:
    """Two processes on all cores, which load and broker then share: on two cores that is not what it would be on four.

    So the processor time of a callback stands beside it: what the two lose by being two shows there.
    """
    on = [*other_cores()[:1], measured_core()] if len(other_cores()) < 3 else [other_cores()[-1], measured_core()]
    async with (
        gateway(place.folder, place.kafka) as alone,
        gateway(place.folder, place.kafka, on=sorted(set(on)), processes=2) as both,
    ):
        await load(both[0], place.warm, on=other_cores(), connections=CONNECTIONS, seconds=1)
        pairs = [(await _under_load(*alone, path), await _under_load(*both, path)) for path in place.rounds[:3]]
    one, two = _median(pairs, lambda measured: measured.load.per_second)
    taken = two.micros * two.load.per_second / 1e6
    crowded = f"; the two had {taken:.2f} of the two cores, load and broker the rest" if len(other_cores()) < 2 else ""
    return [
        row("two processes", two.load.per_second, "req/s", ("one process", one.load.per_second), target="ratio 1.7",
            notes=f"{two}{crowded}"),
        row("the same, processor time", two.micros, "µs/req", ("one process", one.micros), target="ratio 1",
            notes="what a callback costs where there are two"),
    ]  # fmt: skip


def _full_bodies(count: int) -> Iterator[bytes]:
    campaign = SystemIds().uuid7()
    numbers = [str(12010000000 + n) for n in range(FULL_RECIPIENTS)]
    for number in range(count):
        line = StatusCount(code=0, status="Delivered", count=FULL_RECIPIENTS, recipients=numbers)
        yield encode_callback(
            BatchReport(
                type="delivery_report_sms", batch_id=f"01W4FFL35P4NC4K36{number:09d}",
                total_message_count=FULL_RECIPIENTS, statuses=[line], client_reference=f"{campaign}.{number}.1",
            )
        )  # fmt: skip


def _full_reports(count: int) -> Iterator[bytes]:
    nonce = SystemIds().uuid7().hex[:16]
    for number, body in enumerate(_full_bodies(count)):
        yield post(TARGET, body, signature_headers(body, SECRET, f"{nonce}{number:010d}", "1736760161"))


async def _ends(kafka: KafkaConnection) -> dict[Partition, int]:
    """Where every partition of the reports ends now."""
    async with Scanner(kafka) as scanner:
        bounds = await scanner.bounds(await scanner.partitions([topics.DELIVERY_REPORTS]))
        return {partition: end for partition, (_, end) in bounds.items()}


async def _appended_since(kafka: KafkaConnection, before: dict[Partition, int]) -> int:
    """Distinct event ids appended since."""
    read = msgspec.json.Decoder(_Identified).decode
    found: set[str] = set()
    async for batch in scan(kafka, [topics.DELIVERY_REPORTS], start=before):
        found.update(read(record.value or b"").event_id for records in batch.values() for record in records)
    return len(found)


class _Identified(msgspec.Struct):
    event_id: str


if __name__ == "__main__":
    asyncio.run(_append_raw(sys.argv[2]))
