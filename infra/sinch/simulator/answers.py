"""Answers of the simulator: its own JSON, Sinch's refusals, and bodies of whatever stands in front of Sinch."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

from infra.sinch.simulator.settings import SimulatorSettings
from infra.sinch.wire.errors import encode_error

_encode = msgspec.json.Encoder().encode


def json(value: Any, status: int = 200) -> web.Response:
    """A value as compact JSON."""
    return raw_json(_encode(value), status)


def raw_json(body: bytes, status: int = 200) -> web.Response:
    """JSON that is bytes already."""
    return web.Response(status=status, body=body, content_type="application/json")


def refusal(status: int, code: str, text: str) -> web.Response:
    """A refusal in Sinch's documented form."""
    return raw_json(encode_error(code, text), status)


def foreign(
    settings: SimulatorSettings,
    status: int,
    path: str,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """An answer whose body Sinch does not document: nothing, a page of HTML, or Spring's default, as set."""
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error"
    match settings.foreign_errors:
        case "empty":
            response = web.Response(status=status)
        case "html":
            text = f"<html><body><h1>{status} {phrase}</h1></body></html>"
            response = web.Response(status=status, text=text, content_type="text/html")
        case "spring":
            body = {"timestamp": "2024-09-01T00:00:00.000+00:00", "status": status, "error": phrase, "path": path}
            response = json(body, status)
    response.headers.update(headers or {})
    return response
