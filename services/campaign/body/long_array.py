"""A request with very many recipients → its other fields, and the recipients page by page.

Reading 58 MB of JSON at once holds the event loop for a second and takes half a gigabyte. So the array is first cut at
the commas between its entries, without being read, and each page is read when it is its turn.
"""

import re
from collections.abc import Iterator
from typing import Any

import orjson

from contracts.http.campaigns import Pages
from infra.process.world import Clock
from services.campaign.body.parsing import BYTE_ORDER_MARK, check, malformed, parse

PAGE_BYTES = 64 * 1024  # read in about a millisecond
LONGEST_ENTRY = 256 * 1024  # of one recipient: a hundred parameters, with every character escaped, have half of it
MOST_BESIDE = 256 * 1024  # all other fields together: likewise
FIELD = b'"recipients"'

_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_ATOM = rb'[^"{}\[\],\s]++'


def _nested(depth: int) -> bytes:
    """An object or array with others in it, `depth` deep."""
    inner = b"|" + _nested(depth - 1) if depth > 1 else b""
    return rb'[{\[](?:[^"{}\[\]]++|' + _STRING + inner + rb")*+[}\]]"


_ENTRY = rb"\s*+(?:" + _STRING + b"|" + _ATOM + b"|" + _nested(4) + rb")\s*+"
_ENTRIES = re.compile(b"(?:" + _ENTRY + b",)++", re.DOTALL)
"""As many entries as there are, each with the comma behind it. Possessive: nothing is tried twice."""
_LAST = re.compile(b"(" + _ENTRY + rb")?+\s*+\]", re.DOTALL)
_NAME = re.compile(rb"\s*+(" + _STRING + rb")\s*+:\s*+", re.DOTALL)
_VALUE = re.compile(_ENTRY, re.DOTALL)
_BEGIN = re.compile(rb"\s*+\{")
_NEXT = re.compile(rb"\s*+,")
_ARRAY = re.compile(rb"\[")


class LongArray(Pages):
    """The entries of an array in `raw`, of which each span holds some with commas between them."""

    def __init__(self, raw: bytearray, spans: list[tuple[int, int]]) -> None:
        self._raw = raw
        self._spans = spans

    def pages(self) -> Iterator[list[Any]]:
        """The entries, a page at a time. Raises CorrectTheRequest where they are not JSON."""
        for start, end in self._spans:
            yield self._read(start, end)

    def _read(self, start: int, end: int) -> list[Any]:
        raw = b"[" + self._raw[start:end] + b"]"
        try:
            page: list[Any] = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise malformed(error.msg, f"byte {start + error.pos - 1}") from None  # `error` holds the page
        check(raw, page)
        return page


async def read_long(raw: bytearray, clock: Clock) -> Any:
    """The body with its recipients as a LongArray, or as they are where there is no such array."""
    found = _find_array(raw)
    if found is None:
        if len(raw) > MOST_BESIDE:
            raise malformed(
                f"what stands beside `recipients` is longer than {MOST_BESIDE:,} bytes", said="cannot be taken"
            )
        return parse(raw)
    spans, end = await _cut(raw, found, clock)
    beside = raw[:found] + raw[end - 1 :]  # `[` and `]` stay
    if len(beside) > MOST_BESIDE:
        raise malformed(f"what stands beside `recipients` is longer than {MOST_BESIDE:,} bytes", said="cannot be taken")
    value = parse(beside)
    if isinstance(value, dict):
        value["recipients"] = LongArray(raw, spans)
    return value


def _find_array(raw: bytearray) -> int | None:
    """Where the first entry of the top object's `recipients` begins; None where it has none, or is no such object."""
    first = len(BYTE_ORDER_MARK) if raw.startswith(BYTE_ORDER_MARK) else 0
    end = MOST_BESIDE
    begin = _BEGIN.match(raw, first, end)
    at = begin.end() if begin else None
    while at is not None and (name := _NAME.match(raw, at, end)):
        if name[1] == FIELD:
            return name.end() + 1 if _ARRAY.match(raw, name.end()) else None
        value = _VALUE.match(raw, name.end(), end)
        comma = _NEXT.match(raw, value.end(), end) if value else None
        at = comma.end() if comma else None
    return None


async def _cut(raw: bytearray, at: int, clock: Clock) -> tuple[list[tuple[int, int]], int]:
    """The spans of the array's pages, from its first entry on, and the position behind its closing bracket."""
    spans: list[tuple[int, int]] = []
    while True:
        found = _ENTRIES.match(raw, at, at + PAGE_BYTES) or _ENTRIES.match(raw, at, at + LONGEST_ENTRY)
        if found is None:
            break
        spans.append((at, found.end() - 1))
        at = found.end()
        await clock.sleep(0)
    last = _LAST.match(raw, at, at + LONGEST_ENTRY)
    if last is None or (last[1] is None and spans):
        reason = "here a recipient should stand that is no longer than 256 KB, with a comma or a bracket behind it"
        raise malformed(reason, f"byte {at}")
    if last[1] is not None:
        spans.append((at, last.end() - 1))
    return spans, last.end()
