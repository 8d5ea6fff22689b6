"""What requests carry, read strictly: JSON bodies, pages, times, lists in the query. Raises Rejected."""

import re
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from infra.http.content_encoding import Bomb, UnknownEncoding, decoded, encoding_of
from infra.sinch.simulator.fields import CONSTRAINT, Rejected, violated, wrong
from infra.sinch.simulator.requests import parse_object
from infra.sinch.wire.batches import DEFAULT_PAGE_SIZE, LIST_DEFAULT_SECONDS, LIST_WINDOW_SECONDS, MAX_PAGE_SIZE
from infra.sinch.wire.timestamps import NotATimestamp, moment

BODY = web.RequestKey("body", bytes)

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MAX_PAGE = 10**9
_MAX_DIGITS = 10


async def body_object(request: web.Request) -> dict[str, Any]:
    """The JSON object in the body: 415 for another media type, 400 when it is too large or none."""
    if request.content_type != "application/json":
        raise Rejected(415, "", "")
    return parse_object(await body_bytes(request))


async def body_bytes(request: web.Request) -> bytes:
    """The body's bytes, read once: 400 when it is too large, 415 for an encoding that is not read."""
    if BODY not in request:
        request[BODY] = await _read(request)
    return request[BODY]


async def _read(request: web.Request) -> bytes:
    body = bytearray()
    try:
        async for block in decoded(request.content, encoding_of(request.headers)):
            body += block
            if len(body) > request.client_max_size:
                raise Rejected(400, CONSTRAINT, "The request is too large.")
    except UnknownEncoding:
        raise Rejected(415, "", "") from None
    except Bomb:
        raise Rejected(400, CONSTRAINT, "The request is too large.") from None
    return bytes(body)


def number(request: web.Request, name: str, default: int, most: int, least: int = 0) -> int:
    """An integer of the query."""
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > _MAX_DIGITS:
        raise wrong(name, "it must be an integer")
    value = int(text)
    if not least <= value <= most:
        raise violated(name, f"must be between {least} and {most}")
    return value


def page(request: web.Request) -> tuple[int, int]:
    """The page's number and size."""
    size = number(request, "page_size", DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, least=1)
    return number(request, "page", 0, _MAX_PAGE), size


def window(request: web.Request, now: float) -> tuple[float, float]:
    """From when (inclusive; a day ago unless given, 14 days ago at most) to when (exclusive)."""
    start = _moment(request, "start_date")
    end = _moment(request, "end_date")
    first = now - LIST_DEFAULT_SECONDS if start is None else max(start.timestamp(), now - LIST_WINDOW_SECONDS)
    return first, float("inf") if end is None else end.timestamp()


def words(request: web.Request, name: str) -> list[str]:
    """A comma-separated list of the query."""
    return [word.strip() for word in request.query.get(name, "").split(",") if word.strip()]


def codes(request: web.Request) -> set[int]:
    """The codes of the query."""
    found = words(request, "code")
    if not all(word.isascii() and word.isdigit() and len(word) <= _MAX_DIGITS for word in found):
        raise wrong("code", "it must be a list of integers")
    return {int(word) for word in found}


def statuses(request: web.Request) -> set[str]:
    """The statuses of the query in lower case: Sinch's words are compared without case."""
    return {word.lower() for word in words(request, "status")}


def flag(request: web.Request, name: str) -> bool:
    """A boolean of the query, false unless given; `True` is how Sinch's Python SDK writes it."""
    text = request.query.get(name, "false").lower()
    if text not in ("true", "false"):
        raise wrong(name, "it must be a boolean")
    return text == "true"


def _moment(request: web.Request, name: str) -> datetime | None:
    text = request.query.get(name)
    if text is None:
        return None
    if _DATE.fullmatch(text):  # the oldest SDK asks by days
        text += "T00:00"
    try:
        # an offset's + that was not percent-encoded arrives as a space
        return moment(text.replace(" ", "+") if "T" in text else text).astimezone(UTC)
    except NotATimestamp:
        raise wrong(name, "it must be an ISO 8601 timestamp") from None
