"""Phone numbers as clients write them."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.campaign import phones
from services.campaign.phones import NotAPhone, digits_of

COUNTRY_CODES = sorted(str(code) for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("+15551231234", "15551231234"),  # the guide's own number, which no operator has given to anybody
        ("0015551231234", "15551231234"),
        ("15551231234", "15551231234"),
        ("+1 (555) 123-1234", "15551231234"),
        ("+1.555.123.1234", "15551231234"),
        ("\u202a+1 555\u00a01231234\u202c", "15551231234"),  # as phones and word processors copy it
        ("+442079460958", "442079460958"),
        ("+44 (0)20 7946 0958", "442079460958"),  # the national prefix is not part of the number
        ("+39 06 6982", "39066982"),  # Italy's leading zero is
        ("+6834000", "6834000"),  # Niue: as short as numbers get
    ],
)
def test_what_people_write_is_understood(text: str, digits: str) -> None:
    """Signs, separators and national prefixes do not matter."""
    assert digits_of(text) == digits


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        (" ", "is empty"),
        ("+", "has characters that a phone number cannot have"),
        ("abc", "has characters that a phone number cannot have"),
        ("+1 800 FLOWERS", "has characters that a phone number cannot have"),
        ("++15551231234", "has characters that a phone number cannot have"),
        ("+1555123123\u0664", "has characters that a phone number cannot have"),  # a digit, but not one of ours
        ("15551231234;ext=5", "has characters that a phone number cannot have"),
        ("0171 1234567", "must begin with its country code, such as +1 or +44"),
        ("+9991234567", "no country has this country code"),
        ("+1555", "too short for a phone number"),
        ("+155512312345", "too long for a phone number"),
        ("1" * 65, "too long for a phone number"),
    ],
)
def test_a_refusal_says_why(text: str, reason: str) -> None:
    """Each kind of wrong number has its own reason."""
    with pytest.raises(NotAPhone) as refused:
        digits_of(text)
    assert str(refused.value) == reason


def _verdict(digits: str) -> str | None:
    try:
        return phones._ask_the_library(digits)
    except NotAPhone:
        return None


@given(st.sampled_from(COUNTRY_CODES), st.text("0123456789", min_size=1, max_size=14))
def test_the_table_agrees_with_the_library(country_code: str, rest: str) -> None:
    """Our fast way gives what the library alone would give, whatever the digits."""
    digits = country_code + rest
    try:
        ours: str | None = digits_of(digits)
    except NotAPhone:
        ours = None
    assert ours == _verdict(digits)


@given(st.text())
def test_any_text_is_a_number_or_refused(text: str) -> None:
    """Nothing but NotAPhone ever comes out, and what is accepted is 7 to 15 digits without a leading zero."""
    try:
        digits = digits_of(text)
    except NotAPhone:
        return
    assert digits.isascii()
    assert digits.isdigit()
    assert 7 <= len(digits) <= 15
    assert digits[0] != "0"
