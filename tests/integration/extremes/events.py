"""Two thousand records: every event of the contract, each with some fields at the ends of what their types allow."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from contracts.events import Event, UnreadableEventError, decode, encode
from contracts.identity import derived_id
from contracts.topics import TOPICS, Topic
from infra.kafka.log import Entry
from tests.integration.extremes.values import Extremes, example_of

EXAMPLES = Path(__file__).parents[3] / "contracts" / "examples"
MOST_BYTES = 995_000
VICTIM = "01930000-0000-7000-8000-00000000dead"
"""The campaign that the extremes speak of, when they speak of one that is there."""
VICTIMS = ("15551110001", "15551110002")
REPLACED = {
    "01930a6e-4c00-7a31-9c55-2f4c7e9d1a01": VICTIM, "15551230001": VICTIMS[0], "15551230002": VICTIMS[1], '.a"': '"',
    '"part": "a"': '"part": ""', '"chunks": 2': '"chunks": 1',
}  # fmt: skip


def extreme_entries(count: int, seed: int, reader: str) -> list[Entry]:
    """So many records of the topics that this service reads."""
    source = Extremes(seed)
    kinds = [(topic, cls) for topic in TOPICS if reader in topic.read_by for cls in topic.events]
    entries = list[Entry]()
    while len(entries) < count:
        topic, cls = kinds[len(entries) % len(kinds)]
        if (entry := _entry(source, topic, cls, len(entries))) is not None:
            entries.append(entry)
    return entries


def _entry(source: Extremes, topic: Topic, cls: type[Event], number: int) -> Entry | None:
    """One record; None where what was drawn is larger than a record may be."""
    tag = msgspec.inspect.type_info(cls).tag  # type: ignore[attr-defined]
    usual = example_of(cls, (EXAMPLES / f"{tag}.json").read_bytes(), REPLACED)
    event = msgspec.structs.replace(usual, **({"event_id": derived_id("extreme", number)} | _changes(source, usual)))
    raw = encode(event)  # type: ignore[arg-type]
    if len(raw) > MOST_BYTES:
        return None
    try:
        assert decode(raw) == event
    except UnreadableEventError as error:
        raise AssertionError(f"{tag} is not valid: {error}") from error
    return Entry(topic.name, source.random.choice((f"{VICTIM}.0", "k", f"key {number}")), raw)


def _changes(source: Extremes, usual: msgspec.Struct) -> dict[str, Any]:
    """One field, some, or all of them."""
    fields: Sequence[inspect.Field] = inspect.type_info(type(usual)).fields  # type: ignore[attr-defined]
    how_many = source.random.choice((1, 1, 1, 2, 3, len(fields)))
    return {
        field.name: source.of(field.type, getattr(usual, field.name))
        for field in source.random.sample(fields, min(how_many, len(fields)))
    }
