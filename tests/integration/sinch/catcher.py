"""A receiver of callbacks in a thread of its own, for tests of blocking clients."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

DEADLINE = 20.0  # seconds


class Caught(NamedTuple):
    """One request."""

    headers: dict[str, str]
    body: bytes


class Catcher:
    """Answers 200 and keeps what came."""

    def __init__(self) -> None:
        catcher = self

        class Handler(BaseHTTPRequestHandler):
            """Keeps the request."""

            def do_POST(self) -> None:
                """Read it, answer, keep it."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()
                with catcher._new:
                    catcher.caught.append(Caught(dict(self.headers), body))
                    catcher._new.notify_all()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is given
                """Stay silent."""

        self.caught: list[Caught] = []
        self._new = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/callbacks"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def wait(self, good: Callable[[Caught], bool]) -> Caught:
        """The first request that is like this, whenever it comes; an error after 20 s."""
        with self._new:
            if not self._new.wait_for(lambda: any(map(good, self.caught)), DEADLINE):
                raise TimeoutError("no such callback came")
            return next(filter(good, self.caught))

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
