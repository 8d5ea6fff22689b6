"""The client against a real server on a port of its own: what each answer, and each silence, is called."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from infra.process.world import SystemClock
from infra.sinch.client import SinchClient
from infra.sinch.outcomes import Blocked, InDoubt, NoAnswer, NotSent, Refused, SinchError, SlowDown
from infra.sinch.transport import Account, Timeouts
from infra.sinch.wire.batches import SendBatch

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

BATCH = SendBatch(to=["15550001111"], body="Hi", client_reference="c.0.1")
SHORT = Timeouts(connect=0.5, total=0.5)


@asynccontextmanager
async def answering(handler: Handler, timeouts: Timeouts = SHORT) -> AsyncIterator[SinchClient]:
    """A client whose Sinch is this one handler."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with (
        TestServer(app) as server,
        SinchClient.open(
            Account(str(server.make_url("")), "plan", "token"), SystemClock(), timeouts=timeouts
        ) as client,
    ):
        yield client


def saying(status: int, body: object = b"", **headers: str) -> Handler:
    """A handler that always answers this; bytes are a page for people, all else is JSON."""
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    kind = {"Content_Type": "text/html" if isinstance(body, bytes) else "application/json"} | headers

    async def handler(request: web.Request) -> web.StreamResponse:
        """The same answer to everything."""
        await request.read()
        return web.Response(status=status, body=raw, headers={k.replace("_", "-"): v for k, v in kind.items()})

    return handler


def accepted(reference: str | None = "c.0.1") -> dict[str, object]:
    """The body of a good 201."""
    body: dict[str, object] = {"id": "01B", "to": ["15550001111"], "body": "Hi", "canceled": False}
    return body if reference is None else body | {"client_reference": reference}


async def failure(handler: Handler) -> SinchError:
    """What `send` raises when Sinch answers so."""
    async with answering(handler) as client:
        with pytest.raises(SinchError) as caught:
            await client.send(BATCH)
    return caught.value


async def test_an_accepted_batch_has_its_id() -> None:
    """A 201 gives the batch."""
    async with answering(saying(201, accepted())) as client:
        assert (await client.send(BATCH)).id == "01B"


async def test_the_request_is_what_sinch_wants() -> None:
    """Path, token, media type and compact body without empty fields."""
    seen: list[tuple[str, str, str, bytes]] = []

    async def handler(request: web.Request) -> web.Response:
        """Keep what came."""
        head = request.headers
        seen.append((request.path, head["Authorization"], head["Content-Type"], await request.read()))
        return web.json_response(accepted(), status=201)

    async with answering(handler) as client:
        await client.send(BATCH)
    body = b'{"to":["15550001111"],"body":"Hi","client_reference":"c.0.1"}'
    assert seen == [("/xms/v1/plan/batches", "Bearer token", "application/json", body)]


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, {"code": "syntax_invalid_parameter_format", "text": "bad"}, Refused),
        (403, {"code": "unknown_group", "text": "bad"}, Refused),
        (403, {"code": "blocked_account", "text": "bad"}, Blocked),
        (403, {"code": "missing_callback_url", "text": "bad"}, Blocked),
        (401, b"", Blocked),
        (404, b"", Blocked),
        (404, b"<html>", InDoubt),
        (405, b"", Blocked),
        (415, b"", Blocked),
        (302, b"", InDoubt),
        (413, b"too large", InDoubt),
        (403, b"<html>", InDoubt),
        (429, b"", SlowDown),
        (408, b"", InDoubt),
        (500, {"code": "x", "text": "y"}, InDoubt),
        (502, b"<html>", InDoubt),
        (503, b"", InDoubt),
        (200, accepted(), InDoubt),
        (201, b"", InDoubt),
        (201, b"{", InDoubt),
        (201, {"id": "", "to": []}, InDoubt),
        (201, accepted("another.0.1"), InDoubt),
        (201, b"<html>Welcome", InDoubt),
        (200, b"<html>Welcome", InDoubt),
        (201, accepted(None) | {"to": ["15550002222"]}, InDoubt),
        (201, accepted() | {"id": "B" * 129}, InDoubt),
    ],
)
async def test_an_answer_has_the_name_of_what_comes_next(status: int, body: object, error: type[SinchError]) -> None:
    """Each status and body has one name."""
    assert type(await failure(saying(status, body))) is error


