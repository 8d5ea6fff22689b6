"""Callbacks over HTTP with Sinch's retry rule: 2xx is done, 5xx, 429 and silence are tried again, other 4xx are lost."""

import asyncio
import re
from collections import deque

import aiohttp
import msgspec

from infra.process.backoff import growing
from infra.process.masking import MASK
from infra.process.world import World
from infra.sinch.simulator.outbox import Job, Outbox
from infra.sinch.simulator.reports import at_text
from infra.sinch.simulator.settings import SimulatorSettings
from infra.sinch.simulator.timeline import Timeline
from infra.sinch.simulator.ulids import ulid
from infra.sinch.wire.signature import signature_headers

_TOO_MANY = 429
_SERVER_ERROR = 500
_SUCCESS = range(200, 300)
_SHOWN_BYTES = 2000  # of a body in the log
LONGEST_RETRY_SECONDS = 81_920.0  # Sinch's last interval
_PLAIN = {"Content-Type": "application/json", "User-Agent": "heliograph-sinch-simulator"}


_PROOF = re.compile(r"([?&]token=|://)(?:(?<==)[^&#]*|[^/?#@]*@)")


def shown_address(url: str) -> str:
    """A callback's address without what proves a caller to the gateway: its token, its credentials."""
    return _PROOF.sub(lambda found: found[1] + MASK + ("@" if found[1] == "://" else ""), url)


class Try(msgspec.Struct, frozen=True, omit_defaults=True):
    """One try of a callback and its answer; `url` without its token, because anybody on this machine may look."""

    at: str
    batch_id: str
    recipient: str
    url: str
    number: int
    body: str
    status: int | None = None
    error: str | None = None
    retry_in: float | None = None  # seconds


class Deliverer:
    """Posts what the outbox holds, so many at a time; a 429 halves that, successes bring it back."""

    def __init__(self, settings: SimulatorSettings, world: World, timeline: Timeline, outbox: Outbox) -> None:
        self._settings = settings
        self._world = world
        self._timeline = timeline
        self._outbox = outbox
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._active = 0
        self._generation = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.limit = float(settings.callback_connections)
        self.counts = {"tries": 0, "delivered": 0, "lost": 0, "retries": 0}
        self.log: deque[Try] = deque(maxlen=settings.callbacks_kept)
        self._heard: dict[str, asyncio.Event] = {}  # batches whose first callback somebody waits for

    async def open(self) -> None:
        """Get ready to connect."""
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=self._settings.callback_timeout)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())

    async def close(self) -> None:
        """Give up what is under way and close the connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def clear(self) -> None:
        """Forget the log; answers to what is under way are ignored."""
        self._generation += 1
        self.log.clear()
        self.limit = float(self._settings.callback_connections)
        self.counts = dict.fromkeys(self.counts, 0)

    def pump(self) -> None:
        """Start as many tries as may run at a time."""
        while self._active < max(1, int(self.limit)):
            job = self._outbox.take()
            if job is None:
                break
            self._active += 1
            self._idle.clear()
            task = self._world.tasks.spawn("callback", self._run(job, self._generation))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        self.pump()
        await self._idle.wait()

    async def wait_heard(self, batch_id: str, seconds: float) -> None:
        """Wait until a callback of this batch was answered, but not longer than so many real seconds."""
        if any(one.batch_id == batch_id for one in self.log):
            return
        heard = self._heard.setdefault(batch_id, asyncio.Event())
        try:
            async with asyncio.timeout(seconds):
                await heard.wait()
        except TimeoutError:
            pass
        finally:
            self._heard.pop(batch_id, None)

    async def _run(self, job: Job, generation: int) -> None:
        """Try this job, then the next ones, as long as there are any."""
        try:
            current: Job | None = job
            while current is not None:
                status, error = await self._try(current)
                if generation == self._generation:
                    self._judge(current, status, error)
                generation = self._generation
                current = self._outbox.take() if self._active <= self.limit else None
        finally:
            self._active -= 1
            if self._active == 0:
                self._idle.set()

    async def _try(self, job: Job) -> tuple[int | None, str | None]:
        """Post it once: the status, or what went wrong instead."""
        assert self._session is not None
        job.tries += 1
        self.counts["tries"] += 1
        if job.headers is None or self._settings.sign_again:
            job.headers = self._headers(job.body)
        try:
            async with self._session.post(
                job.url, data=job.body, headers=job.headers, allow_redirects=False
            ) as response:
                await response.read()
                return response.status, None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return None, type(error).__name__

    def _headers(self, body: bytes) -> dict[str, str]:
        secret = self._settings.webhook_secret
        if secret is None:
            return _PLAIN
        stamp = str(int(self._timeline.now()))
        return _PLAIN | signature_headers(body, secret, ulid(self._world.ids), stamp)

    def _judge(self, job: Job, status: int | None, error: str | None) -> None:
        """What follows from the answer."""
        retry_in = None
        if status in _SUCCESS:
            self.counts["delivered"] += 1
            self.limit = min(self.limit + 0.1, float(self._settings.callback_connections))
        elif status is None or status == _TOO_MANY or status >= _SERVER_ERROR:
            if status == _TOO_MANY:
                self.limit = max(1.0, self.limit / 2)
            retry_in = self._retry(job)
        else:
            self.counts["lost"] += 1
        self._note(job, status, error, retry_in)

    def _retry(self, job: Job) -> float | None:
        """Put the job off for the next try; None when it had its last."""
        if job.tries > self._settings.retries:
            self.counts["lost"] += 1
            return None
        self.counts["retries"] += 1
        seconds = growing(job.tries, self._settings.first_retry, LONGEST_RETRY_SECONDS)
        self._outbox.put_off(job, seconds)
        return seconds

    def _note(self, job: Job, status: int | None, error: str | None, retry_in: float | None) -> None:
        now = at_text(self._timeline.now())
        body = job.body[:_SHOWN_BYTES].decode("utf-8", "replace")
        self.log.append(
            Try(now, job.batch_id, job.about, shown_address(job.url), job.tries, body, status, error, retry_in)
        )
        waiting = self._heard.get(job.batch_id)
        if waiting is not None:
            waiting.set()
