"""Bytes of a body → JSON."""

import json

import pytest

from services.campaign.body.parsing import parse
from services.campaign.problems import CorrectTheRequest


@pytest.mark.parametrize(
    ("raw", "detail"),
    [
        (b'{"a":}', "unexpected character, expected a JSON value (line 1, column 6)"),
        (b'{\n "a": 1,\n}', "trailing comma is not allowed (line 2, column 8)"),
        (b'{"a":"\xff"}', "the text is not UTF-8 (byte 6)"),
        (b'{"a":"\\ud800"}', "no low surrogate in string"),
        (b"[" * 100_000, "depth limit exceeded"),
        (b'{"a":NaN}', "unexpected character"),
        (b"1e999", "infinity"),
        ("{}".encode("utf-16"), "the text is not UTF-8"),
    ],
)
def test_a_malformed_body_says_where(raw: bytes, detail: str) -> None:
    """Every kind of broken JSON is refused with its place and reason."""
    with pytest.raises(CorrectTheRequest) as refused:
        parse(raw)
    assert detail in refused.value.detail
    assert refused.value.code == "malformed_json"


def test_a_byte_order_mark_does_not_matter() -> None:
    """Some Windows editors begin a file with it."""
    assert parse(b"\xef\xbb\xbf{}") == {}


def test_a_refusal_does_not_hold_the_body() -> None:
    """Orjson's own error has the whole document; ours must not carry it into a log."""
    with pytest.raises(CorrectTheRequest) as refused:
        parse(b'{"message": "secret", }')
    assert refused.value.__cause__ is None
    assert "secret" not in refused.value.detail


@pytest.mark.parametrize("raw", [b"[" * 17 + b"]" * 17, b'{"a":' * 500 + b"1" + b"}" * 500])
def test_brackets_in_brackets_have_an_end(raw: bytes) -> None:
    """Deeper than sixteen is refused before anything works with it; orjson alone reads a thousand, and writes 254."""
    with pytest.raises(CorrectTheRequest, match="nested deeper than 16"):
        parse(raw)


def test_sixteen_brackets_are_read() -> None:
    """The limit itself is no fault."""
    assert parse(b"[" * 16 + b"]" * 16)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"message":"a","message":"b"}',
        b'{"recipients":[{"phone":"1","phone":"2"}]}',
        b'{ "message" : "a" , "message" : "b" }',
        b'{"\\u006dessage":"a","message":"b"}',
        b'{"message":"a","message" :"b"}',
    ],
)
def test_a_name_that_stands_twice_is_refused(raw: bytes) -> None:
    """One reader takes the first value, another the last: somebody would get a text that nobody meant."""
    with pytest.raises(CorrectTheRequest, match=r"stands twice") as refused:
        parse(raw)
    assert refused.value.code == "malformed_json"


@pytest.mark.parametrize("text", [":", '"":"', "https://a.example/?a=1", '\\": x', ":)", '{"a":1,"a":1}'])
def test_a_colon_in_a_text_is_no_name(text: str) -> None:
    """Only names are counted, however the text looks."""
    value = {"message": text, "recipients": [{"phone": text}]}
    for separators in ((",", ":"), (", ", ": "), (" ,", " : ")):
        assert parse(json.dumps(value, separators=separators).encode()) == value


def test_an_object_of_very_many_names_is_refused() -> None:
    """To name each unknown field takes 25 microseconds; a hundred thousand stop everybody for seconds."""
    with pytest.raises(CorrectTheRequest, match=r"300 names, of 256 at most"):
        parse(json.dumps({f"x{n}": 1 for n in range(300)}).encode())


def test_utf_16_is_called_by_its_name() -> None:
    """Whoever saved the file so learns what to change."""
    with pytest.raises(CorrectTheRequest, match="UTF-16"):
        parse('{"message":"a"}'.encode("utf-16"))
