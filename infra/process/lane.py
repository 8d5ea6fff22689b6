"""A short way through aiohttp for the one call that comes by the ten thousand.

aiohttp makes two tasks, a request and a response object for a request, and asks its router: half of what a callback may
cost (docs/performance.md). Here a plain POST to one of the lane's paths, whose body came together with its headers, is
handed on as it arrives, without a task, and answered by a block of bytes whenever that is ready. At the first request
that is anything else the connection goes over to aiohttp's ordinary way for good, so the application must have the same
handler behind the same paths.

Whatever way it goes, a body stays as it came (infra/http/content_encoding.py), and a client that sends too slowly is sent
away (infra/http/slow_clients.py).

This is the only file that knows private names of aiohttp's server, which is why pyproject.toml holds it to 3.14.
"""
# ruff: noqa: SLF001 - see above

from asyncio import AbstractEventLoop, BaseTransport, TimerHandle
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import StreamReader, hdrs, web
from aiohttp.http import HttpVersion11
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import RawRequestMessage
from aiohttp.web_protocol import RequestHandler, _ErrInfo

from infra.http.security_headers import complete
from infra.http.slow_clients import LOOK_SECONDS, TooSlow, Waiting, Watch

Respond = Callable[[bytes], None]
"""Takes the whole response, once."""

Receive = Callable[[RawRequestMessage, bytes, str | None, Respond], None]
"""Takes a request, its whole body, the caller's address and where the response goes, now or later. Never raises."""

LANE: web.AppKey[dict[str, Receive]] = web.AppKey("lane", dict)
"""What an application wants answered the short way, by path."""

TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
COME_AGAIN = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
"""To a head that came too slowly. Where callbacks come it may be Sinch's, which never repeats what got a 408."""
LINGER_SECONDS = 2.0
"""For reading on what was refused, so that its sender finds the answer; it is thrown away as it comes."""

AT_A_TURN = 8
"""Connections: few enough that the first records are sent while others are worked on, many enough to poll seldom."""


class _Turns:
    """Lets a few connections go on in each turn of the loop.

    With all of them in one turn, a producer would send what came of them only afterwards, and then all would wait for
    one acknowledgement with nothing to do; like this the first part is under way while the rest is worked on.
    """

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._asked: deque[Callable[[], None]] = deque()
        self._called = False

    def ask(self, go_on: Callable[[], None]) -> None:
        """Call `go_on` soon."""
        self._asked.append(go_on)
        if not self._called:
            self._called = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        asked = self._asked
        now = [asked.popleft() for _ in range(min(len(asked), AT_A_TURN))]
        self._called = bool(asked)
        if asked:
            self._loop.call_soon(self._turn)
        for go_on in now:
            try:
                go_on()
            except Exception as error:  # noqa: BLE001 - a defect; the other connections are not to wait for ever
                self._loop.call_exception_handler({"message": "a connection cannot go on", "exception": error})


class _Watched(RequestHandler):
    """One connection, with what must be known to see that its client is too slow."""

    __slots__ = ("received", "watch")
    received: int
    watch: Watch
    too_slow = TOO_SLOW

    def connection_made(self, transport: BaseTransport) -> None:
        self.received, self.watch = 0, Watch()
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        super().data_received(data)

    @property
    def requests(self) -> int:
        """Requests whose head has come."""
        return self._request_count

    @property
    def waiting_for(self) -> Waiting:
        """What the client owes us."""
        request = self._current_request
        if request is not None:
            return Waiting.NOTHING if request.content.is_eof() else Waiting.BODY
        return Waiting.HEAD if self._waiter is not None and not self._messages else Waiting.NOTHING

    @property
    def held_up(self) -> bool:
        """Whether it is we who do not read on."""
        return self._reading_paused

    def end_slow(self, waiting: Waiting) -> None:
        """Say so and end: what reads the body is told, a head that never came is answered here."""
        if waiting is Waiting.BODY and self._current_request is not None:
            self._lingering_time = 0.0
            self._close = True
            self._current_request.content.set_exception(TooSlow("The body came too slowly."))
        else:
            if self.transport is not None:
                self.transport.write(self.too_slow)
            self.force_close()

    def log_exception(self, *args: Any, **more: Any) -> None:
        """Aiohttp's own, but for what is no HTTP: any stranger could fill the log with its traces."""
        if not isinstance(more.get("exc_info"), HttpProcessingError):
            super().log_exception(*args, **more)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Aiohttp's own, for what is no HTTP, with the headers that every answer has."""
        response = super().handle_error(request, status, exc, message)
        complete(response)
        return response


