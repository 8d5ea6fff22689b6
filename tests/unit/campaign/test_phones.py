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
        ("+1 (555) 123-1234", "15551231234"),
        ("+1.555.123.1234", "15551231234"),
        ("\u202a+1 555\u00a01231234\u202c", "15551231234"),  # as phones and word processors copy it
        ("+1202\u200c5550142", "12025550142"),  # a zero-width non-joiner in it
        ("\u200e+1\u200f202 555\u200e0142", "12025550142"),  # marks of right-to-left text
        ("\uff0b\uff11\uff12\uff10\uff12\uff15\uff15\uff15\uff10\uff11\uff14\uff12", "12025550142"),  # full width
        ("+1\u3000202\u30005550142\n", "12025550142"),  # ideographic spaces, the end of a line
        ("tel:+1-202-555-0142", "12025550142"),
        ("'+12025550142", "12025550142"),  # a spreadsheet's mark of a text
        ("+6281234567890.0", "6281234567890"),  # a spreadsheet's number: the fraction is no digit of it
        ("+33 6.12.34.56.00", "33612345600"),  # these two zeros are
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
        ("+15551231234;ext=5", "has characters that a phone number cannot have"),
        ("0171 1234567", phones.NEEDS_COUNTRY),
        ("15551231234", phones.NEEDS_COUNTRY),
        ("6281234567890.0", phones.NEEDS_COUNTRY),
        ("+49 30 123456.0", phones.FRACTION),
        ("+4930123456.00", phones.FRACTION),
        ("+1202555014\u00b2", "has characters that a phone number cannot have"),  # a footnote is no digit
        ("4.91511E+12", phones.ROUNDED),
        ("+9991234567", "no country has this country code"),
        ("+1555", "too short for a phone number"),
        ("+155512312345", "too long for a phone number"),
        ("+" + "1" * 65, "too long for a phone number"),
    ],
)
def test_a_refusal_says_why(text: str, reason: str) -> None:
    """Each kind of wrong number has its own reason."""
    with pytest.raises(NotAPhone) as refused:
        digits_of(text)
    assert str(refused.value) == reason


def _verdict(digits: str) -> str | None:
    try:
        return phones._checked(phones._parsed(f"+{digits}"))
    except NotAPhone:
        return None


@given(st.sampled_from(COUNTRY_CODES), st.text("0123456789", min_size=1, max_size=14))
def test_the_table_agrees_with_the_library(country_code: str, rest: str) -> None:
    """Our fast way gives what the library alone would give, whatever the digits."""
    digits = country_code + rest
    try:
        ours: str | None = digits_of(f"+{digits}")
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


WAYS = ("({0}) 555-0142", "{0}-555-0142", "{0}.555.0142", "{0} 555 0142", "{0}5550142")
"""Of writing a number of North America at home; 555-0142 is one that no operator gives to anybody."""
AREA_CODES = range(200, 1000)


@pytest.mark.parametrize("way", WAYS)
def test_a_number_without_its_country_is_nobodys(way: str) -> None:
    """Every area code of the United States and Canada: 371 of them would otherwise be a stranger's abroad."""
    for area in AREA_CODES:
        with pytest.raises(NotAPhone, match="country code"):
            digits_of(way.format(area))


@pytest.mark.parametrize("way", WAYS)
def test_with_its_country_it_is_the_one_that_was_meant(way: str) -> None:
    """Read in the United States it is one of country code 1 or refused, never another country's."""
    taken = 0
    for area in AREA_CODES:
        try:
            digits = digits_of(way.format(area), "US")
        except NotAPhone:
            continue
        assert digits == f"1{area}5550142"
        taken += 1
    assert taken > 300  # the area codes in use in the United States


@pytest.mark.parametrize(
    ("text", "region", "digits"),
    [
        ("030 123456", "DE", "4930123456"),
        ("020 7946 0958", "GB", "442079460958"),
        ("+442079460958", "US", "442079460958"),  # the country code goes before the region
        ("0044 20 7946 0958", "US", "442079460958"),
        ("011 44 20 7946 0958", "US", "442079460958"),  # as it is dialled there
        ("2025550142.0", "US", "12025550142"),
    ],
)
def test_a_region_reads_its_own_way_of_writing(text: str, region: str, digits: str) -> None:
    """National prefixes and ways of dialling abroad are those of the region."""
    assert digits_of(text, region) == digits


@pytest.mark.parametrize(("text", "region"), [("442079460958", "US"), ("555-0142", "US"), ("12025550142", "DE")])
def test_a_region_does_not_guess(text: str, region: str) -> None:
    """What is no number in use there is refused: it may be one of elsewhere without its +."""
    with pytest.raises(NotAPhone):
        digits_of(text, region)
