"""Phone numbers, in all the ways they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.sinch.wire.msisdn import NotAnMsisdn, address, msisdn


@pytest.mark.parametrize(
    "text",
    ["15550001111", "+15550001111", "0015550001111", "+1 (555) 000-1111", "+1-555-000-11 11", "1.555.000.1111"],
)
def test_every_form_becomes_the_same_digits(text: str) -> None:
    """A plus, two zeros, spaces, dashes, dots and brackets make no difference."""
    assert msisdn(text) == "15550001111"


@pytest.mark.parametrize(
    "text", ["", "+", "+1", "123456", "1234567890123456", "05550001111", "+1555000111a", "١٢٣٤٥٦٧٨٩"]
)
def test_what_is_no_number_is_refused(text: str) -> None:
    """Too short, too long, a leading zero, letters, digits of other scripts."""
    with pytest.raises(NotAnMsisdn):
        msisdn(text)


@given(st.text())
def test_any_text_is_a_number_or_refused(text: str) -> None:
    """The result is always the normal form, and normal form is left alone."""
    try:
        digits = msisdn(text)
    except NotAnMsisdn:
        return
    assert digits.isascii()
    assert digits.isdigit()
    assert msisdn(digits) == digits


@pytest.mark.parametrize(("text", "plain"), [("+1 555 000 1111", "15550001111"), ("123 45", "12345"), ("ACME", "ACME")])
def test_a_sender_may_be_no_number(text: str, plain: str) -> None:
    """Short codes lose their spaces, names stay as they are."""
    assert address(text) == plain
