"""pydantic's errors → faults: where, what was given, and in words what is wrong with it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import orjson
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from contracts.http.problems import Fault

SHOWN_CHARACTERS = 200
TOLD_IN_WORDS = 10

Words = Callable[[Mapping[str, Any]], str]


def _pattern(context: Mapping[str, Any]) -> str:
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
    """A JSON pointer (RFC 6901)."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in location)


def shown(value: Any) -> Any:
    """A value as it goes back to the client: as it came, unless it is long."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    if len(text) <= SHOWN_CHARACTERS:
        return value
    return text[:SHOWN_CHARACTERS] + "…"
