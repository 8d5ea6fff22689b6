"""Every event has an example per version, and every example is readable for ever."""

import json
from pathlib import Path
from typing import get_args

import pytest

from contracts import topics
from contracts.events import AnyEvent, UnreadableEventError, decode, encode

EXAMPLES = sorted((Path(topics.__file__).parent / "examples").glob("*.json"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_read_and_written_back_unchanged(path: Path) -> None:
    """What stands in the log today is understood tomorrow, field by field."""
    raw = path.read_bytes()
    event = decode(raw)
    assert json.loads(encode(event)) == json.loads(raw)
    assert json.loads(raw)["type"] == _tag(path)


def _tag(path: Path) -> str:
    """`Name.v1.json`, and `Name.v1.field.json` for a field that came later: the older example stays as it was."""
    return ".".join(path.stem.split(".")[:2])


def test_every_event_has_an_example() -> None:
    """Adding an event adds its example, or fails here."""
    tags = {event.__struct_config__.tag for event in get_args(AnyEvent)}
    assert tags == {_tag(path) for path in EXAMPLES}
    assert tags <= {path.stem for path in EXAMPLES}


def test_every_event_stands_in_exactly_one_topic() -> None:
    """The table of topics names every event once."""
    placed = [event for topic in topics.TOPICS for event in topic.events]
    assert sorted(e.__name__ for e in placed) == sorted(e.__name__ for e in get_args(AnyEvent))


def test_topics_keyed_by_chunk_have_the_same_partitions() -> None:
    """So that one replica owns every fact of a message."""
    chunked = [t for t in topics.TOPICS if t.name in {"campaign-requests", "dispatches", "delivery-reports"}]
    assert {t.partitions for t in chunked} == {topics.CHUNK_PARTITIONS}
    assert all(t.key.startswith("<campaign>.<chunk>") for t in chunked)


@pytest.mark.parametrize(
    "raw",
    [None, b"", b"{", b"[]", b'{"type":"Nonsense.v1"}', b'{"type":"DeliveryReported.v1"}', b'"\xff"', b"[" * 100_000],
)
def test_what_breaks_its_contract_is_an_error_of_ours(raw: bytes | None) -> None:
    """Whatever stands in a record, the reader gets an event or this one error."""
    with pytest.raises(UnreadableEventError):
        decode(raw)


def test_an_unknown_field_is_ignored() -> None:
    """A newer writer may say more."""
    raw = json.loads(EXAMPLES[0].read_bytes()) | {"of_tomorrow": 1}
    assert decode(json.dumps(raw).encode()) == decode(EXAMPLES[0].read_bytes())
