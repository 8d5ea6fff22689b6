"""Sinch, played: what it answers to the next offers is laid down before, what it took it remembers."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from infra.process.world import Clock
from infra.sinch.outcomes import InDoubt, NotSent, Refused, SlowDown
from infra.sinch.wire.batches import Batch, SendBatch
from infra.sinch.wire.callbacks import BatchReport, StatusCount
from infra.sinch.wire.errors import ApiError

ANSWERS = ("taken", "taken", "taken", "taken, unheard", "lost", "slow down", "not sent", "refused", "first refused")


@dataclass(slots=True)
class Taken:
    """A batch that Sinch has, and the last word about each message: (word, code)."""

    batch_id: str
    reference: str
    at: float
    fates: dict[str, tuple[str, int]]
    canceled: bool = False


@dataclass(slots=True)
class PlayedSinch:
    """In the place of SinchClient."""

    clock: Clock
    answers: deque[str] = field(default_factory=deque)
    taken: list[Taken] = field(default_factory=list)
    ahead: float | None = None
    listed_after: float = 0.0
    asked: int = 0
    hear: asyncio.Event = field(default_factory=asyncio.Event)
    """Until it is set, an answer that is heard late is not heard."""

    async def send(self, batch: SendBatch, *, deadline: float | None = None) -> Batch:
        """As the next answer says; taken when none is laid down."""
        if deadline is not None and self.clock.boot() >= deadline:
            raise NotSent("the deadline passed before the write")
        answer = self.answers.popleft() if self.answers else "taken"
        reference = batch.client_reference or ""
        match answer:
            case "lost":
                raise InDoubt("TimeoutError")
            case "slow down":
                raise SlowDown(1.0)
            case "not sent":
                raise NotSent("cut")
            case "refused":
                raise Refused(ApiError(400, "syntax_constraint_violation", "Something in here is not acceptable."))
            case "first refused":
                text = "The format of parameter 'to[0]' is invalid; value is not a valid MSISDN."
                raise Refused(ApiError(400, "syntax_invalid_parameter_format", text))
        one = Taken(f"B{len(self.taken):05d}", reference, self.clock.unix(), dict.fromkeys(batch.to, ("Queued", 400)))
        self.taken.append(one)
        if answer == "taken, heard late":
            await self.hear.wait()
        if answer == "taken, unheard":
            raise InDoubt("TimeoutError")
        return _batch(one)

    async def find(self, client_reference: str, start_date: str, *_: Any, **__: Any) -> list[Batch]:
        """Its list."""
        del start_date
        self.asked += 1
        listed = [one for one in self.taken if one.at + self.listed_after <= self.clock.unix()]
        return [_batch(one) for one in listed if one.reference == client_reference]

    async def cancel(self, batch_id: str) -> Batch | None:
        """What has no end yet is cancelled."""
        one = next((one for one in self.taken if one.batch_id == batch_id), None)
        if one is None:
            return None
        one.canceled = True
        return _batch(one)

    async def batch_report(self, batch_id: str, *, full: bool = True) -> BatchReport | None:
        """The words so far."""
        del full
        one = next((one for one in self.taken if one.batch_id == batch_id), None)
        if one is None:
            return None
        lines = [StatusCount(code=c, status=w, count=1, recipients=[who]) for who, (w, c) in one.fates.items()]
        return BatchReport(
            type="delivery_report_sms", batch_id=batch_id, total_message_count=len(lines), statuses=lines,
            client_reference=one.reference,
        )  # fmt: skip


def _batch(one: Taken) -> Batch:
    return Batch(id=one.batch_id, to=list(one.fates), canceled=one.canceled, client_reference=one.reference)
