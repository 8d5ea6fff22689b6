"""What is too much, too slow or too large never costs an authentic report, and never the gateway."""

import asyncio
import gzip
import json

import pytest

from contracts import topics
from contracts.events import DeadLetter
from infra.kafka.connection import KafkaConnection
from infra.process.byte_budget import Budget
from services.webhook_gateway import body as body_module
from services.webhook_gateway.body import MOST_BYTES
from services.webhook_gateway.routes import HANDLER
from services.webhook_gateway.translate import Translator
from tests.integration.webhook_gateway.conftest import PATH, Client, Start
from tests.integration.webhook_gateway.test_origin import SIGNED, TO
from tests.reading import events_of
from tests.unit.webhook_gateway.test_translate import FULL, REPORT


async def raw_connection(client: Client) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which a test writes what it likes."""
    assert client.port is not None
    return await asyncio.open_connection(client.host, client.port)


async def test_what_would_become_many_megabytes_is_kept_as_a_dead_letter(start: Start, kafka: KafkaConnection) -> None:
    """And answered 200: repeating it would not make it smaller."""
    numbers = [str(12010000000 + n) for n in range(20000)]
    line = {"code": 0, "count": 20000, "status": "\x01" * 64, "recipients": numbers}
    body = FULL | {"client_reference": "\x01" * 128, "batch_id": "\x01" * 128, "statuses": [line]}
    assert (await (await start()).post(PATH, data=json.dumps(body))).status == 200
    (event,) = await events_of(kafka, topics.DEAD_LETTERS)
    assert isinstance(event, DeadLetter)


async def test_a_compressed_callback_is_read(start: Start, kafka: KafkaConnection) -> None:
    """Its events are in the log; one in an encoding that nobody reads is kept as a dead letter, with 200."""
    client = await start()
    raw = json.dumps(REPORT).encode()
    assert (await client.post(PATH, data=gzip.compress(raw), headers={"Content-Encoding": "gzip"})).status == 200
    assert len(await events_of(kafka, topics.DELIVERY_REPORTS)) == 1
    assert (await client.post(PATH, data=gzip.compress(raw), headers={"Content-Encoding": "br"})).status == 200
    assert len(await events_of(kafka, topics.DEAD_LETTERS)) == 1


async def test_a_strangers_body_is_not_inflated(start: Start) -> None:
    """What comes without the token is 401 before anything of it is read, and the connection ends."""
    client = await start(**SIGNED)
    bomb = gzip.compress(bytes(10**8))
    answer = await client.post(PATH, data=bomb, headers={"Content-Encoding": "gzip"})
    assert (answer.status, answer.headers["Connection"]) == (401, "close")


async def test_an_oversized_body_of_a_proven_caller_is_kept(start: Start, kafka: KafkaConnection) -> None:
    """Its signature cannot be checked, because it covers what was cut; the token stands for it."""
    assert (await (await start(**SIGNED)).post(TO, data=b"x" * (MOST_BYTES + 1))).status == 200
    assert len(await events_of(kafka, topics.DEAD_LETTERS)) == 1


async def test_an_oversized_body_with_no_other_proof_is_put_off(start: Start, kafka: KafkaConnection) -> None:
    """Where the signature is the only proof there is none."""
    client = await start(sinch_webhook_secret="s")
    assert (await client.post(PATH, data=b"x" * (MOST_BYTES + 1))).status == 503
    assert await events_of(kafka, topics.DEAD_LETTERS) == []


async def test_more_than_may_be_held_is_put_off(start: Start, kafka: KafkaConnection) -> None:
    """With 503 and Retry-After, before anything of it is kept; the next one that fits is taken."""
    client = await start()
    gateway = client.server.app[HANDLER]  # type: ignore[attr-defined]
    gateway._budget = Budget(10_000)
    answer = await client.post(PATH, data=b"x" * 9_000)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert (await client.post(PATH, json=REPORT)).status == 200
    assert (gateway._budget.held, await events_of(kafka, topics.DEAD_LETTERS)) == (0, [])


async def test_a_body_that_comes_too_slowly_is_put_off(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its connection and its memory are wanted for others."""
    monkeypatch.setattr(body_module, "READ_SECONDS", 0.2)
    reader, writer = await raw_connection(await start())
    writer.write(f"POST {PATH} HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{{".encode())
    assert (await asyncio.wait_for(reader.readline(), 5.0)).startswith(b"HTTP/1.1 503")
    writer.close()


async def test_a_caller_who_hangs_up_leaves_nothing_behind(start: Start) -> None:
    """Neither memory held nor a loop that ends."""
    client = await start()
    _, writer = await raw_connection(client)
    writer.write(f"POST {PATH} HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{{".encode())
    await writer.drain()
    writer.close()
    assert (await client.post(PATH, json=REPORT)).status == 200
    assert client.server.app[HANDLER]._budget.held == 0  # type: ignore[attr-defined]


async def test_headers_beyond_the_limit_are_refused(start: Start) -> None:
    """Sinch sends a dozen short ones."""
    answer = await (await start()).post(PATH, json=REPORT, headers={"X-Long": "x" * 20_000})
    assert answer.status == 400


async def test_a_defect_of_ours_in_reading_loses_nothing(
    start: Start, kafka: KafkaConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The body is kept as a dead letter, to be read again when it is mended."""
    client = await start()
    monkeypatch.setattr(Translator, "read", lambda *_: 1 / 0)
    assert (await client.post(PATH, json=REPORT)).status == 200
    (event,) = await events_of(kafka, topics.DEAD_LETTERS)
    assert isinstance(event, DeadLetter)
    assert json.loads(event.raw) == REPORT
