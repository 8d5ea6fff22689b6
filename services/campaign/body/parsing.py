"""JSON in UTF-8 → its value. What readers could read differently is refused: names that stand twice, no numbers, depth."""

import json
from itertools import chain
from typing import Any, NoReturn

import orjson

from contracts.http.problems import Fault
from services.campaign.faults import shown
from services.campaign.problems import CorrectTheRequest

BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # some Windows editors begin a file with it; RFC 8259 lets readers ignore it
OTHER_MARKS = (b"\xff\xfe", b"\xfe\xff")  # UTF-16 and UTF-32
MOST_DEPTH = 16
"""Brackets within brackets. A request has four; some readers of JSON end at 500 or 1,000."""

MOST_NAMES = 256  # of one object; none that is known here has more than 100
TOO_DEEP = f"brackets are nested deeper than {MOST_DEPTH}"
NOT_UTF_8 = "the text is not UTF-8"

_SPACED = (b" :", b"\t:", b"\n:", b"\r:")
"""A colon behind white space may follow a name."""


def parse(raw: bytes | bytearray) -> Any:
    """The value. Raises CorrectTheRequest that says where it went wrong."""
    raw = raw.removeprefix(BYTE_ORDER_MARK) if raw[:3] == BYTE_ORDER_MARK else raw
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        _refuse(raw, error)
    check(raw, value)
    return value


def check(raw: bytes | bytearray, value: Any) -> None:
    """Refuse what is nested too deeply, and an object with too many names or one of them twice.

    `value` was read from `raw`.
    """
    if type(value) is not dict and type(value) is not list:
        return
    members = _members(value)  # of a name that stands twice only one: then there are more colons than members
    in_texts = sum(text.count(":") for text in value.values() if type(text) is str) if type(value) is dict else 0
    if raw.count(b":") == members + in_texts:
        return
    if raw.count(b'":') != members or any(space in raw for space in _SPACED):
        _look_for_repeated_names(raw)


def _members(value: Any) -> int:
    """How many members all objects in a list or object have together. Level by level: a tenth of what a request costs."""
    count = depth = 0
    level = [value]
    while level:
        depth += 1
        if depth > MOST_DEPTH:
            raise malformed(TOO_DEEP, said="cannot be taken")
        objects = [outer for outer in level if type(outer) is dict]
        arrays = [outer for outer in level if type(outer) is list]
        most = max(map(len, objects), default=0)
        if most > MOST_NAMES:
            raise malformed(f"an object has {most:,} names, of {MOST_NAMES} at most", said="cannot be taken")
        count += sum(map(len, objects))
        inner = chain(chain.from_iterable(map(dict.values, objects)), chain.from_iterable(arrays))
        level = [each for each in inner if type(each) is dict or type(each) is list]
    return count


class _Repeated(Exception):  # noqa: N818  named by what it says
    """A name stands twice in one object."""


def _look_for_repeated_names(raw: bytes | bytearray) -> None:
    try:
        json.loads(raw, object_pairs_hook=_object, parse_int=str, parse_float=str)
    except _Repeated as error:
        name = shown(error.args[0])
        why = f"the name `{name}` stands twice in one object, and readers differ on which of them counts"
        raise malformed(why, said="cannot be taken", value=name) from None


def _object(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise _Repeated(name)
        seen.add(name)


def malformed(reason: str, where: str = "", *, said: str = "is not JSON", value: Any = None) -> CorrectTheRequest:
    """Say what keeps the body from being read, and where."""
    detail = f"The body {said}: {reason} ({where})." if where else f"The body {said}: {reason}."
    fault = Fault(pointer="", detail=f"{where}: {reason}" if where else reason, value=value)
    return CorrectTheRequest(detail, code="malformed_json", errors=[fault])


def _refuse(raw: bytes | bytearray, error: orjson.JSONDecodeError) -> NoReturn:
    if raw[:2] in OTHER_MARKS:
        raise malformed(f"{NOT_UTF_8}: it begins with the mark of UTF-16 or UTF-32", "byte 0") from None
    try:
        raw.decode()
    except UnicodeDecodeError as broken:
        raise malformed(NOT_UTF_8, f"byte {broken.start}") from None
    raise malformed(error.msg, f"line {error.lineno}, column {error.colno}") from None  # `error` holds the whole body