async def test_a_201_without_the_reference_is_accepted() -> None:
    """A reply that leaves our reference out is still an acceptance when it shows our recipients."""
    async with answering(saying(201, accepted(None))) as client:
        assert (await client.send(BATCH)).id == "01B"


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("Wed, 21 Oct 2020 07:28:00 GMT", 0.0), ("-1", None)])
async def test_retry_after_is_read(header: str, seconds: float | None) -> None:
    """Seconds or a moment; nonsense is as if absent."""
    error = await failure(saying(429, b"", Retry_After=header))
    assert isinstance(error, SlowDown)
    assert error.retry_after == seconds


async def test_a_refusal_names_its_recipient() -> None:
    """`to[17]` in the text is index 17."""
    text = "The format of parameter 'to[17]' is invalid; value '+1' is not a valid MSISDN or group ID."
    error = await failure(saying(400, {"code": "syntax_invalid_parameter_format", "text": text}))
    assert isinstance(error, Refused)
    assert error.recipient_index == 17


async def test_silence_is_doubt() -> None:
    """No answer in time: the batch may have been taken."""

    async def handler(request: web.Request) -> web.Response:
        """Read it and never answer."""
        await request.read()
        await asyncio.Event().wait()
        raise AssertionError

    assert isinstance(await failure(handler), InDoubt)


async def test_a_cut_connection_is_doubt() -> None:
    """The server hangs up after the body came."""

    async def handler(request: web.Request) -> web.Response:
        """Read it and hang up."""
        await request.read()
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    assert isinstance(await failure(handler), InDoubt)


async def test_a_half_answer_is_doubt() -> None:
    """The connection ends in the middle of a 201."""

    async def handler(request: web.Request) -> web.StreamResponse:
        """Promise more than is sent."""
        await request.read()
        response = web.StreamResponse(status=201, headers={"Content-Length": "500"})
        await response.prepare(request)
        await response.write(b'{"id":"01B"')
        assert request.transport is not None
        request.transport.close()
        return response

    assert isinstance(await failure(handler), InDoubt)


async def test_a_refused_connection_is_not_sent() -> None:
    """Nobody listens: nothing left."""
    async with answering(saying(201)) as client:
        pass
    clock = SystemClock()
    async with SinchClient.open(Account("http://127.0.0.1:1", "plan", "token"), clock, timeouts=SHORT) as client:
        with pytest.raises(NotSent):
            await client.send(BATCH)


async def test_a_wait_for_a_connection_is_not_sent() -> None:
    """A request that timed out in the pool never left, however busy its neighbour is."""
    entered, release = asyncio.Event(), asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        """Hold the only connection."""
        await request.read()
        entered.set()
        await release.wait()
        return web.json_response(accepted(), status=201)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(app) as server:
        account = Account(str(server.make_url("")), "plan", "token")
        long = Timeouts(connect=0.2, total=30)
        async with SinchClient.open(account, SystemClock(), timeouts=long, connections=1) as client:
            first = asyncio.ensure_future(client.send(BATCH))
            await entered.wait()
            with pytest.raises(NotSent):
                await client.send(BATCH)
            release.set()
            assert (await first).id == "01B"


async def test_after_the_deadline_no_body_leaves() -> None:
    """The deadline is checked just before the write: the server gets no batch."""
    bodies: list[bytes] = []

    async def handler(request: web.Request) -> web.Response:
        """Keep whole bodies only."""
        bodies.append(await request.read())
        return web.json_response(accepted(), status=201)

    async with answering(handler) as client:
        with pytest.raises(NotSent, match="deadline"):
            await client.send(BATCH, deadline=SystemClock().boot())
        assert (await client.send(BATCH, deadline=SystemClock().boot() + 60)).id == "01B"
    assert len(bodies) == 1


def page(count: int, number: int, *references: str) -> dict[str, object]:
    """A page of the list with one batch a reference."""
    batches = [accepted(reference) | {"id": f"{number}-{i}"} for i, reference in enumerate(references)]
    return {"count": count, "page": number, "page_size": len(batches), "batches": batches}


async def test_find_reads_all_pages() -> None:
    """Every page is asked for, with reference, start date and the largest page."""
    queries: list[dict[str, str]] = []

    async def handler(request: web.Request) -> web.Response:
        """Two pages."""
        queries.append(dict(request.query))
        number = int(request.query["page"])
        return web.json_response(page(3, 0, "r", "r") if number == 0 else page(3, 1, "r"))

    async with answering(handler) as client:
        found = await client.find("r", "2026-01-01T00:00:00.000Z")
    assert [batch.id for batch in found] == ["0-0", "0-1", "1-0"]
    common = {"client_reference": "r", "start_date": "2026-01-01T00:00:00.000Z", "page_size": "100"}
    assert queries == [common | {"page": "0"}, common | {"page": "1"}]


