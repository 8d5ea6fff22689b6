"""Waiting for a state, with a deadline: what a test does instead of sleeping."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

POLL_SECONDS = 0.01


async def until(check: Callable[[], bool | Awaitable[bool]], what: str, within: float = 10.0) -> None:
    """Come back as soon as `check` is true; fail, naming `what`, after `within` seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while True:
        answer = check()
        if await answer if inspect.isawaitable(answer) else answer:
            return
        assert loop.time() < deadline, f"{what}: not within {within} s"
        await asyncio.sleep(POLL_SECONDS)
