"""A request's bytes → a JSON object, or the reason in words why not. Never more than the limit is held in memory."""

from http import HTTPStatus
from typing import Any, NamedTuple

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from infra.http.content_encoding import ACCEPTED, Bomb, UnknownEncoding, decoded, encoding_of
from infra.http.slow_clients import LEAST_BYTES, WINDOW_SECONDS, TooSlow
from infra.process.byte_budget import TooMuchHeld
from infra.process.world import Clock
from services.campaign.body.held import Held
from services.campaign.body.long_array import read_long
from services.campaign.body.parsing import parse
from services.campaign.problems import ApiError, CorrectTheRequest, TryLater

JSON_TYPES = ("application/json", "text/json")
CHARSETS = ("utf-8", "utf8", "us-ascii", "ascii")
READ_AT_ONCE = 128 * 1024
"""Bytes that are read in one go: about a millisecond. What is longer is read in pages."""
TOO_MUCH = "Other requests with large bodies are being read at this moment. Nothing of this one was kept; try again."

CLOSE = {"Connection": "close"}

log = structlog.get_logger(__name__)


class Limits(NamedTuple):
    """How long this body may be, and what its bytes count against."""

    max_bytes: int
    held: Held
    clock: Clock


async def read_object(request: web.Request, limits: Limits, *, may_be_absent: bool = False) -> dict[str, Any]:
    """The body as a JSON object; `may_be_absent`: none is an empty one.

    Of a long one the `recipients` are Pages. Raises CorrectTheRequest (400, 413 or 415), or TryLater when too many bytes
    are held already.
    """
    if may_be_absent and not request.can_read_body:
        return {}
    _check_type(request)
    raw = await _read(request, limits)
    if not raw or raw.isspace():
        raise CorrectTheRequest("The body is empty; it must be a JSON object.", code="empty_body")
    value = parse(raw) if len(raw) <= READ_AT_ONCE else await read_long(raw, limits.clock)
    if not isinstance(value, dict):
        raise CorrectTheRequest("The body must be a JSON object, in curly brackets.", code="not_an_object")
    return value


def _check_type(request: web.Request) -> None:
    kind = request.content_type.lower()
    if kind not in JSON_TYPES and not (kind.startswith("application/") and kind.endswith("+json")):
        detail = "The body must be JSON, sent with the header `Content-Type: application/json`."
        raise CorrectTheRequest(detail, status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE, code="not_json")
    if (request.charset or "utf-8").lower() not in CHARSETS:
        detail = "The body must be in UTF-8; no other charset is read."
        raise CorrectTheRequest(detail, status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE, code="unknown_charset")


async def _read(request: web.Request, limits: Limits) -> bytearray:
    """The body's bytes. Our own limit, because aiohttp's is one for the whole application."""
    max_bytes = limits.max_bytes
    if (request.content_length or 0) > max_bytes:
        raise _too_large(max_bytes)
    body = bytearray()
    try:
        async for block in decoded(request.content, encoding_of(request.headers)):
            limits.held.grow(len(block))
            body += block
            if len(body) > max_bytes:
                raise _too_large(max_bytes)
    except (TooMuchHeld, UnknownEncoding, Bomb, HttpProcessingError, web.RequestPayloadError) as error:
        raise _refusal(error) from error
    return body


def _refusal(error: Exception) -> ApiError:
    """Why the body cannot be had, in words."""
    match error:
        case TooMuchHeld():
            log.warning("bodies_held", reason=str(error))
            return TryLater(TOO_MUCH, code="too_many_bodies", more_headers=CLOSE)
        case UnknownEncoding():
            detail = f"The body's Content-Encoding {str(error)!r} is not read here; {ACCEPTED} are."
            status, headers = HTTPStatus.UNSUPPORTED_MEDIA_TYPE, {"Accept-Encoding": ACCEPTED}
            return CorrectTheRequest(detail, status=status, code="unknown_encoding", headers=headers)
        case Bomb():
            detail = f"The compressed body is out of all proportion: {error}. Send it plain, or in several campaigns."
            return CorrectTheRequest(detail, status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE, code="too_large")
        case TooSlow():
            detail = (
                f"The body came too slowly: at least {LEAST_BYTES:,} bytes must come in {WINDOW_SECONDS:.0f} seconds."
            )
            return CorrectTheRequest(detail, status=HTTPStatus.REQUEST_TIMEOUT, code="too_slow", headers=CLOSE)
    return CorrectTheRequest("The body broke off or is not in its Content-Encoding.", code="broken_body", headers=CLOSE)


def _too_large(max_bytes: int) -> CorrectTheRequest:
    detail = f"The body may have at most {max_bytes:,} bytes. Send the recipients in several campaigns."
    return CorrectTheRequest(detail, status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE, code="too_large")
