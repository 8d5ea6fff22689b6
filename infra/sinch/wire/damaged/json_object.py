"""A JSON object that a strict reader refuses → its fields, as many as can be read.

Python's own reader takes what the strict one does not: NaN, 1e400, lone surrogates, control characters in texts. Where
even that fails (a body that was cut, something behind its end, a value that nobody can read), fields are read one by one
up to the place of the fault.
"""

import json
from math import isfinite
from typing import Any

from infra.sinch.wire.damaged.text import REPLACEMENT, text_of

MOST_DEPTH = 20  # of values in values; Sinch's have three
MOST_DIGITS = 300  # of a number

_SPACE = " \t\r\n"
_SURROGATES = dict.fromkeys(range(0xD800, 0xE000), REPLACEMENT) | {0: REPLACEMENT}


class NotAnObject(ValueError):  # noqa: N818  named by what it says
    """There is no JSON object in these bytes."""


def object_of(raw: bytes) -> tuple[dict[str, Any], list[str]]:
    """The fields that can be read, and in words what was done to read them. Raises NotAnObject.

    Texts hold neither NUL nor halves of surrogate pairs, numbers are finite.
    """
    text, note = text_of(raw)
    text = text.strip(_SPACE + "\0")
    if not text.startswith("{"):
        raise NotAnObject("not a JSON object")
    notes = [note] if note else []
    try:
        fields = _DECODER.decode(text)
        notes = notes or ["it holds what JSON does not allow: that is replaced"]
    except (ValueError, RecursionError):
        fields = _members(text)
        notes.append("it is broken: read up to the fault")
    return {_clean_text(name): _clean(value) for name, value in fields.items()}, notes


def _members(text: str) -> dict[str, Any]:
    """The members of the object, one after the other, up to the first that cannot be read."""
    fields: dict[str, Any] = {}
    place = 1
    try:
        while True:
            name, place = _DECODER.raw_decode(text, _past(text, place, ""))
            if not isinstance(name, str):
                break
            value, place = _DECODER.raw_decode(text, _past(text, place, ":"))
            fields[name] = value
            place = _past(text, place, ",")
    except (ValueError, RecursionError, IndexError):
        pass
    return fields


def _past(text: str, place: int, mark: str) -> int:
    """The place of what comes next, behind spaces and behind this mark. Raises ValueError where there is none."""
    while text[place] in _SPACE:
        place += 1
    if not mark:
        return place
    if text[place] != mark:
        raise ValueError(f"no {mark!r}")
    return _past(text, place + 1, "")


def _float(digits: str) -> float | str:
    number = float(digits)
    return number if isfinite(number) else digits[:MOST_DIGITS]


def _int(digits: str) -> int | str:
    return int(digits) if len(digits) <= MOST_DIGITS else digits[:MOST_DIGITS]


def _clean(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return _clean_text(value)
    if depth >= MOST_DEPTH and isinstance(value, dict | list):
        return REPLACEMENT
    if isinstance(value, list):
        return [_clean(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {_clean_text(name): _clean(item, depth + 1) for name, item in value.items()}
    return value


def _clean_text(text: str) -> str:
    return text.translate(_SURROGATES)


_DECODER = json.JSONDecoder(parse_float=_float, parse_int=_int, parse_constant=str, strict=False)
