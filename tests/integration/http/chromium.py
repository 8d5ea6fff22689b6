"""A real browser, where there is one: it opens an address, and what it then shows and says is read."""

import asyncio
import json
import re
import shutil
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FOUND = next((path for name in NAMES if (path := shutil.which(name))), None)
TO_LOOPBACK = "MAP *.example 127.0.0.1"
"""Names of somebody else's that lead here, as after DNS rebinding."""
SECONDS = 90.0
RESULT = re.compile(r'<pre id="result">(.*?)</pre>', re.DOTALL)


@dataclass(frozen=True)
class Seen:
    """What became of a page."""

    dom: str
    console: list[str]

    @property
    def result(self) -> dict[str, Any]:
        """The JSON that our own pages leave in `<pre id=result>`."""
        found = RESULT.search(self.dom)
        assert found is not None, f"the page has not come to its end: {self.dom[:500]} {self.console}"
        result: dict[str, Any] = json.loads(unescape(found[1]))
        return result


async def opened(address: str, profile: Path, milliseconds: int = 8_000) -> Seen:
    """Open `address` and let so much of the page's own time pass. Skips the test where there is no browser."""
    if FOUND is None:
        pytest.skip(f"not judged: no browser here ({', '.join(NAMES)})")
    argv = (
        FOUND, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", f"--user-data-dir={profile}",
        f"--host-resolver-rules={TO_LOOPBACK}", f"--virtual-time-budget={milliseconds}", "--dump-dom", address,
    )  # fmt: skip
    pipe = asyncio.subprocess.PIPE
    browser = await asyncio.create_subprocess_exec(*argv, stdout=pipe, stderr=pipe)
    try:
        async with asyncio.timeout(SECONDS):
            out, errors = await browser.communicate()
    finally:
        if browser.returncode is None:
            browser.kill()
            await browser.wait()
    return Seen(out.decode(), [line for line in errors.decode().splitlines() if "CONSOLE" in line])
