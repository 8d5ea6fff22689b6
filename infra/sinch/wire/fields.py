"""The fields of what Sinch posts, one function a kind: normalised, bounded, or an UnreadableCallback that names the field.

The bounds are ours: Sinch's ids have 26 characters and its words at most 20. What is longer would be a key, a row of an
index or a record of the log that those cannot hold.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from infra.sinch.wire.damaged.moments import other_moment
from infra.sinch.wire.msisdn import NotAnMsisdn, msisdn
from infra.sinch.wire.msisdn import address as address_of
from infra.sinch.wire.timestamps import NotATimestamp, timestamp

ID_CHARS = 128  # batch_id, inbound id, client_reference
WORD_CHARS = 64  # status, operator, encoding
ADDRESS_CHARS = 64  # from, to, applied_originator
TEXT_CHARS = 1_000  # words for people, and a user data header (140 bytes as hexadecimal digits)
EXTRA_BYTES = 16_000  # of what nobody has heard of, as JSON
MAX_CODE = 2**31 - 1  # fits a PostgreSQL integer
MAX_PARTS = 2**15 - 1  # a concatenated message has at most 255
NO_CODE = -1
"""Stands for the code that Sinch did not tell."""

T = TypeVar("T")


class UnreadableCallback(ValueError):  # noqa: N818  named by what it says
    """The body is not a callback of Sinch; the text says why, without personal data."""


def body(value: Any) -> str:
    """A message's text, which may be empty; a number is the text that it was."""
    if type(value) is int or type(value) is float:
        return str(value)
    if not isinstance(value, str):
        raise UnreadableCallback("body is not a text")
    return value


def text(value: Any, name: str, most: int) -> str:
    """A text that is not empty, of at most so many characters."""
    if type(value) is not str or not value:
        raise UnreadableCallback(f"{name} is not a text")
    if len(value) > most:
        raise UnreadableCallback(f"{name} is longer than {most} characters")
    return value


def identifier(value: Any, name: str) -> str:
    """An id; a number is the text that it was."""
    return text(str(value) if type(value) is int else value, name, ID_CHARS)


def word(value: Any, name: str) -> str:
    """A status and the like."""
    return text(value, name, WORD_CHARS)


def words(value: Any, name: str) -> str:
    """A text for people."""
    return text(value, name, TEXT_CHARS)


def short_address(value: Any, name: str) -> str:
    """A sender as it came; a number is the text that it was."""
    return text(str(value) if type(value) is int else value, name, ADDRESS_CHARS)


def address(value: Any, name: str) -> str:
    """A sender or an inbound destination in normal form."""
    return address_of(short_address(value, name))


def integer(value: Any, name: str, most: int = MAX_CODE) -> int:
    """An integer that fits 32 bits; one of Sinch's pages shows codes as strings, so a decimal string is one too."""
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is str and len(value) <= len(str(MAX_CODE)) and value.isascii() and value.isdigit():
        value = int(value)
    if type(value) is not int or not 0 <= value <= most:
        raise UnreadableCallback(f"{name} is not an integer")
    return value


def parts(value: Any, name: str) -> int:
    """A number of message parts."""
    return integer(value, name, MAX_PARTS)


def number(value: Any, name: str) -> str:
    """A phone number in normal form."""
    if type(value) is int:
        value = str(value)
    if type(value) is not str:
        raise UnreadableCallback(f"{name} is not a text")
    try:
        return msisdn(value)
    except NotAnMsisdn:
        raise UnreadableCallback(f"{name} is not a phone number") from None


def moment(value: Any, name: str) -> str:
    """A time in normal form, whatever usual form it came in."""
    try:
        if type(value) is str:
            return timestamp(value)
    except NotATimestamp:
        pass
    try:
        return other_moment(value)
    except NotATimestamp:
        raise UnreadableCallback(f"{name} is not a timestamp") from None


def optional(fields: dict[str, Any], name: str, read: Callable[[Any, str], T]) -> T | None:
    """An optional field taken out of `fields`; one that cannot be read stays there, and so ends up in `extra`."""
    value = fields.pop(name, None)
    if value is None:
        return None
    try:
        return read(value, name)
    except UnreadableCallback:
        fields[name] = value
        return None


def told(fields: dict[str, Any], name: str, read: Callable[[Any, str], T], notes: list[str]) -> T | None:
    """A field that should be there, taken out of `fields`; None, and a note of it, where it cannot be read.

    What could not be read stays in `fields`.
    """
    value = fields.pop(name, None)
    if value is None:
        notes.append(f"{name} is missing")
        return None
    try:
        return read(value, name)
    except UnreadableCallback as error:
        fields[name] = value
        notes.append(str(error))
        return None


def bounded(extra: dict[str, Any]) -> dict[str, Any]:
    """Fields that nobody has heard of, the shortest first, as many as there is room for: a report is not lost for them."""
    if not extra:
        return extra
    room, kept = EXTRA_BYTES, {}
    for size, name in sorted((_written(name) + _written(value), name) for name, value in extra.items()):
        room -= size
        if room < 0:
            break
        kept[name] = extra[name]
    return kept


def _written(value: Any) -> int:
    try:
        return len(msgspec.json.encode(value))
    except (RecursionError, OverflowError, TypeError, ValueError):
        return EXTRA_BYTES + 1  # what cannot be written cannot be kept
