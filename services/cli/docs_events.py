"""`docs/events.md`: topics, statuses and every event with its fields and its example, from the contracts themselves."""

import inspect
import re
import types
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, Union, get_args, get_origin

import msgspec

from contracts.events import Event, StatusCount
from contracts.events.base import Digits, Id, Timestamp
from contracts.statuses import OURS, SINCH, UNRECOGNISED
from contracts.topics import FOREVER, TOPICS, Topic

HEAD = """\
# Events

Made from `contracts/` by `heliograph docs`; a test fails when it is not current. What stands in the log is one flat
JSON object a record, readable with any Kafka tool. A reader ignores fields that it does not know. A change that an old
example cannot pass is a new version, and every example in `contracts/examples/` is read by the tests for ever.

Every event has `type` (name and version), `event_id` and `occurred_at` (UTC, milliseconds, always in the form
`2026-03-01T12:00:00.000Z`). Where a fact can be published twice (a retry, an append that timed out, a crash between two
commits), its `event_id` is derived from what it says: **the same id is the same fact; count distinct ids, not records**.
`<campaign>.<chunk>.<attempt>` with an optional `.<part>` is the `client_reference` that Sinch carries for us; chunks
count from 0, attempts from 1. No Kafka key, header or reference ever holds a phone number.
"""

STATUS_HEAD = """\
## Statuses

A message's state is the greatest of its facts: `delivered` in any attempt is top, then attempt, rank, time. So neither
order nor repetition of the facts matters. Success is the word `Delivered`, never code 0. The codes themselves, with what
to do about each, are in `contracts/delivery_codes.json`.

| status | Sinch's word | rank | final | meaning |
|---|---|---|---|---|
"""

PAPERS = re.compile(r" \((?:CONTRACT|DESIGN) §[^)]*\)")
"""References for those who work on the code; a reader of the page has no use for them."""

NAMED = {Id: "UUID", Timestamp: "timestamp", Digits: "phone number, digits"}
WORDS = {str: "text", int: "whole number", float: "number", bool: "true or false", bytes: "bytes, as base64",
         object: "anything"}  # fmt: skip


def events_page() -> str:
    """The whole page."""
    parts = [HEAD, _topics(), STATUS_HEAD + "\n".join(_statuses()) + "\n"]
    for topic in TOPICS:
        parts.append(f"## Topic `{topic.name}`\n\n{_of_topic(topic)}\n")
        parts += [_event(event) for event in topic.events]
    return "\n".join(parts)


def _topics() -> str:
    rows = [
        "## Topics",
        "",
        "Names stand behind `KAFKA_TOPIC_PREFIX`. Topics use `LogAppendTime`; `heliograph topics` makes them and reports drift.",
        "",
        "| topic | key | partitions | kept | written by | read by | events |",
        "|---|---|---|---|---|---|---|",
    ]
    for t in TOPICS:
        kept = "for ever" if t.retention_ms == FOREVER else f"{t.retention_ms / 86_400_000:g} days"
        names = ", ".join(f"[{_name(event)}](#{_tag(event).lower().replace('.', '')})" for event in t.events)
        writers, readers = ", ".join(t.written_by), ", ".join(t.read_by)
        rows.append(f"| `{t.name}` | {_escaped(t.key)} | {t.partitions} | {kept} | {writers} | {readers} | {names} |")
    return "\n".join(rows) + "\n"


def _of_topic(topic: Topic) -> str:
    writers, readers = " and ".join(topic.written_by), " and ".join(topic.read_by)
    return f"Key: {_escaped(topic.key)}. Written by {writers}; read by {readers}."


def _statuses() -> Iterator[str]:
    ours = [(standing, "") for standing in OURS.values()]
    theirs = [(standing, f"`{word}`") for word, standing in SINCH.items()]
    for standing, word in sorted([*ours, *theirs, (UNRECOGNISED, "any other")], key=lambda row: row[0].rank):
        final = "yes" if standing.final else "no"
        yield f"| `{standing.status}` | {word} | {standing.rank} | {final} | {standing.meaning} |"


def _event(event: type[Event]) -> str:
    example = files("contracts").joinpath("examples", f"{_tag(event)}.json").read_text(encoding="utf-8").strip()
    rows = [f"| `{f.name}` | {_words(f.type)} | {_given(f)} |" for f in msgspec.structs.fields(event)]
    table = "\n".join(["| field | | |", "|---|---|---|", *rows])
    more = f"\nA line of `statuses` has {_of_struct(StatusCount)}.\n" if _name(event) == "BatchReported" else ""
    return f"### {_tag(event)}\n\n{_docstring(event)}\n\n{table}\n{more}\n```json\n{example}\n```\n"


def _of_struct(struct: type[msgspec.Struct]) -> str:
    return ", ".join(f"`{f.name}` ({_words(f.type)})" for f in msgspec.structs.fields(struct))


def _docstring(event: type[Event]) -> str:
    """Its own, and what it says with its whole family; the base class of all is explained once, at the top."""
    family = (kind for kind in event.__mro__ if issubclass(kind, Event) and kind is not Event)
    said = "\n\n".join(inspect.cleandoc(kind.__doc__) for kind in family if kind.__doc__)
    return PAPERS.sub("", said)


def _given(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "always"
    if field.default is None:
        return "where there is one"
    if field.default is msgspec.NODEFAULT:
        return "left out when empty"
    return f"left out when `{msgspec.json.encode(field.default).decode()}`"


def _words(kind: Any) -> str:
    """A field's type in words."""
    for alias, name in NAMED.items():
        if kind == alias:
            return name
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return " or ".join(_words(one) for one in arguments if one is not type(None))
    if origin is list:
        return f"list of {_words(arguments[0])}"
    if origin is dict:
        return f"object: {_words(arguments[0])} → {_words(arguments[1])}"
    return WORDS.get(kind) or f"object ({kind.__name__})"


def _escaped(key: str) -> str:
    """Placeholders in angle brackets as code, or Markdown takes them for tags."""
    return key.replace("<campaign>.<chunk>", "`<campaign>.<chunk>`")


def _tag(event: type[Event]) -> str:
    return str(event.__struct_config__.tag)


def _name(event: type[Event]) -> str:
    return event.__name__
