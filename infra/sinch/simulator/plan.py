"""One simulated service plan: its batches, its phones' messages, its rules and its time, wired together."""

from collections import deque

from infra.process.world import World
from infra.sinch.simulator.chances import unit
from infra.sinch.simulator.delivery import Deliverer
from infra.sinch.simulator.faults import FaultBook, Faults
from infra.sinch.simulator.fields import Rejected
from infra.sinch.simulator.life import Lives
from infra.sinch.simulator.outbox import Job, Outbox
from infra.sinch.simulator.reports import Reports
from infra.sinch.simulator.requests import Draft, expiry, sending_time
from infra.sinch.simulator.rules import Delay, Rules
from infra.sinch.simulator.settings import SimulatorSettings
from infra.sinch.simulator.store import Store, StoredBatch
from infra.sinch.simulator.timeline import Timeline
from infra.sinch.simulator.ulids import ulid
from infra.sinch.wire.callback_bytes import encode_callback
from infra.sinch.wire.callbacks import InboundMessage

INBOUNDS_KEPT = 10_000
_PER_FAILED_NUMBER = 150  # bytes


class Plan:
    """Everything behind the HTTP interface."""

    def __init__(self, settings: SimulatorSettings, world: World) -> None:
        self.settings = settings
        self.ids = world.ids
        self.timeline = Timeline(world)
        self.store = Store(settings.memory_bytes)
        self.reports = Reports(settings, self.store.outcomes)
        self.rules = Rules()
        self.outbox = Outbox(settings, self.rules, self.timeline, self.reports)
        self.deliverer = Deliverer(settings, world, self.timeline, self.outbox)
        self.outbox.ready = self.deliverer.pump
        self.lives = Lives(settings, self.rules, self.timeline, self.store, self.outbox.changed)
        self.faults = Faults(settings, self.timeline)
        self.fault_book = FaultBook(self.rules)
        self._pauses = 0
        self.inbounds: deque[tuple[float, InboundMessage]] = deque(maxlen=INBOUNDS_KEPT)

    def follow(self, rules: Rules) -> None:
        """Live by these rules from now on; what is already on its way keeps its fate."""
        self.rules = rules
        self.outbox.rules = rules
        self.lives.follow(rules)
        self.fault_book = FaultBook(rules)
        self._pauses = 0

    def reset(self) -> None:
        """Back to the first moment: no batches, no messages, default rules, the present time."""
        self.timeline.clear()
        self.outbox.clear()
        self.deliverer.clear()
        self.inbounds.clear()
        self.store.clear()
        self.lives.clear()
        self.follow(Rules())

    async def advance(self, seconds: float) -> None:
        """Let this much time pass now, with everything that is due in it."""
        await self.timeline.advance(seconds, self.deliverer.settled)

    def has_room(self, body_bytes: int, recipients: int) -> bool:
        """Whether another batch fits into the memory that is allowed."""
        elsewhere = self.outbox.waiting_bytes + _PER_FAILED_NUMBER * self.lives.fates.remembered
        return self.store.has_room(body_bytes, recipients, elsewhere)

    def accept(self, draft: Draft, body_bytes: int) -> StoredBatch:
        """Take a batch. Raises Rejected when reports are wanted and there is nowhere to send them."""
        self.check_callback(draft)
        now = self.timeline.now()
        batch = StoredBatch(ulid(self.ids), draft.to, draft.fields, now)
        self._time(batch)
        self.store.add(batch, body_bytes)
        self.lives.begin(batch)
        return batch

    def change(self, batch: StoredBatch, draft: Draft, body_bytes: int) -> None:
        """Put this in the place of what was asked before. Raises Rejected once it has gone out."""
        if batch.started or batch.canceled:
            raise Rejected(403, "batch_already_dispatched", f"Batch '{batch.id}' has already been dispatched.")
        self.check_callback(draft)
        reference = batch.fields.get("client_reference")
        batch.replace(draft.to, draft.fields)
        batch.modified = self.timeline.now()
        self.store.changed(batch, reference, body_bytes)
        self._time(batch)
        self.lives.begin(batch)

    def cancel(self, batch: StoredBatch) -> None:
        """Stop a batch. Raises Rejected when all has gone out and the account minds."""
        if not batch.canceled and not batch.started:
            self.lives.cancel(batch, self.timeline.now())
        elif not batch.canceled:
            if batch.over and self.settings.cancel_after_sent == "conflict":
                raise Rejected(403, "conflict_send_at", f"Batch '{batch.id}' has already been sent.")
            self.lives.cancel(batch, self.timeline.now())

    async def pause(self, what: str, delay: Delay) -> None:
        """Let the simulated time pass that the rules want before an answer."""
        self._pauses += 1
        await self.faults.wait(delay.seconds(unit(self.rules.seed, what, self._pauses)))

    def visible(self, batch_id: str) -> StoredBatch | None:
        """A batch by its id, once it shows."""
        now = self.timeline.now()
        batch = self.store.get(batch_id, now)
        return batch if batch is not None and self.shows(batch, now) else None

    def shows(self, batch: StoredBatch, now: float) -> bool:
        """Whether a batch is past the lag of lists."""
        return now - batch.created >= self.rules.lists.lag

    def receive(self, message: InboundMessage) -> None:
        """A phone has sent something: keep it, and tell the plan's own address."""
        self.inbounds.append((self.timeline.now(), message))
        if self.settings.callback_url is not None:
            self.outbox.add(
                Job(self.settings.callback_url, encode_callback(message), message.id, message.from_, message.body)
            )

    def check_callback(self, draft: Draft) -> None:
        """Raises Rejected when reports are wanted and there is nowhere to send them."""
        wanted = draft.fields.get("delivery_report", "none") != "none"
        if wanted and "callback_url" not in draft.fields and self.settings.callback_url is None:
            raise Rejected(403, "missing_callback_url", "Requesting delivery report without any callback URL.")

    def _time(self, batch: StoredBatch) -> None:
        now = self.timeline.now()
        batch.starts = sending_time(batch.fields, now)
        batch.expires = expiry(batch.fields, now)
