"""One HTTP exchange with Sinch: address, token, timeouts, a bounded answer. What it means is decided in client.py."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from urllib.parse import quote

import aiohttp

from infra.sinch.deadline import GuardedBody

MAX_REPLY_BYTES = 64 * 1024 * 1024  # a page of 100 batches with parameters for 1,000 numbers each

# What aiohttp raises when an exchange fails: its own errors, its timeouts, and a socket's.
FAILURES = (aiohttp.ClientError, TimeoutError, OSError)


@dataclass(frozen=True, slots=True)
class Account:
    """Where Sinch is and who we are there."""

    base_url: str  # without /xms/v1
    plan: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds until a connection stands, and until the whole answer is there."""

    connect: float = 5.0
    total: float = 30.0  # Sinch's own Java SDK waits as long


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, the whole body, and of the head what matters to somebody. `content_type` in small letters, without more."""

    status: int
    body: bytes
    retry_after: str | None = None
    content_type: str = ""
    date: str | None = None
    age: str | None = None

    @property
    def unix(self) -> float | None:
        """Seconds since 1970 on the clock of whoever answered; None when it told none that can be read."""
        if self.date is None:
            return None
        try:
            return parsedate_to_datetime(self.date).timestamp()
        except (ValueError, OverflowError):
            return None


class Transport:
    """Requests under one service plan's path, with its token. Never follows a redirect, never repeats a request."""

    def __init__(self, session: aiohttp.ClientSession, account: Account, timeouts: Timeouts) -> None:
        self._session = session
        self._root = f"{account.base_url.rstrip('/')}/xms/v1/{quote(account.plan, safe='')}"
        self._headers = {"Authorization": f"Bearer {account.token}", "Accept": "application/json"}
        self._timeout = aiohttp.ClientTimeout(total=timeouts.total, connect=timeouts.connect)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: GuardedBody | None = None,
    ) -> Answer:
        """The answer, whatever its status. Raises one of FAILURES; also when the answer is larger than 64 MiB."""
        async with self._session.request(
            method,
            self._root + path,
            params=params,
            data=body,
            headers=self._headers,
            timeout=self._timeout,
            allow_redirects=False,
        ) as response:
            return _answer(response, await _bounded(response))


def _answer(response: aiohttp.ClientResponse, body: bytes) -> Answer:
    head = response.headers
    kind = head.get("Content-Type", "").partition(";")[0].strip().lower()
    return Answer(response.status, body, head.get("Retry-After"), kind, head.get("Date"), head.get("Age"))


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    """The whole body, unless it is larger than any answer of Sinch can be."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_REPLY_BYTES:
            raise aiohttp.ClientPayloadError("the answer is too large")
    return bytes(body)
