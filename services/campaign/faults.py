"""pydantic's errors → faults: where, what was given, and in words what is wrong with it."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import orjson
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from contracts.http.problems import Fault

MOST_FAULTS = 100
"""That an answer names; it counts them all."""
MOST_BYTES = 50_000
"""Of them as JSON: values and names may be long."""
SHOWN_CHARACTERS = 200
TOLD_IN_WORDS = 10

Words = Callable[[Mapping[str, Any]], str]


def _pattern(context: Mapping[str, Any]) -> str:
    if "\\x1f" in context["pattern"]:
        return "must not hold control characters, such as a line break"
    if "\\x00" in context["pattern"]:
        return "must not hold the character NUL (U+0000)"
    return "may hold letters, digits, dots, dashes and underscores only"


def _too_short(context: Mapping[str, Any]) -> str:
    return "must not be empty" if context["min_length"] == 1 else f"needs at least {context['min_length']:,}"


WORDS: dict[str, Words] = {
    "missing": lambda _: "is missing",
    "extra_forbidden": lambda _: "is not a field that is known here",
    "string_type": lambda _: "must be a text",
    "string_too_long": lambda c: f"may have at most {c['max_length']:,} characters",
    "string_too_short": _too_short,
    "string_pattern_mismatch": _pattern,
    "list_type": lambda _: "must be a list",
    "too_long": lambda c: f"may have at most {c['max_length']:,} entries",
    "too_short": _too_short,
    "dict_type": lambda _: "must be an object",
    "model_type": lambda _: "must be an object",
    "int_parsing": lambda _: "must be a whole number",
    "int_type": lambda _: "must be a whole number",
    "literal_error": lambda c: f"must be {c['expected']}",
    "greater_than_equal": lambda c: f"must be at least {c['ge']}",
    "less_than_equal": lambda c: f"must be at most {c['le']}",
}
"""pydantic's error type → our words. A type that is not here is told in pydantic's own."""


def one_of(words: Collection[str]) -> Callable[[str], str]:
    """A validator that lets these words pass."""

    def check(value: str) -> str:
        if value not in words:
            raise PydanticCustomError("one_of", "must be one of: {words}", {"words": ", ".join(words)})
        return value

    return check


class Faults:
    """What is wrong with a request: the first of it by name, all of it by number."""

    def __init__(self, found: Iterable[Fault] = ()) -> None:
        self.first: list[Fault] = []
        self.count = 0
        self._room = MOST_BYTES
        self.add(*found)

    def add(self, *found: Fault) -> None:
        """Count these, and keep them while there is room."""
        self.count += len(found)
        for fault in found:
            if self.is_full:
                break
            self._room -= len(orjson.dumps(fault, default=str))
            self.first.append(fault)

    def add_all(self, others: "Faults") -> None:
        """Count and keep likewise what another has."""
        self.add(*others.first)
        self.count += others.count - len(others.first)

    @property
    def is_full(self) -> bool:
        """Whether further faults are only counted."""
        return len(self.first) >= MOST_FAULTS or self._room <= 0


def faults_of(error: ValidationError, prefix: str = "") -> list[Fault]:
    """One fault for each thing that pydantic found, their pointers below `prefix`."""
    return [_fault(dict(detail), prefix) for detail in error.errors(include_url=False)]


def _fault(detail: dict[str, Any], prefix: str) -> Fault:
    words = WORDS.get(detail["type"])
    location, key = detail["loc"], ""
    if location and location[-1] == "[key]":  # pydantic's way to say that not the value but the key is meant
        location, key = location[:-1], "the name "
    return Fault(
        pointer=prefix + pointer(location),
        value=None if detail["type"] == "missing" else shown(detail["input"]),
        detail=key + (words(detail.get("ctx", {})) if words else detail["msg"]),
    )


def in_words(faults: Sequence[Fault]) -> str:
    """The first faults as a sentence: ``The request cannot be accepted: `message` is missing.``."""
    named = "; ".join(f"`{fault.pointer.removeprefix('/')}` {fault.detail}" for fault in faults[:TOLD_IN_WORDS])
    return f"The request cannot be accepted: {named}."


def pointer(location: tuple[int | str, ...]) -> str:
    """A JSON pointer (RFC 6901), cut where a name in it is long."""
    return "".join(f"/{cut(str(step)).replace('~', '~0').replace('/', '~1')}" for step in location)


def shown(value: Any) -> Any:
    """A value as it goes back to the client: as it came, unless it is long."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return cut(value)
    if not _is_small(value, SHOWN_CHARACTERS):
        return f"an array of {len(value):,}" if isinstance(value, list) else f"an object of {len(value):,}"
    text = orjson.dumps(value, default=str).decode()
    return value if len(text) <= SHOWN_CHARACTERS else cut(text)


def cut(text: str) -> str:
    """The text, or its beginning and a sign that there was more."""
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"


def _is_small(value: Any, room: int) -> bool:
    """Whether a list or object has no more than so many values, at whatever depth, and no long text."""
    left = [value]
    while left:
        inner = left.pop()
        if isinstance(inner, list | dict):
            room -= len(inner)
            if room < 0:
                return False
            left.extend(inner.values() if isinstance(inner, dict) else inner)
            left.extend(inner if isinstance(inner, dict) else ())
        elif isinstance(inner, str) and len(inner) > room + SHOWN_CHARACTERS:
            return False
    return True
