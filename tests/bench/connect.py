"""The yardstick of the projector: Kafka Connect with Debezium's JDBC sink, fed from the same topic on the same machine.

What people would use instead of a projector of their own. It gets every help we know of: it reads our own records (no
second topic, no envelope: since Kafka 4.2 the JSON converter takes the schema from its settings), writes one table and
no history, keeps no counts, and lets the last arrival win instead of joining. `python -m tests.bench.connect` runs it
alone, as shipped and tuned.
"""

import asyncio
import os
import random
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import asyncpg
import msgspec
import uvloop

from contracts import topics
from contracts.events import DeliveryReported, decode
from infra.kafka.connection import KafkaConnection
from infra.kafka.embedded import EmbeddedKafka
from infra.kafka.errors import JarsUnavailable
from infra.kafka.jars import class_path
from infra.kafka.java import find_java
from infra.kafka.log import Appender, Scanner
from infra.kafka.provision import provision
from infra.postgres.embedded import EmbeddedPostgres
from infra.process.children import Child, start_child
from infra.process.ports import free_port
from infra.process.world import World
from tests.bench.connect_jars import plugins
from tests.bench.harness import Row, publish, row
from tests.integration.projector.traffic import FIRST_NUMBER, reports

REPORTS = int(os.environ.get("BENCH_REPORTS", "1000000"))
CHUNK = 1_000
BATCH = 50_000
POLL_SECONDS = 0.02
START_SECONDS = 60.0
GIVE_UP_SECONDS = 300.0
LAST_WORDS = 400  # characters of Connect's own output, for the notes
JVM = ("-Xmx2g", "-XX:+UseParallelGC")

COLUMNS = {
    "event_id": "string", "campaign_id": "string", "recipient": "string", "chunk": "int32", "attempt": "int32",
    "batch_id": "string", "status": "string", "code": "int32", "at": "string", "parts": "int32", "operator": "string",
}  # fmt: skip
"""What it keeps of a report, in Connect's words for types: about the columns of our `messages`."""

KEY = ("campaign_id", "recipient")
SCHEMA = "connect_yardstick"
TABLE = f"{SCHEMA}.reports"

WORKER = """\
bootstrap.servers={bootstrap}
listeners=http://127.0.0.1:{port}
plugin.path={plugins}
plugin.discovery=service_load
offset.storage.file.filename={home}/offsets
connector.client.config.override.policy=All
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
value.converter.schemas.enable=true
value.converter.schema.content={schema}
"""
SINK = """\
name={name}
connector.class=io.debezium.connector.jdbc.JdbcSinkConnector
topics={topic}
collection.name.format={table}
connection.url={url}
connection.username={user}
connection.password={password}
insert.mode=upsert
primary.key.mode=record_value
primary.key.fields={key}
"""


class Shape(NamedTuple):
    """A way to set it up. `ours` takes a table made for updates instead of the one it makes itself."""

    name: str
    sink: Mapping[str, str]
    url: str = ""
    ours: bool = False


AS_SHIPPED = Shape("as shipped", {"schema.evolution": "basic"})
TUNED = Shape(
    "tuned",
    {
        "tasks.max": "2",
        "batch.size": "20000",
        "use.reduction.buffer": "true",
        "dialect.postgres.unnest.insert.enabled": "true",
        "consumer.override.max.poll.records": "20000",
        "consumer.override.max.partition.fetch.bytes": "16777216",
        "consumer.override.fetch.min.bytes": "262144",
    },
    url="?reWriteBatchedInserts=true",
    ours=True,
)


class Sunk(NamedTuple):
    """Records a second, or None and why there is no figure."""

    rate: float | None
    notes: str


async def connect_sink(kafka: KafkaConnection, dsn: str, shape: Shape = TUNED) -> Sunk:
    """Put the whole of `delivery-reports` into a table of its own; from the first row seen to the last record's.

    The start of the JVM does not count. Without jars, or when Connect ends: None with the reason.
    """
    connection = await asyncpg.connect(dsn)
    with tempfile.TemporaryDirectory() as directory:
        home, child = Path(directory), None
        try:
            await _make_room(connection, shape)
            goal = await _goal(kafka)
            child = await _start(kafka, dsn, home, shape)
            return Sunk(await _until_all(connection, child, goal), _words(shape))
        except JarsUnavailable as error:
            return Sunk(None, f"no figure: {error}")
        except (ConnectionError, TimeoutError) as error:
            return Sunk(None, f"no figure: {error} … {_last_words(home)}")
        finally:
            if child is not None:
                child.kill()
                await child.wait()
            await connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
            await connection.close()


async def _make_room(connection: asyncpg.Connection, shape: Shape) -> None:
    await connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
    await connection.execute(f"CREATE SCHEMA {SCHEMA}")
    if shape.ours:
        columns = ", ".join(f"{name} {'text' if kind == 'string' else 'int'}" for name, kind in COLUMNS.items())
        await connection.execute(
            f"CREATE TABLE {TABLE} ({columns}, PRIMARY KEY ({', '.join(KEY)})) WITH (fillfactor = 50)"
        )


class _Goal(NamedTuple):
    """Records there are, and the last report of each partition: when those are in the table, all before them are."""

    records: int
    last: list[DeliveryReported]


async def _goal(kafka: KafkaConnection) -> _Goal:
    records, last = 0, []
    async with Scanner(kafka) as scanner:
        bounds = await scanner.bounds(await scanner.partitions([topics.DELIVERY_REPORTS]))
        for partition, (begin, end) in bounds.items():
            records += end - begin
            if begin < end and (record := await scanner.record_at(partition, end - 1)) is not None:
                event = decode(record.value)
                assert isinstance(event, DeliveryReported)
                last.append(event)
    return _Goal(records, last)


