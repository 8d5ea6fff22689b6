"""A short way through aiohttp for the one call that comes by the ten thousand.

aiohttp makes a task, a request and a response object for every request, and asks its router: 20 µs, half of what a
callback may cost (docs/performance.md). Here a plain POST to one of the lane's paths, whose body came together with its
headers, is answered in the connection's own task. At the first request that is anything else the connection goes over
to aiohttp's ordinary way for good, so the application must have the same handler behind the same paths.

This is the only file that knows private names of aiohttp's server, which is why pyproject.toml holds it to 3.14.
"""
# ruff: noqa: SLF001 - see above

from asyncio import AbstractEventLoop
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import StreamReader, hdrs, web
from aiohttp.http import HttpVersion11
from aiohttp.http_parser import RawRequestMessage
from aiohttp.web_protocol import RequestHandler

Receive = Callable[[RawRequestMessage, StreamReader, str | None], Awaitable[bytes]]
"""Takes a request, its body (all there) and the caller's address; gives the whole response, and never raises."""

LANE: web.AppKey[dict[str, Receive]] = web.AppKey("lane", dict)
"""What an application wants answered the short way, by path."""


class _Connection(RequestHandler):
    """One connection that begins in the lane."""

    __slots__ = ("lane",)
    lane: Mapping[str, Receive]

    async def start(self) -> None:
        """Answer one request after the other, as aiohttp's own loop does; it takes over when the lane ends."""
        while not self._force_close and (receive := await self._next()) is not None:
            message, payload = self._messages.popleft()
            assert isinstance(message, RawRequestMessage)
            self._taken()
            self._request_in_progress = True
            try:
                block = await receive(message, payload, self.peername[0] if self.peername else None)
            finally:
                self._request_in_progress = False
                if self._handler_waiter is not None:
                    self._handler_waiter.set_result(None)
            if self.transport is None:
                return
            self.transport.write(block)
            if self._paused:
                await self._drain_helper()
            if self._close:  # asked to while this one was answered
                self._task_handler = None
                self.transport.close()
                return
            self._stay_open()
        await super().start()

    async def _next(self) -> Receive | None:
        """Wait for a request; what answers it, or None when that is not for the lane."""
        if not self._messages:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        message, payload = self._messages[0]
        if (
            type(message) is not RawRequestMessage
            or message.method != hdrs.METH_POST
            or message.version != HttpVersion11
            or message.should_close
            or not payload.is_eof()
            or hdrs.EXPECT in message.headers
        ):
            return None
        return self.lane.get(message.path.partition("?")[0])

    def _taken(self) -> None:
        """A request has left the queue: the parser may go on."""
        assert self._parser is not None
        assert self._manager is not None
        self._parser.message_consumed()
        if self._buffer_paused and len(self._messages) <= self._msg_queue_resume_size:
            self._resume_reading_if_drained()
        self._manager.requests_count += 1

    def _stay_open(self) -> None:
        self._keepalive = True
        self._next_keepalive_close_time = close_at = self._loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(close_at, self._process_keepalive)


class _Server(web.Server):
    """Makes connections that begin in the lane."""

    def __init__(self, ordinary: web.Server, lane: Mapping[str, Receive], loop: AbstractEventLoop) -> None:
        super().__init__(
            ordinary.request_handler, request_factory=ordinary.request_factory,
            handler_cancellation=ordinary.handler_cancellation, loop=loop, **ordinary._kwargs,
        )  # fmt: skip
        self._lane = lane

    def __call__(self) -> RequestHandler:
        connection = _Connection(self, loop=self._loop, **self._kwargs)
        connection.lane = self._lane
        return connection


class LaneRunner(web.AppRunner):
    """An `AppRunner` whose connections begin in the application's lane, where it has one."""

    async def _make_server(self) -> web.Server:
        server: Any = await super()._make_server()
        lane = self.app.get(LANE)
        return _Server(server, lane, server._loop) if lane else server
