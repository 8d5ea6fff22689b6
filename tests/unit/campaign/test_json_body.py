"""Bytes of a body → JSON."""

import pytest

from services.campaign.json_body import parse
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