class _Connection(_Watched):
    """One connection that begins in the lane. One request at a time is under way; its successors wait, in order."""

    __slots__ = ("_in_lane", "_remote", "lane", "turns")
    lane: Mapping[str, Receive]
    turns: "_Turns"
    too_slow = COME_AGAIN

    def connection_made(self, transport: BaseTransport) -> None:
        self._in_lane = True
        super().connection_made(transport)
        self._remote = self.peername[0] if self.peername else None

    @property
    def waiting_for(self) -> Waiting:
        """What the client owes us."""
        if self._in_lane:
            return Waiting.NOTHING if self._request_in_progress or self._messages else Waiting.HEAD
        return super().waiting_for

    async def start(self) -> None:
        """Take requests one after the other, as aiohttp does: once this connection has left the lane."""
        if not self._in_lane:
            await super().start()

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        RequestHandler.data_received(self, data)  # past the base class: this is called for every request
        if self._in_lane and self._messages and not self._request_in_progress:
            self.turns.ask(self.go_on)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._in_lane and self._messages and not self._request_in_progress:
            self.turns.ask(self.go_on)

    def go_on(self) -> None:
        """Take what has come, up to the first request whose answer is not there at once."""
        while (
            self._messages
            and self._in_lane
            and not (self._request_in_progress or self._paused or self._close or self._force_close)
        ):
            message, payload = self._messages[0]
            receive = None if isinstance(message, _ErrInfo) else self._receiver(message, payload)
            if receive is None or isinstance(message, _ErrInfo):
                self._in_lane = False
                self._task_handler = self._loop.create_task(self.start())
                return
            self._request_in_progress = True  # first: `_taken` may read on, and come back here
            self._taken()
            receive(message, _body(payload), self._remote, self._respond)

    def _receiver(self, message: RawRequestMessage, payload: StreamReader) -> Receive | None:
        """What answers this request, or None when it is not for the lane."""
        if (
            message.method != hdrs.METH_POST
            or message.version != HttpVersion11
            or message.should_close
            or message.upgrade
            or not payload.is_eof()
            or message.compression is not None
            or hdrs.EXPECT in message.headers
        ):
            return None
        return self.lane.get(message.path.partition("?")[0])

    def _taken(self) -> None:
        """The first request has left the queue: the parser may go on."""
        assert self._parser is not None
        assert self._manager is not None
        self._messages.popleft()
        self._parser.message_consumed()
        if self._buffer_paused and len(self._messages) <= self._msg_queue_resume_size:
            self._resume_reading_if_drained()
        self._manager.requests_count += 1

    def _respond(self, block: bytes) -> None:
        if not self._request_in_progress:
            return
        self._request_in_progress = False
        if self._handler_waiter is not None and not self._handler_waiter.done():
            self._handler_waiter.set_result(None)
        if self.transport is None:
            return
        self.transport.write(block)
        if self._close or self._force_close:  # asked to while this one was answered
            self.transport.close()
            return
        self._next_keepalive_close_time = close_at = self._loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(close_at, self._process_keepalive)
        if self._messages:
            self.turns.ask(self.go_on)

    def _process_keepalive(self) -> None:
        """Aiohttp's own, which sees by its task that nothing is under way; here there is none."""
        super()._process_keepalive()
        if self._in_lane and self._keepalive_handle is None and not (self._request_in_progress or self._messages):
            self.force_close()


def _body(payload: StreamReader) -> bytes:
    """A body that is all there. As a rule it is one block, too small to have held up reading; `read_nowait` costs 2 µs."""
    if type(payload) is StreamReader and len(payload._buffer) == 1 and payload._size < payload._low_water:
        return payload._buffer[0]
    return payload.read_nowait()


class _Server(web.Server):
    """Makes connections that begin in the lane, where there is one, and looks after all of them."""

    def __init__(self, ordinary: web.Server, lane: Mapping[str, Receive] | None, loop: AbstractEventLoop) -> None:
        super().__init__(
            ordinary.request_handler, request_factory=ordinary.request_factory,
            handler_cancellation=ordinary.handler_cancellation, loop=loop, **ordinary._kwargs,
        )  # fmt: skip
        self._lane = lane
        self._turns = _Turns(loop)
        self._next_look: TimerHandle | None = loop.call_later(LOOK_SECONDS, self._look)

    def __call__(self) -> RequestHandler:
        if not self._lane:
            return _Watched(self, loop=self._loop, **self._kwargs)
        connection = _Connection(self, loop=self._loop, **self._kwargs)
        connection.lane = self._lane
        connection.turns = self._turns
        return connection

    def _look(self) -> None:
        """Look at every connection, again and again until the server ends."""
        now = self._loop.time()
        for connection in list(self._connections):
            assert isinstance(connection, _Watched)
            connection.watch.look(connection, now)
        self._next_look = self._loop.call_later(LOOK_SECONDS, self._look)

    def pre_shutdown(self) -> None:
        """End looking: those that are left have their few seconds."""
        if self._next_look is not None:
            self._next_look.cancel()
        super().pre_shutdown()


class LaneRunner(web.AppRunner):
    """An `AppRunner` whose connections begin in the application's lane, where it has one."""

    def __init__(self, app: web.Application, **more: Any) -> None:
        super().__init__(app, **{"auto_decompress": False, "lingering_time": LINGER_SECONDS, **more})

    async def _make_server(self) -> web.Server:
        server: Any = await super()._make_server()
        return _Server(server, self.app.get(LANE), server._loop)
