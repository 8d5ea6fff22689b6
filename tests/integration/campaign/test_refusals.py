"""Requests that cannot be accepted: always a problem document, never a 500."""

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.postgres.pool import Pool
from tests.integration.campaign.conftest import ADA, HELLO, SEND, Client, Start

JSON = {"Content-Type": "application/json"}
MEMBERS = {"type", "title", "status", "detail", "code", "message", "errors"}


async def check_problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The answer is a problem document with this status and code."""
    body: dict[str, Any] = orjson.loads(await answer.read())
    assert (answer.status, body["code"]) == (status, code)
    assert answer.content_type == "application/problem+json"
    assert set(body) >= MEMBERS
    assert body["message"] == body["detail"]
    assert body["status"] == status
    return body


@pytest.mark.parametrize(
    ("raw", "headers", "status", "code"),
    [
        (b"{", JSON, 400, "malformed_json"),
        (b"", JSON, 400, "empty_body"),
        (b"[]", JSON, 400, "not_an_object"),
        (b"[" * 200_000, JSON, 400, "malformed_json"),
        (b'{"message":"\xff"}', JSON, 400, "malformed_json"),
        (b"{}", JSON, 400, "invalid_request"),
        (b"{}", {"Content-Type": "text/plain"}, 415, "not_json"),
        (b"{}", {"Content-Type": ""}, 415, "not_json"),
        (b"{}", {"Content-Type": "application/json; charset=utf-16"}, 415, "unknown_charset"),
        (b"{}", {"Content-Type": "application/json; charset=klingon"}, 415, "unknown_charset"),
        (b"{}", JSON | {"Content-Encoding": "gzip"}, 400, "broken_body"),
        (b"{}", JSON | {"Content-Encoding": "br"}, 415, "unknown_encoding"),
        (gzip.compress(b"{" + bytes(10**7)), JSON | {"Content-Encoding": "gzip"}, 413, "too_large"),
    ],
)
async def test_a_body_that_is_no_request(
    standing: Client, raw: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    """Every way in which bytes can fail to be a JSON object has its status and code."""
    await check_problem(await standing.post(SEND, data=raw, headers=headers), status, code)


@pytest.mark.parametrize(
    ("change", "pointer", "detail"),
    [
        ({"message": None}, "/message", "must be a text"),
        ({"message": " \n"}, "/message", "must not be empty"),
        ({"message": "x" * 2_001}, "/message", "may have at most 2,000 characters"),
        ({"message": "a\0b"}, "/message", "must not hold the character NUL (U+0000)"),
        ({"recipients": []}, "/recipients", "must not be empty"),
        ({"recipients": ADA}, "/recipients", "must be a list"),
        ({"from": ""}, "/from", "must not be empty"),
        ({"name": "a\x1b[2J"}, "/name", "must not hold control characters, such as a line break"),
        ({"from": "Us\n"}, "/from", "must not hold control characters, such as a line break"),
        ({"name": "n" * 201}, "/name", "may have at most 200 characters"),
        ({"from": "Heliograph12"}, "/from",
         "has 12 characters; a name may have 11, as Sinch and the networks take no more"),
        ({"send_at": "0001-01-01T00:00:00Z"}, "/send_at", "is more than a day ago: leave it out to send at once"),
        ({"sender": "Us"}, "/sender", "is not a field that is known here"),
        ({"a/b~c": 1}, "/a~1b~0c", "is not a field that is known here"),
    ],
)  # fmt: skip
async def test_a_wrong_field_is_named(standing: Client, change: dict[str, Any], pointer: str, detail: str) -> None:
    """400 says which field, and in words what is wrong with it."""
    body = await check_problem(await standing.post(SEND, json=HELLO | change), 400, "invalid_request")
    assert [(fault["pointer"], fault["detail"]) for fault in body["errors"]] == [(pointer, detail)]


async def test_a_missing_message_is_named(standing: Client) -> None:
    """The guide's own bad request."""
    body = await check_problem(await standing.post(SEND, json={"recipients": [ADA]}), 400, "invalid_request")
    assert body["errors"] == [{"pointer": "/message", "value": None, "detail": "is missing"}]


