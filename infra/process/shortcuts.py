"""Paths that are answered before the application's router is asked: for the one call that comes by the ten thousand.

Routing and what goes with it cost 3 µs a request (docs/performance.md), a tenth of a callback. Whatever is unusual
about a request (another method, `Expect`) takes the ordinary way, which must have the same handler.
"""

from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

Receive = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

SHORTCUTS: web.AppKey[dict[str, Receive]] = web.AppKey("shortcuts", dict)
"""POST handlers by their exact path. They are given a request that knows nothing of the application."""


def take_shortcuts(app: web.Application, server: web.Server) -> None:
    """Let a server that has been set up for `app` go its shortcuts."""
    shortcuts = app.get(SHORTCUTS)
    if not shortcuts:
        return
    ordinary, short = server.request_handler, shortcuts.get

    def dispatch(request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        handler = short(request.raw_path.partition("?")[0])
        if handler is None or request.method != hdrs.METH_POST or hdrs.EXPECT in request.headers:
            return ordinary(request)
        return handler(request)

    server.request_handler = dispatch
