"""Phone numbers as clients write them → E.164 digits, or the reason in words why not.

Numbers are checked for being possible (country code and length), not for being in use: numbering plans change faster
than libraries, and Sinch knows better. The usual number is decided by a table made from `phonenumbers`' own metadata
(about 1 µs); the library itself (11-16 µs) is asked only where the table says no or where it would rewrite the number,
as in `+44 (0)20 7946 0958`.
"""

import re
from functools import cache
from typing import NamedTuple

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumberFormat, ValidationResult

MIN_DIGITS = 7  # the shortest numbers in use (Niue, Saint Helena) have a 3-digit country code and 4 digits
MAX_DIGITS = 15  # ITU-T E.164, section 6
MAX_CHARACTERS = 64  # with separators; longer is no phone number

_SEPARATORS = str.maketrans("", "", " -()[].\t\u00a0\u202f\u2009\u2010\u2011\u2012\u2013\u2060\ufeff\u202a\u202c")
_DIGITS = re.compile(r"[0-9]+")

TOO_SHORT = "too short for a phone number"
TOO_LONG = "too long for a phone number"
NOT_INTERNATIONAL = "must begin with its country code, such as +1 or +44"
NO_SUCH_COUNTRY = "no country has this country code"
NOT_DIGITS = "has characters that a phone number cannot have"


class NotAPhone(ValueError):  # noqa: N818  named by what it says
    """The text is not a possible phone number; the exception's text says why, without repeating it."""


class _Country(NamedTuple):
    """What decides about numbers with one country code: their total lengths, and what the library would strip."""

    lengths: frozenset[int]
    national_prefix: re.Pattern[str] | None


def _country(calling_code: int, region: str) -> _Country:
    metadata = PhoneMetadata.metadata_for_region_or_calling_code(calling_code, region)
    if metadata is None or metadata.general_desc is None:
        return _Country(frozenset(), None)
    width = len(str(calling_code))
    lengths = {width + length for length in metadata.general_desc.possible_length}
    prefix = metadata.national_prefix_for_parsing
    return _Country(
        frozenset(length for length in lengths if MIN_DIGITS <= length <= MAX_DIGITS),
        re.compile(prefix) if prefix else None,
    )


@cache
def _countries() -> dict[str, _Country]:
    """Country code → its rules; no country code is the beginning of another."""
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE
    return {str(code): _country(code, names[0]) for code, names in regions.items()}


def digits_of(text: str) -> str:
    """The number's E.164 digits. Takes `+`, `00` or bare digits; spaces, dashes, brackets and dots do not matter.

    Raises NotAPhone with the reason.
    """
    if len(text) > MAX_CHARACTERS:
        raise NotAPhone(TOO_LONG)
    digits = text.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        digits = _without_separators(text)
    if not text.startswith("+") and digits.startswith("00"):
        digits = digits[2:]
    return digits if _is_possible(digits) else _ask_the_library(digits)


def _without_separators(text: str) -> str:
    digits = text.translate(_SEPARATORS).removeprefix("+")
    if not digits:
        raise NotAPhone("is empty" if not text.strip() else NOT_DIGITS)
    if not _DIGITS.fullmatch(digits):
        raise NotAPhone(NOT_DIGITS)
    return digits


def _is_possible(digits: str) -> bool:
    """Whether the table alone accepts the digits as they are."""
    countries = _countries()
    for width in (1, 2, 3):
        country = countries.get(digits[:width])
        if country is not None:
            if len(digits) not in country.lengths:
                return False
            prefix = country.national_prefix
            if prefix is None:
                return True
            match = prefix.match(digits, width)
            return match is None or match.end() == width
    return False


_REFUSALS = {
    ValidationResult.TOO_SHORT: TOO_SHORT,
    ValidationResult.TOO_LONG: TOO_LONG,
    ValidationResult.INVALID_LENGTH: "has a length that numbers with this country code do not have",
    ValidationResult.INVALID_COUNTRY_CODE: NO_SUCH_COUNTRY,
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "lacks its area code",
}
_UNPARSED = {
    NumberParseException.INVALID_COUNTRY_CODE: NO_SUCH_COUNTRY,
    NumberParseException.NOT_A_NUMBER: TOO_SHORT,
    NumberParseException.TOO_SHORT_AFTER_IDD: TOO_SHORT,
    NumberParseException.TOO_SHORT_NSN: TOO_SHORT,
    NumberParseException.TOO_LONG: TOO_LONG,
}


def _ask_the_library(digits: str) -> str:
    """What `phonenumbers` makes of digits that the table did not accept as they are."""
    if digits.startswith("0"):
        raise NotAPhone(NOT_INTERNATIONAL)
    try:
        number = phonenumbers.parse(f"+{digits}")
    except NumberParseException as error:
        raise NotAPhone(_UNPARSED[error.error_type]) from error
    verdict = phonenumbers.is_possible_number_with_reason(number)
    if verdict != ValidationResult.IS_POSSIBLE:
        raise NotAPhone(_REFUSALS[verdict])
    normal = phonenumbers.format_number(number, PhoneNumberFormat.E164).removeprefix("+")
    if len(normal) > MAX_DIGITS:
        raise NotAPhone(TOO_LONG)
    if len(normal) < MIN_DIGITS:
        raise NotAPhone(TOO_SHORT)
    return normal
