"""Dead letters: what could not be read, what became of it, and reading it again.

A letter read again becomes the same events under the same ids as if it had been understood at first, so doing it
twice, or a crash between the events and the note about them, changes nothing.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from contracts import topics
from contracts.events import (
    DeadLetter,
    DeadLetterDropped,
    DeadLetterRedriven,
    UnreadableEventError,
    decode,
    encode,
)
from contracts.identity import derived_id
from infra.kafka.log import Appender, Entry, KafkaConnection, Partition, Record, Scanner, scan
from services.webhook_gateway.translate import ORIGIN, Translator

OPEN, REDRIVEN, DROPPED = "open", "redriven", "dropped"


@dataclass(slots=True)
class Letter:
    """One dead letter as the log tells it. `copies`: how often it came, for Sinch repeats what it was not heard to say."""

    offset: int
    event: DeadLetter
    copies: int = 1
    state: str = OPEN
    actor: str = ""
    note: str = ""

    @property
    def id(self) -> str:
        """Its name: the event id."""
        return self.event.event_id


@dataclass(frozen=True, slots=True)
class Step:
    """One letter of a redrive: what it becomes, or why it cannot be done."""

    letter: Letter
    entries: tuple[Entry, ...] = ()
    obstacle: str = ""


class LetterUnknown(Exception):  # noqa: N818  named by what it says
    """No letter, or more than one, has an id that begins so."""


async def read_letters(kafka: KafkaConnection) -> list[Letter]:
    """All letters in the order in which they came, with what was decided about each."""
    found: dict[str, Letter] = {}
    async for batch in scan(kafka, [topics.DEAD_LETTERS]):
        for records in batch.values():
            for record in records:
                _fold(found, record.offset, record.value)
    return list(found.values())


def _fold(found: dict[str, Letter], offset: int, value: bytes | None) -> None:
    try:
        event = decode(value)
    except UnreadableEventError:
        return  # it has no id by which one could name it
    match event:
        case DeadLetter():
            if (letter := found.get(event.event_id)) is None:
                found[event.event_id] = Letter(offset, event)
            else:
                letter.copies += 1
        case DeadLetterRedriven() | DeadLetterDropped():
            if (letter := found.get(event.dead_letter_id)) is not None:
                letter.state = DROPPED if isinstance(event, DeadLetterDropped) else REDRIVEN
                letter.actor = event.actor
                letter.note = event.reason if isinstance(event, DeadLetterDropped) else ""
        case _:
            return


def chosen(letters: Sequence[Letter], ids: Collection[str]) -> list[Letter]:
    """The letters whose ids begin so, in the order of the log. Raises LetterUnknown."""
    wanted = []
    for start in ids:
        match [letter for letter in letters if letter.id.startswith(start)]:
            case [letter]:
                wanted.append(letter)
            case several:
                raise LetterUnknown(f"{len(several) or 'no'} dead letters have an id that begins with {start}")
    return [letter for letter in letters if letter in wanted]


async def plan_redrive(
    kafka: KafkaConnection, translator: Translator, letters: Sequence[Letter], wanted: Sequence[Letter]
) -> list[Step]:
    """What redriving `wanted` would do, in the log's order; nothing is written.

    Facts of one message keep their order: a letter waits while an earlier open one under the same key is left out.
    """
    waits = [letter for letter in letters if letter.state == OPEN]
    keys_of_records = await _records(kafka, waits)
    steps = [_step(translator, letter, keys_of_records.get(letter.id)) for letter in waits]
    waiting: dict[tuple[str, str], str] = {}
    planned = []
    for step in steps:
        keys = [(entry.topic, entry.key) for entry in step.entries]
        if step.letter not in wanted:
            waiting.update(dict.fromkeys(keys, step.letter.id))
        elif before := next((waiting[key] for key in keys if key in waiting), None):
            planned.append(
                Step(step.letter, obstacle=f"{before} of the same chunk or person came before it: take both")
            )
        else:
            planned.append(step)
    decided = [Step(letter, obstacle=f"already {letter.state}") for letter in wanted if letter.state != OPEN]
    return [*decided, *planned]


async def _records(kafka: KafkaConnection, letters: Sequence[Letter]) -> dict[str, Record]:
    """The records in the log that letters are about, by the letters' ids: only they have the key."""
    places = {
        letter.id: (Partition(letter.event.origin, letter.event.partition), letter.event.offset)
        for letter in letters
        if letter.event.partition is not None and letter.event.offset is not None
    }
    found = {}
    if places:
        async with Scanner(kafka) as scanner:
            for id_, (partition, offset) in places.items():
                if (record := await scanner.record_at(partition, offset)) is not None:
                    found[id_] = record
    return found


def _step(translator: Translator, letter: Letter, record: Record | None) -> Step:
    event = letter.event
    if event.truncated:
        return Step(letter, obstacle="only its beginning was kept")
    if event.origin == ORIGIN:
        said = translator.read(event.raw, event.occurred_at)
        if said.is_dead:
            return Step(letter, obstacle=f"still unreadable: {said.about.get('reason')}")
        return Step(letter, tuple(said.entries))
    try:
        decode(event.raw)
    except UnreadableEventError as error:
        return Step(letter, obstacle=f"still unreadable: {error}")
    if record is None:
        return Step(letter, obstacle="its record is not in the log any more, and with it its key")
    return Step(letter, (Entry(event.origin, (record.key or b"").decode(), event.raw, tuple(record.headers)),))


async def redrive(appender: Appender, steps: Sequence[Step], actor: str, now: str) -> int:
    """Carry out the steps that have no obstacle, one after another; gives their number."""
    done = [step for step in steps if not step.obstacle]
    for step in done:
        await appender.append_all(step.entries)
        note = DeadLetterRedriven(
            event_id=derived_id("redriven", step.letter.id),
            occurred_at=now,
            dead_letter_id=step.letter.id,
            actor=actor,
        )
        await appender.append(Entry(topics.DEAD_LETTERS, ORIGIN, encode(note)))
    return len(done)


async def drop(appender: Appender, letters: Sequence[Letter], actor: str, reason: str, now: str) -> None:
    """Note that these are not needed. Their bytes stay in the log."""
    for letter in letters:
        note = DeadLetterDropped(
            event_id=derived_id("dropped", letter.id),
            occurred_at=now,
            dead_letter_id=letter.id,
            actor=actor,
            reason=reason,
        )
        await appender.append(Entry(topics.DEAD_LETTERS, ORIGIN, encode(note)))
