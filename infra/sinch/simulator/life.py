"""The life of a batch: queued, dispatched, and for each message a last status. Everything that changes tells a listener."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from infra.sinch.simulator.chances import unit
from infra.sinch.simulator.fates import (
    CANCELLED,
    EXPIRED,
    GOOD,
    INTERNAL_EXPIRY,
    TOO_MANY_PARTS,
    UNMATCHED_PARAMETER,
    Fates,
    Outcome,
    of_code,
)
from infra.sinch.simulator.queue import PlanQueue
from infra.sinch.simulator.rules import Rules
from infra.sinch.simulator.settings import SimulatorSettings
from infra.sinch.simulator.store import DISPATCHED_STATE, QUEUED_STATE, Store, StoredBatch
from infra.sinch.simulator.texts import Texts
from infra.sinch.simulator.timeline import Timeline

_MOMENTS = 32  # at which the messages of one dispatch get their last status, at most

# Called with the batch, the positions in it that changed, and their new state.
Listener = Callable[[StoredBatch, Sequence[int], int], None]


class Lives:
    """Moves batches along the timeline."""

    def __init__(
        self,
        settings: SimulatorSettings,
        rules: Rules,
        timeline: Timeline,
        store: Store,
        changed: Listener,
    ) -> None:
        self.rules = rules
        self.fates = Fates(rules)
        self._timeline = timeline
        self._store = store
        self._changed = changed
        self._cancelled = Outcome(CANCELLED, settings.cancelled_status)
        self.queue = PlanQueue(timeline, settings.messages_per_second, self._dispatch)

    def follow(self, rules: Rules) -> None:
        """Live by other rules from now on."""
        self.rules = rules
        self.fates = Fates(rules)

    def clear(self) -> None:
        """Forget what was on its way."""
        self.queue.clear()

    def begin(self, batch: StoredBatch) -> None:
        """A batch was accepted, or changed before it went out: it joins the queue when its time has come."""
        batch.version += 1
        self.queue.remove(batch)
        if self.rules.callbacks.queued:
            self._changed(batch, range(len(batch.to)), QUEUED_STATE)
        wait = self.rules.delays.dispatch.seconds(unit(self.rules.seed, "dispatch", batch.to[0]))
        when = batch.starts + wait
        if when <= self._timeline.now():
            self.queue.put(batch)
        else:
            self._timeline.at(when, partial(self._join, batch, batch.version))

    def cancel(self, batch: StoredBatch, now: float) -> None:
        """Stop what has not gone out. A batch whose time has not come is left with an empty report."""
        batch.canceled, batch.modified = True, now
        batch.version += 1
        if batch.starts > now:
            batch.withdrawn = True
            self._changed(batch, (), QUEUED_STATE)
            return
        rest = range(batch.dispatched, len(batch.to))
        batch.dispatched = len(batch.to)
        self.queue.remove(batch)
        if rest:
            self._finish(batch, rest, self._store.outcomes.number(self._cancelled))

    def _join(self, batch: StoredBatch, version: int) -> None:
        if batch.version == version:
            self.queue.put(batch)

    def _dispatch(self, batch: StoredBatch, many: int) -> None:
        """The next messages of a batch leave: some are aborted at once, the others are on their way."""
        positions = range(batch.dispatched, batch.dispatched + many)
        batch.dispatched += many
        if self._timeline.now() >= batch.expires:
            self._end(batch, positions, of_code(INTERNAL_EXPIRY))
            return
        sendable = self._abort_unfit(batch, positions)
        now = self._timeline.now()
        batch.mark(sendable, DISPATCHED_STATE, now)
        self._changed(batch, sendable, DISPATCHED_STATE)
        self._schedule(batch, sendable, now)

    def _abort_unfit(self, batch: StoredBatch, positions: Sequence[int]) -> Sequence[int]:
        """End the messages that cannot be made, and give the positions of the others."""
        texts = Texts(batch.fields)
        if texts.always_fit:
            return positions
        fit: list[int] = []
        unfit: dict[int, list[int]] = {UNMATCHED_PARAMETER: [], TOO_MANY_PARTS: []}
        for position in positions:
            unfit.get(texts.problem(str(batch.to[position])), fit).append(position)
        for code, group in unfit.items():
            self._end(batch, group, of_code(code))
        return fit

    def _schedule(self, batch: StoredBatch, positions: Sequence[int], now: float) -> None:
        """Put every message's last status on the agenda, those of the same moment together."""
        fates = self.fates.unusual(batch.to, positions)
        for wait, group in self._waits(batch, positions):
            when = now + wait
            for outcome, members in split(group, fates):
                if outcome.never:
                    batch.lost += len(members)
                elif when >= batch.expires:
                    self._finish_at(batch.expires, batch, members, Outcome(0, EXPIRED))
                else:
                    self._finish_at(when, batch, members, outcome)

    def _waits(self, batch: StoredBatch, positions: Sequence[int]) -> Iterator[tuple[float, Sequence[int]]]:
        """How long until the last status, by groups: a thousand messages share some moments, as in a real network."""
        delay = self.rules.delays.final
        if delay.constant is not None or not positions:
            yield delay.constant or 0.0, positions
            return
        for number in range(_MOMENTS):
            group = positions[number::_MOMENTS]
            if group:
                yield delay.seconds(unit(self.rules.seed, "final", batch.to[group[0]])), group

    def _finish_at(self, when: float, batch: StoredBatch, positions: Sequence[int], outcome: Outcome) -> None:
        state = self._store.outcomes.number(outcome)
        if when <= self._timeline.now():
            self._finish(batch, positions, state)
        else:
            self._timeline.at(when, partial(self._finish, batch, positions, state))

    def _end(self, batch: StoredBatch, positions: Sequence[int], outcome: Outcome) -> None:
        if positions:
            self._finish(batch, positions, self._store.outcomes.number(outcome))

    def _finish(self, batch: StoredBatch, positions: Sequence[int], state: int) -> None:
        batch.mark(positions, state, self._timeline.now())
        batch.finals += len(positions)
        self._changed(batch, positions, state)


def split(positions: Sequence[int], fates: Mapping[int, Outcome]) -> Iterator[tuple[Outcome, Sequence[int]]]:
    """Messages by their outcome; those that `fates` does not name are delivered."""
    if not fates:
        yield GOOD, positions
        return
    groups: dict[Outcome, list[int]] = {}
    for position in positions:
        groups.setdefault(fates.get(position, GOOD), []).append(position)
    yield from groups.items()
