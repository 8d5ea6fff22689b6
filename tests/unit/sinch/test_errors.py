"""Sinch's refusals, in all their shapes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.sinch.wire.errors import ApiError, Shape, encode_error, parse_error

NAMED = "The format of parameter 'to[0]' is invalid; value '+1' is not a valid MSISDN or group ID."


@pytest.mark.parametrize(
    ("status", "raw", "code", "text", "shape"),
    [
        (400, encode_error("syntax_invalid_json", NAMED), "syntax_invalid_json", NAMED, Shape.SINCH),
        (400, b'{"code":"syntax","description":"older"}', "syntax", "older", Shape.SINCH),
        (400, b'{"timestamp":"x","status":400,"error":"Bad","path":"/xms/v1/p/batches"}', "", "Bad", Shape.FRAMEWORK),
        (400, b'{"timestamp":"x","status":400,"error":"Bad","path":"/"}', "", "Bad", Shape.STRANGE),
        (
            400,
            b'{"error":{"code":400,"message":"parsing field","status":"INVALID_ARGUMENT","details":[]}}',
            "INVALID_ARGUMENT",
            "parsing field",
            Shape.FRAMEWORK,
        ),
        (401, b"", "", "", Shape.EMPTY),
        (404, b"<html>no</html>", "", "<html>no</html>", Shape.STRANGE),
        (500, b"\xff\xfe", "", "\ufffd\ufffd", Shape.STRANGE),
        (403, b"[1]", "", "[1]", Shape.STRANGE),
        (403, b'{"code":12}', "12", "", Shape.STRANGE),
        (403, b'{"code":"ForbiddenException","text":"no"}', "ForbiddenException", "no", Shape.STRANGE),
    ],
)
def test_every_shape_is_read(status: int, raw: bytes, code: str, text: str, shape: Shape) -> None:
    """Documented, older, Spring's, Google's, empty, HTML, broken."""
    assert parse_error(status, raw) == ApiError(status, code, text, shape)


@pytest.mark.parametrize(
    ("text", "index"),
    [(NAMED, 0), ("'to[17]' and again to[17]", 17), ("'to[1]' and 'to[2]'", None), ("'to' is required", None)],
)
def test_a_refusal_names_one_recipient_or_none(text: str, index: int | None) -> None:
    """Only exactly one name says which to take out."""
    assert ApiError(400, "", text).recipient_index == index


@given(st.binary())
def test_no_body_is_too_odd(raw: bytes) -> None:
    """Reading a refusal never fails."""
    assert parse_error(400, raw).status == 400
