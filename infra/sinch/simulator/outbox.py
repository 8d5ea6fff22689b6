"""Callbacks that are to be made, in order: what changed becomes a job only when its turn comes, so a million can wait."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from infra.sinch.simulator.chances import happens, unit
from infra.sinch.simulator.reports import Reports
from infra.sinch.simulator.rules import Rules
from infra.sinch.simulator.settings import SimulatorSettings
from infra.sinch.simulator.store import DISPATCHED_STATE, QUEUED_STATE, StoredBatch
from infra.sinch.simulator.timeline import Timeline
from infra.sinch.wire.callback_bytes import encode_callback

_JOB_BYTES = 1024  # of a job with its body, its headers and its place on the agenda


def _nobody() -> None:
    """Nobody is to be told."""


class Job:
    """One callback: where to, what, and how often it was tried."""

    __slots__ = ("about", "batch_id", "body", "delayed", "headers", "subject", "tries", "url")

    def __init__(self, url: str, body: bytes, batch_id: str, about: str, subject: object = "") -> None:
        self.url, self.body, self.batch_id, self.about = url, body, batch_id, about
        self.subject = subject  # what chance depends on: the same in every run
        self.headers: dict[str, str] | None = None
        self.tries = 0
        self.delayed = False  # it was held back on purpose; its second coming is final


class Outbox:
    """Decides which callbacks a change calls for, and what befalls them on the way."""

    def __init__(self, settings: SimulatorSettings, rules: Rules, timeline: Timeline, reports: Reports) -> None:
        self.rules = rules
        self.ready: Callable[[], None] = _nobody  # called when a job is there that nobody waits for
        self.dropped = 0
        self.later = 0  # jobs that wait on the agenda
        self._settings = settings
        self._timeline = timeline
        self._reports = reports
        self._jobs: deque[Job] = deque()
        self._changes: deque[Iterator[Job]] = deque()

    @property
    def waiting_bytes(self) -> int:
        """About how much memory the waiting jobs take."""
        return _JOB_BYTES * (len(self._jobs) + self.later)

    def changed(self, batch: StoredBatch, positions: Sequence[int], state: int) -> None:
        """Note what became of these messages, as far as the batch wants to hear of it."""
        mode = batch.fields.get("delivery_report", "none")
        url = batch.fields.get("callback_url") or self._settings.callback_url
        if url is None or mode == "none":
            return
        if mode in ("summary", "full"):
            if batch.finished and not batch.reported:
                batch.reported = True
                body = encode_callback(self._reports.batch(batch, full=mode == "full"))
                self.add(Job(url, body, batch.id, "", batch.to[0]))
            return
        is_final = state not in (QUEUED_STATE, DISPATCHED_STATE)
        if is_final or mode == "per_recipient":
            at = batch.at[positions[0]] if positions else self._timeline.now()
            self._changes.append(self._reported(batch, positions, state, at, url))
        self.ready()

    def add(self, job: Job) -> None:
        """A job whose turn has come."""
        self._jobs.append(job)
        self.ready()

    def put_off(self, job: Job, seconds: float) -> None:
        """Keep a job on the agenda; `ready` is called when it is back in line."""
        self.later += 1
        self._timeline.at(self._timeline.now() + seconds, partial(self._back, job))

    def take(self) -> Job | None:
        """The next job to be tried now; those that the rules hold back or lose on the way are dealt with."""
        while (job := self._next()) is not None:
            if job.tries or job.delayed or not self._held_back(job):
                return job
        return None

    def clear(self) -> None:
        """Forget all."""
        self._jobs.clear()
        self._changes.clear()
        self.dropped = self.later = 0

    def _next(self) -> Job | None:
        if self._jobs:
            return self._jobs.popleft()
        while self._changes:
            job = next(self._changes[0], None)
            if job is not None:
                return job
            self._changes.popleft()
        return None

    def _reported(self, batch: StoredBatch, positions: Sequence[int], state: int, at: float, url: str) -> Iterator[Job]:
        for position in positions:
            report = self._reports.recipient(batch, position, state, at)
            yield Job(url, encode_callback(report), batch.id, report.recipient, state)

    def _held_back(self, job: Job) -> bool:
        """Lose, double or delay a job, as the rules say. True when it is not to be tried now."""
        rules, seed = self.rules.callbacks, self.rules.seed
        if not (rules.drop or rules.duplicate or rules.reorder):
            return False
        subject = (job.about, job.subject)
        if happens(rules.drop, seed, "drop", *subject):
            self.dropped += 1
            return True
        if happens(rules.duplicate, seed, "duplicate", *subject):
            again = Job(job.url, job.body, job.batch_id, job.about, job.subject)
            again.delayed = True
            self.put_off(again, rules.duplicate_after.seconds(unit(seed, "again", *subject)))
        if happens(rules.reorder, seed, "reorder", *subject):
            job.delayed = True
            self.put_off(job, rules.reorder_window * unit(seed, "late", *subject))
            return True
        return False

    def _back(self, job: Job) -> None:
        self.later -= 1
        self.add(job)
