"""Whatever stands between us and Sinch: passes on, or answers itself."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.unit.sinch.pages import NGINX, Page

Choice = Callable[[web.Request, bytes], web.Response | None]


@dataclass
class Front:
    """A proxy before the simulator. `choose` gives its own answer to a request, or None to pass it on."""

    url: str = ""
    choose: Choice = lambda _request, _body: None
    swallows: int = 0
    """Of so many offers that Sinch took, the answer is thrown away and a page of a firewall given."""
    seen: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of everything that came."""

    def posts(self) -> int:
        """How many offers came."""
        return sum(method == "POST" for method, _ in self.seen)

    def answers(self, method: str, status: int, page: Page, times: int | None = None, **head: str) -> None:
        """From now on, so many requests of this method are answered so; None: all."""
        left = [times]

        def choose(request: web.Request, _body: bytes) -> web.Response | None:
            if request.method != method or left[0] == 0:
                return None
            left[0] = None if left[0] is None else left[0] - 1
            headers = {"Content-Type": page.content_type} if page.content_type else {}
            return web.Response(status=status, body=page.body, headers=headers | head)

        self.choose = choose

    def passes(self) -> None:
        """From now on everything is passed on."""
        self.choose = lambda _request, _body: None


@asynccontextmanager
async def fronting(simulator: str) -> AsyncIterator[Front]:
    """A proxy before this simulator while the context lasts."""
    front = Front()

    async def handle(request: web.Request) -> web.Response:
        body = await request.read()
        front.seen.append((request.method, request.path))
        own = front.choose(request, body)
        if own is not None:
            return own
        kept = {name: value for name, value in request.headers.items() if name in ("Authorization", "Content-Type")}
        async with http.request(request.method, simulator + request.path_qs, data=body, headers=kept) as answer:
            headers = {k: v for k, v in answer.headers.items() if k in ("Content-Type", "Date", "Retry-After")}
            if request.method == "POST" and front.swallows > 0:
                front.swallows -= 1
                return web.Response(status=403, body=NGINX.body, content_type=NGINX.content_type)
            return web.Response(status=answer.status, body=await answer.read(), headers=headers)

    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", handle)
    async with aiohttp.ClientSession() as http, TestServer(app) as server:
        front.url = str(server.make_url("")).rstrip("/")
        yield front