async def _start(kafka: KafkaConnection, dsn: str, home: Path, shape: Shape) -> Child:
    java, path, plugin_path = await asyncio.gather(find_java(), class_path(), asyncio.to_thread(plugins, home))
    server = urlsplit(dsn)
    worker, sink = home / "worker.properties", home / "sink.properties"
    worker.write_text(WORKER.format(
        bootstrap=kafka.bootstrap_servers, port=free_port(), plugins=plugin_path, home=home, schema=_schema()))  # fmt: skip
    sink.write_text(SINK.format(
        name=f"yardstick-{free_port()}", topic=kafka.topic(topics.DELIVERY_REPORTS), table=TABLE, key=",".join(KEY),
        url=f"jdbc:postgresql://{server.hostname}:{server.port}{server.path}{shape.url}", user=server.username,
        password=server.password) + "".join(f"{name}={value}\n" for name, value in shape.sink.items()))  # fmt: skip
    options = (*JVM, "-Djava.awt.headless=true", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
    argv: list[str | Path] = [
        java,
        *options,
        "-cp",
        path,
        "org.apache.kafka.connect.cli.ConnectStandalone",
        worker,
        sink,
    ]
    return await start_child(argv, name="connect", output=home / "connect.log")


def _words(shape: Shape) -> str:
    settings = " ".join(f"{name}={value}" for name, value in shape.sink.items())
    return f"{settings}; the JVM's warming up counts, so fewer than 1,000,000 reports make it look slow"


def _schema() -> str:
    fields = [{"field": name, "type": kind, "optional": name not in KEY} for name, kind in COLUMNS.items()]
    return msgspec.json.encode({"type": "struct", "fields": fields}).decode()


async def _until_all(connection: asyncpg.Connection, child: Child, goal: _Goal) -> float:
    """Records a second between the first rows seen and the last record's row."""
    begun, there = 0.0, 0
    deadline = time.monotonic() + START_SECONDS
    while True:
        if not child.running:
            raise ConnectionError("Connect ended")
        if not begun and (there := await _rows(connection)):
            begun = time.monotonic()
            deadline = begun + GIVE_UP_SECONDS
        elif begun and await _is_complete(connection, goal.last):
            return (goal.records - there) / (time.monotonic() - begun)
        if time.monotonic() > deadline:
            raise TimeoutError(f"{await _rows(connection)} rows of {goal.records} records were there in time")
        await asyncio.sleep(POLL_SECONDS)


async def _rows(connection: asyncpg.Connection) -> int:
    """Rows there are; each is a record at the first look, because reports are shuffled."""
    if await connection.fetchval("SELECT to_regclass($1)", TABLE) is None:  # which it makes itself, as shipped
        return 0
    return int(await connection.fetchval(f"SELECT count(*) FROM {TABLE}"))


async def _is_complete(connection: asyncpg.Connection, last: Sequence[DeliveryReported]) -> bool:
    there = await connection.fetchval(
        f"SELECT count(*) FROM {TABLE} t JOIN unnest($1::text[], $2::text[], $3::text[]) AS last(c, r, e)"
        " ON t.campaign_id = last.c AND t.recipient = last.r AND t.event_id = last.e",
        [event.campaign_id for event in last], [event.recipient for event in last], [event.event_id for event in last],
    )  # fmt: skip
    return bool(there == len(last))


def _last_words(home: Path) -> str:
    """The last reason that Connect gave, without the stack around it."""
    output = home / "connect.log"
    lines = output.read_text(errors="replace").splitlines() if output.exists() else []
    return next((line[:LAST_WORDS] for line in reversed(lines) if "Exception: " in line or " ERROR " in line), "")


async def measure() -> list[Row]:
    """Both shapes over the same reports, on a Kafka and a PostgreSQL of their own."""
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kafka, postgres = EmbeddedKafka(home / "kafka"), EmbeddedPostgres(home)
        bootstrap, dsn = await asyncio.gather(kafka.start(), postgres.start())
        stack.push_async_callback(postgres.stop)
        stack.push_async_callback(kafka.stop)
        connection = KafkaConnection(bootstrap)
        await provision(connection)
        await _fill(connection)
        return [as_row(shape, await connect_sink(connection, dsn, shape)) for shape in (AS_SHIPPED, TUNED)]


async def _fill(kafka: KafkaConnection) -> None:
    """Three reports a message, in random order, as the projector's benchmark has them."""
    chance, entries = random.Random(1), []
    for number in range(max(1, REPORTS // 3 // CHUNK)):
        recipients = [str(FIRST_NUMBER + number * CHUNK + n) for n in range(CHUNK)]
        entries += [said.entry for said in reports(0, number, recipients, chance)]
    chance.shuffle(entries)
    appender = Appender(kafka, World(), name="bench")
    await appender.start()
    for at in range(0, len(entries), BATCH):
        await appender.append_all(entries[at : at + BATCH], within=120)
    await appender.stop()


def as_row(shape: Shape, sunk: Sunk) -> Row:
    """The sink's own figure, 0 where there is none."""
    return row(f"Kafka Connect with the JDBC sink, {shape.name}", sunk.rate or 0.0, "records/s", notes=sunk.notes)


def beside(ours: float, sunk: Sunk) -> Row:
    """The projector's rate held against the sink's; without a ratio where that has no figure."""
    yardstick = None if sunk.rate is None else ("Kafka Connect with the JDBC sink, tuned, records/s", sunk.rate)
    return row(
        "steady state, two processes, against Connect", ours, "records/s", yardstick, target="ratio 3", notes=sunk.notes
    )


def main() -> None:
    """`python -m tests.bench.connect`."""
    publish("connect", uvloop.run(measure()))


if __name__ == "__main__":
    main()