async def test_invalid_numbers_are_listed(client: Client, pool: Pool) -> None:
    """The first hundred with its place, as it was given, and why; all are counted; nothing is sent to the others."""
    wrong = [f"x{n}" for n in range(2_500)]
    answer = await client.post(SEND, json={"recipients": [ADA, *wrong], "message": "Hello"})
    body = await check_problem(answer, 400, "invalid_recipients")
    assert [(fault["pointer"], fault["value"]) for fault in body["errors"]] == [
        (f"/recipients/{n}", value) for n, value in enumerate(wrong[:100], start=1)
    ]
    assert body["error_count"] == 2_500
    assert body["detail"].startswith("2,500 of 2,501 recipients cannot be accepted")
    assert await pool.fetchval("select count(*) from campaign.campaigns") == 0


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_large_body_is_refused(start: Start, chunked: bool) -> None:
    """413 as soon as it is known, whether the length was told or not."""
    client = await start(max_body_bytes=2_000)
    raw = orjson.dumps(HELLO | {"name": "n" * 2_000})

    async def blocks() -> AsyncIterator[bytes]:
        yield raw

    answer = await client.post(SEND, data=blocks() if chunked else raw, headers=JSON)
    await check_problem(answer, 413, "too_large")


async def test_an_unknown_path(standing: Client) -> None:
    """404 as a problem document."""
    await check_problem(await standing.get("/api/nothing"), 404, "not_found")


@pytest.mark.parametrize(
    ("path", "allowed"), [(SEND, "POST"), ("/api/campaigns", "GET"), ("/", "GET, HEAD"), ("/docs", "GET, HEAD")]
)
async def test_a_wrong_method(standing: Client, path: str, allowed: str) -> None:
    """405 says in Allow which methods there are."""
    answer = await standing.delete(path)
    await check_problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == allowed


async def test_an_unforeseen_error_tells_nothing(client: Client, pool: Pool) -> None:
    """500 holds no trace, no name of a table and no value of the request."""
    await pool.execute("drop schema campaign cascade")
    body = await check_problem(await client.post(SEND, json=HELLO), 500, "internal_error")
    assert body["detail"] == "Something went wrong here. The log of the service has the reason."


JSONISH = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text() | st.just(ADA),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
RECIPIENTS = st.lists(
    st.just(ADA) | JSONISH | st.fixed_dictionaries({"phone": st.just(ADA)}, optional={"parameters": JSONISH}),
    max_size=3,
)
REQUESTS = st.fixed_dictionaries(
    {"recipients": RECIPIENTS | JSONISH, "message": st.text() | JSONISH},
    optional={
        **dict.fromkeys(("from", "name", "x", "priority", "delivery_policy", "retry", "parameters"), JSONISH),
        **dict.fromkeys(("send_at", "expire_at"), JSONISH | st.datetimes().map(str)),
    },
)
BODIES = (
    st.binary()
    | st.one_of(JSONISH, REQUESTS).map(lambda value: str(value).encode(errors="surrogatepass"))
    | (REQUESTS.map(lambda value: json.dumps(value).encode()))
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=BODIES)
async def test_any_body_is_accepted_or_refused(standing: Client, raw: bytes) -> None:
    """Whatever the bytes, the answer is 202 or a problem of the client's, never a 500."""
    answer = await standing.post(SEND, data=raw, headers=JSON)
    body = await answer.json(content_type=None)
    assert answer.status == 202 or 400 <= answer.status < 500, (raw, body)
    assert answer.content_type == ("application/json" if answer.status == 202 else "application/problem+json")


async def test_a_number_without_its_country_needs_a_region(standing: Client) -> None:
    """Bare digits are refused with what to do; with `default_region` they are that country's; a region must be one."""
    body = {"recipients": ["(312) 555-0142"], "message": "Hello"}
    problem = await check_problem(await standing.post(SEND, json=body), 400, "invalid_recipients")
    assert "default_region" in problem["errors"][0]["detail"]
    wrong = await standing.post(SEND, json={**body, "default_region": "XX"})
    problem = await check_problem(wrong, 400, "invalid_request")
    assert problem["errors"][0]["pointer"] == "/default_region"
    taken = await standing.post(
        SEND, json={**body, "recipients": ["(312) 555-0142", "+13125550142"], "default_region": "us"}
    )
    assert (taken.status, (await taken.json())["duplicates"]) == (202, 1)
