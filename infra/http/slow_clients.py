"""Ends connections on which a request comes too slowly: whoever sends a byte a second holds a connection and its memory.

A look a second at every connection, and an addition for what a connection receives: nothing is done for a request.
"""

from enum import Enum, auto
from typing import Protocol

from aiohttp import web

LOOK_SECONDS = 1.0
HEAD_SECONDS = 10.0
"""From a request's first byte to the end of its head."""
WINDOW_SECONDS = 10.0
LEAST_BYTES = 5 * 1024
"""That must come of a body in WINDOW_SECONDS while we read: half a kilobyte a second."""
BODY_SECONDS = 600.0
"""For a whole body, however fast: 64 MB at a megabit a second take 512."""


class TooSlow(web.RequestPayloadError):
    """A body came too slowly, and the connection ends."""


class Waiting(Enum):
    """What a connection waits for."""

    NOTHING = auto()
    HEAD = auto()
    BODY = auto()


class Connection(Protocol):
    """What is known of a connection."""

    received: int  # bytes

    @property
    def requests(self) -> int:
        """Requests whose head has come."""
        ...

    @property
    def waiting_for(self) -> Waiting:
        """What the client owes us. HEAD also when nothing of a further request has come."""
        ...

    @property
    def held_up(self) -> bool:
        """Whether it is we who do not read on."""
        ...

    def end_slow(self, waiting: Waiting) -> None:
        """Say 408, if nothing was answered yet, and end."""
        ...


class Watch:
    """One connection over time."""

    __slots__ = ("_began", "_received", "_requests", "_waiting", "_window")

    def __init__(self) -> None:
        self._waiting = Waiting.NOTHING
        self._requests = -1
        self._received = 0
        self._began: float | None = None  # when the head or body now awaited began to come
        self._window = 0.0

    def look(self, connection: Connection, now: float) -> None:
        """Judge the time since the last look. `now`: the loop's seconds."""
        waiting, requests = connection.waiting_for, connection.requests
        if waiting is not self._waiting or requests != self._requests:
            self._waiting, self._requests = waiting, requests
            self._received, self._window = connection.received, now
            self._began = now if waiting is Waiting.BODY else None
        elif waiting is Waiting.HEAD:
            self._look_at_head(connection, now)
        elif waiting is Waiting.BODY:
            self._look_at_body(connection, now)

    def _look_at_head(self, connection: Connection, now: float) -> None:
        if self._began is None:
            if connection.received > self._received:
                self._began = now
        elif now - self._began > HEAD_SECONDS:
            connection.end_slow(Waiting.HEAD)

    def _look_at_body(self, connection: Connection, now: float) -> None:
        assert self._began is not None
        if connection.held_up:
            self._window, self._received = now, connection.received
        elif now - self._began > BODY_SECONDS:
            connection.end_slow(Waiting.BODY)
        elif now - self._window > WINDOW_SECONDS:
            if connection.received - self._received < LEAST_BYTES:
                connection.end_slow(Waiting.BODY)
            self._window, self._received = now, connection.received