async def test_find_gives_an_empty_list_when_sinch_says_so() -> None:
    """A well-formed empty page is an absence."""
    async with answering(saying(200, page(0, 0))) as client:
        assert await client.find("r", "2026-01-01T00:00:00.000Z") == []


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, page(1, 0, "another")),
        (200, page(1, 0)),
        (200, page(0, 0, "r")),
        (200, page(1, 5, "r")),
        (200, {"count": 0, "page": 0, "page_size": 30, "batches": []}),
        (200, {"count": 0}),
        (200, b"<html>"),
        (500, b""),
        (204, b""),
    ],
)
async def test_find_believes_no_odd_page(status: int, body: object) -> None:
    """A wrong filter, figures that disagree, another page, no JSON, a 5xx: no answer."""
    async with answering(saying(status, body)) as client:
        with pytest.raises(NoAnswer):
            await client.find("r", "2026-01-01T00:00:00.000Z")


async def test_a_list_that_does_not_end_is_left_soon() -> None:
    """Full pages of always the same batch, and a count that is never reached: twenty questions, not ten thousand."""
    asked = 0

    async def handler(request: web.Request) -> web.Response:
        """The same batch a hundred times."""
        nonlocal asked
        asked += 1
        return web.json_response(
            page(10**9, int(request.query["page"]), *["r"] * 100) | {"batches": [accepted("r")] * 100}
        )

    async with answering(handler, Timeouts(connect=5, total=5)) as client:
        with pytest.raises(NoAnswer, match="does not end"):
            await client.find("r", "2026-01-01T00:00:00.000Z")
    assert asked == 20


async def test_an_unknown_batch_is_none() -> None:
    """404 for a batch is an expected answer."""
    async with answering(saying(404)) as client:
        assert await client.get("01B") is None
        assert await client.cancel("01B") is None
        assert await client.recipient_report("01B", "15550001111") is None
        assert await client.batch_report("01B") is None


@pytest.mark.parametrize("page", [b"<html>404 Not Found</html>", {"message": "no Route matched with those values"}])
async def test_a_strangers_404_is_no_answer(page: object) -> None:
    """A proxy that does not know the way says nothing about a batch."""
    async with answering(saying(404, page)) as client:
        for ask in (client.get, client.cancel, client.batch_report):
            with pytest.raises(NoAnswer):
                await ask("01B")


async def test_an_answer_about_another_batch_is_no_answer() -> None:
    """Whoever asks for one and gets another is not talking to Sinch."""
    async with answering(saying(200, accepted())) as client:
        assert await client.get("01B") is not None
        for ask in (client.get, client.cancel):
            with pytest.raises(NoAnswer):
                await ask("01C")


async def test_what_a_cache_kept_is_no_answer() -> None:
    """An empty list of an hour ago is no absence."""
    async with answering(saying(200, page(0, 0), Age="3600")) as client:
        with pytest.raises(NoAnswer, match="cache"):
            await client.find("r", "2026-01-01T00:00:00.000Z")


async def test_a_recipients_report_is_read() -> None:
    """The pulled report is the same value as a callback's."""
    body = {"type": "recipient_delivery_report_sms", "batch_id": "01B", "recipient": "+15550001111", "code": 0}
    body |= {"status": "Delivered", "at": "2026-01-01T00:00:00Z"}
    async with answering(saying(200, body)) as client:
        report = await client.recipient_report("01B", "15550001111")
    assert report is not None
    assert (report.recipient, report.at) == ("15550001111", "2026-01-01T00:00:00.000Z")


async def test_a_list_of_reports_is_read_page_by_page() -> None:
    """All finished reports, with the filters in the query."""
    item = {"type": "recipient_delivery_report_sms", "batch_id": "01B", "recipient": "15550001111", "code": 0}
    item |= {"status": "Delivered", "at": "2026-01-01T00:00:00Z"}
    queries: list[dict[str, str]] = []

    async def handler(request: web.Request) -> web.Response:
        """One report a page."""
        queries.append(dict(request.query))
        number = int(request.query["page"])
        return web.json_response({"count": 2, "page": number, "page_size": 1, "delivery_reports": [item]})

    async with answering(handler) as client:
        reports = await client.delivery_reports("2026-01-01T00:00:00.000Z", status=["Delivered", "Failed"], code=[0, 1])
    assert len(reports) == 2
    assert queries[0]["status"] == "Delivered,Failed"
    assert queries[0]["code"] == "0,1"
    assert "client_reference" not in queries[0]
