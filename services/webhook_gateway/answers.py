"""What the gateway answers. The texts are the guide's where it has one."""

from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime

import orjson
from aiohttp import HttpVersion11, web
from multidict import CIMultiDict

RETRY_AFTER_SECONDS = "5"
"""As long as Sinch waits before its first retry anyway."""

_JSON = CIMultiDict({"Content-Type": "application/json; charset=utf-8"})
_ACCEPTED = b'{"message":"Webhook received successfully."}'


class Acceptance(web.StreamResponse):
    """The 200 that nearly every callback gets, written as one block: aiohttp's own response would cost 11 µs more.

    One object answers all requests of HTTP/1.1 on connections that stay open; it holds nothing of any of them.
    """

    def __init__(self) -> None:
        super().__init__(status=200)
        self._keep_alive = True
        self._second = ""
        self._block = b""

    def at(self, arrived: datetime, now: str) -> "Acceptance":
        """The answer at this moment, `now` as text: its Date has whole seconds."""
        second = now[:19]
        if second != self._second:
            self._second = second
            head = f"Content-Length: {len(_ACCEPTED)}\r\nDate: {format_datetime(arrived, usegmt=True)}\r\n\r\n"
            kind = "".join(f"{name}: {value}\r\n" for name, value in _JSON.items())
            self._block = f"HTTP/1.1 200 OK\r\n{kind}{head}".encode() + _ACCEPTED
        return self

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write it, whole."""
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the caller hung up before the answer")
        transport.write(self._block)
        await request.writer.drain()

    async def write_eof(self, data: bytes = b"") -> None:
        """All is written."""


_ACCEPTANCE = Acceptance()


def accepted(request: web.BaseRequest, arrived: datetime, now: str) -> web.StreamResponse:
    """200: the log has it. `now`: the moment of arrival as text."""
    if request.keep_alive and request.version == HttpVersion11:
        return _ACCEPTANCE.at(arrived, now)
    return web.Response(body=_ACCEPTED, headers=_JSON.copy())  # a copy: aiohttp adds the date to them


def stranger(challenge: Mapping[str, str]) -> web.Response:
    """401: nothing was stored."""
    return refusal(401, "The callback's token or credentials are missing or wrong.", challenge)


def try_again(why: str) -> web.Response:
    """503: the one way to say no to what may be Sinch's, which repeats it for a day."""
    return refusal(503, why, {"Retry-After": RETRY_AFTER_SECONDS})


def refusal(status: int, message: str, headers: Mapping[str, str]) -> web.Response:
    """Any other answer, in JSON as all are."""
    return web.Response(
        status=status, body=orjson.dumps({"message": message}), headers=CIMultiDict([*_JSON.items(), *headers.items()])
    )
