"""A request body that will not leave after its deadline.

Between the decision to send and the write lie the connection pool, DNS, TCP and TLS: seconds, when things go badly. The
deadline of DESIGN §5.3 is therefore checked where the body is handed to the socket, not before the call.
"""

from aiohttp import payload
from aiohttp.abc import AbstractStreamWriter

from infra.process.world import Clock


class DeadlinePassed(Exception):  # noqa: N818  named by what it says
    """The deadline had passed when the body was about to be written."""


class GuardedBody(payload.BytesPayload):
    """Bytes that check the clock just before they are written, and remember whether they were."""

    def __init__(self, body: bytes, clock: Clock, deadline: float | None) -> None:
        """`deadline` in seconds of `Clock.boot()`; None for no deadline."""
        super().__init__(body, content_type="application/json")
        self._clock = clock
        self._deadline = deadline
        self.left = False
        self.refused = False

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write the whole body, unless it is too late."""
        self._check()
        await super().write(writer)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Write the body, unless it is too late."""
        self._check()
        await super().write_with_length(writer, content_length)

    def _check(self) -> None:
        if self._deadline is not None and self._clock.boot() >= self._deadline:
            self.refused = True
            raise DeadlinePassed
        self.left = True
