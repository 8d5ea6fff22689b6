"""Long bodies, cut before they are read."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.http.campaigns import Pages
from infra.process.world import SystemClock
from services.campaign.body import long_array
from services.campaign.body.long_array import read_long
from services.campaign.body.parsing import parse
from services.campaign.problems import CorrectTheRequest

WRITTEN = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " :\t")])
ENTRIES = st.lists(
    st.text(max_size=8)
    | st.none()
    | st.integers()
    | st.sampled_from(['"', "\\", '\\"', "],", '"],"', "{", "}", ",", "\\\\"])
    | st.dictionaries(st.text(max_size=3), st.text(max_size=5) | st.dictionaries(st.text(max_size=2), st.text()))
    | st.lists(st.text(max_size=3), max_size=3)
)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of some bytes, so that there are several."""
    monkeypatch.setattr(long_array, "PAGE_BYTES", 64)


async def read(raw: bytes) -> Any:
    """The value, its pages put together again."""
    value = await read_long(bytearray(raw), SystemClock())
    if isinstance(value, dict) and isinstance(pages := value.get("recipients"), Pages):
        value["recipients"] = [entry for page in pages.pages() for entry in page]
    return value


@given(ENTRIES, WRITTEN, st.permutations(["message", "recipients", "parameters"]), st.booleans())
async def test_it_reads_what_json_reads(entries: list[Any], written: Any, order: list[str], escaped: bool) -> None:
    """Wherever the array stands and whatever its texts hold: as if it had been read in one go."""
    fields = {"message": 'a "recipients":[1] ]', "recipients": entries, "parameters": {"recipients": ["x"]}}
    raw = json.dumps({name: fields[name] for name in order}, separators=written, ensure_ascii=escaped)
    try:
        encoded = raw.encode()
    except UnicodeEncodeError:
        encoded = raw.encode(errors="replace")
    try:
        expected = parse(encoded)
    except CorrectTheRequest:
        with pytest.raises(CorrectTheRequest):
            await read(encoded)
    else:
        assert await read(encoded) == expected


@pytest.mark.parametrize(
    "raw",
    [
        b'{"recipients":["a",]}',
        b'{"recipients":["a" "b"]}',
        b'{"recipients":["a"',
        b'{"recipients":["a","b}',
        b'{"recipients":[,"a"]}',
        b'{"recipients":["a"]',
        b'{"recipients":["a"]} x',
        b'{"recipients":["a"],"message":"x","message":"y"}',
        b'{"recipients":["a"],"recipients":["b"]}',
        b'{"recipients":[{"phone":"a","phone":"b"}]}',
        b'{"recipients":["\xff"]}',
        b'{"recipients":["a\nb"]}',
        b'{"recipients":["\\ud800"]}',
        b'{"recipients":[NaN]}',
        b'{"recipients":[' + b"[" * 400_000,
        b'{"recipients":[' + b"[[[[[" + b"]]]]]" + b"]}",
        b'{"recipients":["' + b"a" * 300_000 + b'"]}',
        b'{"recipients":[' + b" " * 300_000 + b"]}",
        b'{"message":"' + b"a" * 300_000 + b'","recipients":["a"]}',
        b'{"recipients":["a"],"message":"' + b"a" * 300_000 + b'"}',
        b" " * 300_000,
        b'{"\\u0072ecipients":["a"],"recipients":[]}',
    ],
)
async def test_what_is_no_such_body_is_refused(raw: bytes) -> None:
    """With the code of every body that cannot be read."""
    with pytest.raises(CorrectTheRequest) as refused:
        await read(raw)
    assert refused.value.code == "malformed_json"


async def test_a_fault_in_a_page_says_at_which_byte() -> None:
    """Counted in the body, not in the page."""
    raw = b'{"recipients":[' + b'"+15551231234",' * 20 + b"nope]}"
    with pytest.raises(CorrectTheRequest, match=f"byte {raw.index(b'nope')}"):
        await read(raw)
