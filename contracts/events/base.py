"""What every event has, and how it becomes bytes (decision 0001: msgspec)."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Annotated, dataclass_transform

import msgspec
from msgspec import Meta

Timestamp = Annotated[str, Meta(min_length=24, max_length=24)]
"""`YYYY-MM-DDTHH:MM:SS.mmmZ`: UTC, milliseconds. Of fixed form, so its order as text is its order in time."""

Id = Annotated[str, Meta(min_length=36, max_length=36)]
"""A UUID in its usual text form."""

ID_BYTES = 16
_ID_FORM, _MOMENT_FORM = b"00000000-0000-0000-0000-000000000000", b"0000-00-00T00:00:00.000Z"
_HEX_AS_ZEROS = bytes.maketrans(b"123456789abcdefABCDEF", b"0" * 21)
_DIGITS_AS_ZEROS = bytes.maketrans(b"123456789", b"0" * 9)
_TO_HOUR = 13
_HOUR = itemgetter(slice(_TO_HOUR))
"""Of a moment, its first 13 characters: to the hour."""

Digits = Annotated[str, Meta(min_length=5, max_length=15)]
"""A phone number as E.164 digits, without `+`. Fits a `bigint`. (A pattern here would double the time to decode.)"""


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(msgspec.field,))
class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True, gc=False):
    """A fact. `type` is `Name.vN`; a change that an old example cannot pass is a new version.

    `event_id` is derived from the content where a fact can be published twice; `occurred_at` is when it happened as
    far as the writer knows.
    """

    event_id: Id
    occurred_at: Timestamp


def unsound(event: Event) -> str | None:
    """What the lengths of `Id` and `Timestamp` let pass and is none; None: nothing. For readers that store texts as such.

    Not part of decoding: patterns would double its time, and most readers hand the values to a database that checks.
    """
    if not is_id(event.event_id):
        return f"event_id {event.event_id!r} is not a UUID"
    if not is_moment(event.occurred_at):
        return f"occurred_at {event.occurred_at!r} is not a moment"
    at = getattr(event, "at", None)
    if at is not None and at is not event.occurred_at and not is_moment(at):
        return f"at {at!r} is not a moment"
    return None


def all_sound(events: Sequence[Event]) -> bool:
    """Whether `unsound` finds nothing in any of them, in a quarter of its time: their texts are looked at column by column."""
    moments = [event.occurred_at for event in events]
    moments += [at for event in events if (at := getattr(event, "at", None)) is not None]
    return _are_ids([event.event_id for event in events]) and _are_moments(moments)


def _are_ids(texts: Sequence[str]) -> bool:
    try:
        return "".join(texts).encode("ascii").translate(_HEX_AS_ZEROS) == _ID_FORM * len(texts)
    except UnicodeEncodeError:
        return False


def _are_moments(texts: Sequence[str]) -> bool:
    try:
        text = "".join(texts).encode("ascii")
    except UnicodeEncodeError:
        return False
    return (
        text.translate(_DIGITS_AS_ZEROS) == _MOMENT_FORM * len(texts)
        and not (text[14::24] + text[17::24]).translate(None, b"012345")  # minutes and seconds below 60
        and all(map(_is_hour, _hours(text, texts)))
    )


def _hours(text: bytes, texts: Sequence[str]) -> set[str]:
    """The different hours in these moments, mostly one. A `T` stands only after a day, so none is counted elsewhere."""
    is_one = text.count(text[:_TO_HOUR]) == len(texts)
    return set(map(_HOUR, texts[:1] if is_one else texts))


@lru_cache(maxsize=1024)
def _is_hour(text: str) -> bool:
    return is_moment(f"{text}:00:00.000Z")


def is_id(text: str) -> bool:
    """Whether it is a UUID in its usual form."""
    try:
        return (
            text[8] == text[13] == text[18] == text[23] == "-" and len(bytes.fromhex(text.replace("-", ""))) == ID_BYTES
        )
    except ValueError:
        return False


def is_moment(text: str) -> bool:
    """Whether it is a moment that exists, in our form."""
    try:
        datetime.fromisoformat(text)  # which knows the calendar, and more forms than ours
    except ValueError:
        return False
    return text[7] == "-" and text[10] == "T" and text[19] == "." and text[23] == "Z"


_encoder = msgspec.json.Encoder()


def encode(event: Event) -> bytes:
    """The event as it stands in the log: one flat JSON object."""
    return _encoder.encode(event)
