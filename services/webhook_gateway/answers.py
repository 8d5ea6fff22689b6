"""What the gateway answers. The texts are the guide's where it has one."""

from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import NamedTuple

import orjson
from aiohttp import web

RETRY_AFTER_SECONDS = "5"
"""As long as Sinch waits before its first retry anyway."""

_JSON = {"Content-Type": "application/json; charset=utf-8"}


class Answer(NamedTuple):
    """A whole answer, before it is known how it will be written."""

    status: int
    body: bytes
    headers: Mapping[str, str] = _JSON

    def response(self) -> web.Response:
        """For aiohttp's ordinary way."""
        return web.Response(status=self.status, body=self.body, headers=self.headers)

    def block(self, at: datetime) -> bytes:
        """As one block of HTTP/1.1, on a connection that stays open."""
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += [f"Content-Length: {len(self.body)}", f"Date: {format_datetime(at, usegmt=True)}", "", ""]
        return "\r\n".join(lines).encode() + self.body


ACCEPTED = Answer(200, b'{"message":"Webhook received successfully."}')
"""The log has it."""


def stranger(challenge: Mapping[str, str]) -> Answer:
    """401: nothing was stored."""
    return refusal(401, "The callback's token or credentials are missing or wrong.", challenge)


def try_again(why: str) -> Answer:
    """503: the one way to say no to what may be Sinch's, which repeats it for a day."""
    return refusal(503, why, {"Retry-After": RETRY_AFTER_SECONDS})


def refusal(status: int, message: str, headers: Mapping[str, str]) -> Answer:
    """Any other answer, in JSON as all are."""
    return Answer(status, orjson.dumps({"message": message}), {**_JSON, **headers})


FAILED = try_again("Something is wrong here; try again.")
"""A defect of ours, which Sinch retries as everything else that is ours."""
