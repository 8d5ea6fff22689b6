"""What the simulated Sinch knows: batches in compact form, found by id and by reference, within a bound of memory."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from infra.sinch.simulator.fates import DISPATCHED, QUEUED, Outcome
from infra.sinch.wire.batches import LIST_WINDOW_SECONDS, Batch
from infra.sinch.wire.timestamps import on_the_wire

_PER_BATCH = 4096  # bytes: objects, index entries, agenda
_PER_RECIPIENT = 64  # bytes: number 8, state 2, time 8; the rest for timers and waiting callbacks
_PER_BODY_BYTE = 3  # decoded JSON beside raw JSON

_MOMENTS = frozenset({"send_at", "expire_at"})

QUEUED_STATE, DISPATCHED_STATE = 0, 1


class Outcomes:
    """Every outcome there was, numbered, so that a message's state is two bytes."""

    def __init__(self) -> None:
        self._all = [Outcome(*QUEUED, never=True), Outcome(*DISPATCHED, never=True)]
        self._numbers = {(o.code, o.status): n for n, o in enumerate(self._all)}

    def number(self, outcome: Outcome) -> int:
        """The state that stands for this outcome."""
        key = (outcome.code, outcome.status)
        if key not in self._numbers:
            self._numbers[key] = len(self._all)
            self._all.append(outcome)
        return self._numbers[key]

    def __getitem__(self, state: int) -> Outcome:
        return self._all[state]


class StoredBatch:
    """A batch and the state of each of its messages, by position in `to`."""

    __slots__ = (
        "at", "canceled", "cost", "created", "dispatched", "expires", "fields", "finals", "id", "lost",
        "modified", "reported", "starts", "states", "to", "version", "withdrawn",
    )  # fmt: skip

    def __init__(self, batch_id: str, to: "array[int]", fields: dict[str, Any], created: float) -> None:
        self.id = batch_id
        self.created = self.modified = self.starts = self.expires = created
        self.canceled = False
        self.withdrawn = False  # cancelled before its time came: its report is empty
        self.version = 0  # counts changes before dispatch: an agenda entry of an older one is void
        self.cost = 0
        self.replace(to, fields)

    def replace(self, to: "array[int]", fields: dict[str, Any]) -> None:
        """Put these numbers and fields in the place of what was there; nothing has been dispatched yet."""
        self.to, self.fields = to, fields
        self.states = array("H", bytes(2 * len(to)))
        self.at = array("d", [self.created]) * len(to)
        self.dispatched = 0  # how many, from the start of `to`
        self.finals = 0  # how many have their last status
        self.lost = 0  # how many will never have one
        self.reported = False  # whether the batch's own report went out

    def mark(self, positions: Sequence[int], state: int, at: float) -> None:
        """Give these messages a state."""
        if isinstance(positions, range):
            where = slice(positions.start, positions.stop, positions.step)
            self.states[where] = array("H", [state]) * len(positions)
            self.at[where] = array("d", [at]) * len(positions)
            return
        states, times = self.states, self.at
        for position in positions:
            states[position] = state
            times[position] = at

    @property
    def started(self) -> bool:
        """Whether some message has left the queue."""
        return self.dispatched > 0

    @property
    def finished(self) -> bool:
        """Whether every message has its last status."""
        return self.withdrawn or self.finals == len(self.to)

    @property
    def over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.withdrawn or self.finals + self.lost == len(self.to)

    def position(self, recipient: str) -> int | None:
        """Where a number stands in `to`."""
        try:
            return self.to.index(int(recipient))
        except ValueError:
            return None

    def wire(self, created: str, modified: str, expires: str) -> Batch:
        """The batch as Sinch shows it. `flash_message` and `delivery_report` have their defaults."""
        defaults = {"type": "mt_text", "delivery_report": "none", "flash_message": False, "expire_at": expires}
        fields = {**defaults, **self.fields}
        fields["from_"] = fields.pop("from", None)
        for name in fields.keys() & _MOMENTS:
            fields[name] = on_the_wire(fields[name])
        return Batch(
            id=self.id,
            to=list(map(str, self.to)),
            canceled=self.canceled,
            created_at=created,
            modified_at=modified,
            **fields,
        )


class Store:
    """All batches of the plan, newest last."""

    def __init__(self, memory_bytes: int) -> None:
        self._memory = memory_bytes
        self._by_id: dict[str, StoredBatch] = {}
        self._by_reference: dict[str, list[StoredBatch]] = {}
        self.outcomes = Outcomes()
        self.used = 0
        self.accepted = 0
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._by_id)

    def has_room(self, body_bytes: int, recipients: int, elsewhere: int) -> bool:
        """Whether one more batch fits beside `elsewhere` bytes; the oldest that are over make room."""
        wanted = cost(body_bytes, recipients) + elsewhere
        if self.used + wanted <= self._memory:
            return True
        for batch in [batch for batch in self._by_id.values() if batch.over]:
            self._drop(batch)
            if self.used + wanted <= self._memory:
                return True
        return False

    def add(self, batch: StoredBatch, body_bytes: int) -> None:
        """Keep an accepted batch."""
        batch.cost = cost(body_bytes, len(batch.to))
        self.used += batch.cost
        self.accepted += 1
        self._by_id[batch.id] = batch
        self._index(batch)

    def clear(self) -> None:
        """Forget everything."""
        self._by_id.clear()
        self._by_reference.clear()
        self.used = self.accepted = self.evicted = 0

    def changed(self, batch: StoredBatch, old_reference: str | None, body_bytes: int) -> None:
        """A kept batch has other fields now: find it under its new reference, count its new size."""
        if old_reference is not None:
            self._unindex(batch, old_reference)
        self._index(batch)
        more = cost(body_bytes, len(batch.to))
        self.used += more
        batch.cost += more

    def get(self, batch_id: str, now: float) -> StoredBatch | None:
        """A batch of the last 14 days."""
        batch = self._by_id.get(batch_id)
        return batch if batch is not None and batch.created > now - LIST_WINDOW_SECONDS else None

    def newest_first(self, client_reference: str | None = None) -> Iterator[StoredBatch]:
        """All batches, or those with a reference, newest first."""
        if client_reference is not None:
            return reversed(self._by_reference.get(client_reference, []))
        return reversed(self._by_id.values())

    def oldest_first(self) -> Iterable[StoredBatch]:
        """All batches in the order in which they were accepted."""
        return list(self._by_id.values())

    def _index(self, batch: StoredBatch) -> None:
        reference = batch.fields.get("client_reference")
        if reference is not None:
            self._by_reference.setdefault(reference, []).append(batch)

    def _unindex(self, batch: StoredBatch, reference: str) -> None:
        found = self._by_reference[reference]
        found.remove(batch)
        if not found:
            del self._by_reference[reference]

    def _drop(self, batch: StoredBatch) -> None:
        del self._by_id[batch.id]
        self.used -= batch.cost
        self.evicted += 1
        reference = batch.fields.get("client_reference")
        if reference is not None:
            self._unindex(batch, reference)


def cost(body_bytes: int, recipients: int) -> int:
    """What a batch takes of the memory, in bytes."""
    return _PER_BATCH + _PER_RECIPIENT * recipients + _PER_BODY_BYTE * body_bytes
