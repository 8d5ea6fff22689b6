"""A request's bytes → a JSON object, or the reason in words why not. Never more than the limit is held in memory."""

from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from contracts.http.problems import Fault
from infra.http.content_encoding import ACCEPTED, Bomb, UnknownEncoding, decoded, encoding_of
from infra.http.slow_clients import LEAST_BYTES, WINDOW_SECONDS, TooSlow
from services.campaign.problems import CorrectTheRequest

JSON_TYPES = ("application/json", "text/json")
CHARSETS = ("utf-8", "utf8", "us-ascii", "ascii")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # some Windows editors begin a file with it; RFC 8259 lets readers ignore it


async def read_object(request: web.Request, max_bytes: int, *, may_be_absent: bool = False) -> dict[str, Any]:
    """The body as a JSON object; `may_be_absent`: none is an empty one. Raises CorrectTheRequest (400, 413 or 415)."""
    if may_be_absent and not request.can_read_body:
        return {}
    _check_type(request)
    raw = await _read(request, max_bytes)
    if not raw.strip():
        raise CorrectTheRequest("The body is empty; it must be a JSON object.", code="empty_body")
    value = parse(raw)
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


async def _read(request: web.Request, max_bytes: int) -> bytes:
    """The body's bytes. Our own limit, because aiohttp's is one for the whole application."""
    if (request.content_length or 0) > max_bytes:
        raise _too_large(max_bytes)
    body = bytearray()
    try:
        async for block in decoded(request.content, encoding_of(request.headers)):
            body += block
            if len(body) > max_bytes:
                raise _too_large(max_bytes)
    except UnknownEncoding as error:
        detail = f"The body's Content-Encoding {str(error)!r} is not read here; {ACCEPTED} are."
        raise CorrectTheRequest(
            detail,
            status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            code="unknown_encoding",
            headers={"Accept-Encoding": ACCEPTED},
        ) from None
    except Bomb as error:
        detail = f"The compressed body is out of all proportion: {error}. Send it plain, or in several campaigns."
        raise CorrectTheRequest(detail, status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE, code="too_large") from None
    except TooSlow as error:
        detail = f"The body came too slowly: at least {LEAST_BYTES:,} bytes must come in {WINDOW_SECONDS:.0f} seconds."
        raise CorrectTheRequest(
            detail, status=HTTPStatus.REQUEST_TIMEOUT, code="too_slow", headers={"Connection": "close"}
        ) from error
    except (web.RequestPayloadError, HttpProcessingError) as error:
        raise CorrectTheRequest(
            "The body broke off or is not in its Content-Encoding.", code="broken_body", headers={"Connection": "close"}
        ) from error
    return bytes(body)


def _too_large(max_bytes: int) -> CorrectTheRequest:
    detail = f"The body may have at most {max_bytes:,} bytes. Send the recipients in several campaigns."
    return CorrectTheRequest(detail, status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE, code="too_large")


def parse(raw: bytes) -> Any:
    """JSON in UTF-8 → its value. Raises CorrectTheRequest that says where it went wrong."""
    try:
        return orjson.loads(raw.removeprefix(BYTE_ORDER_MARK))
    except orjson.JSONDecodeError as error:
        raise _malformed(raw, error) from None  # the cause would hold the whole body


def _malformed(raw: bytes, error: orjson.JSONDecodeError) -> CorrectTheRequest:
    try:
        raw.decode()
    except UnicodeDecodeError as broken:
        where, reason = f"byte {broken.start}", "the text is not UTF-8"
    else:
        where, reason = f"line {error.lineno}, column {error.colno}", error.msg
    detail = f"The body is not JSON: {reason} ({where})."
    return CorrectTheRequest(detail, code="malformed_json", errors=[Fault(pointer="", detail=f"{where}: {reason}")])
