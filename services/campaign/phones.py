"""Phone numbers as clients write them → E.164 digits, or the reason in words why not.

Numbers are checked for being possible (country code and length), not for being in use: numbering plans change faster
than libraries, and Sinch knows better. The usual number is decided by a table made from `phonenumbers`' own metadata
(about 1 µs); the library itself (11-16 µs) is asked only where the table says no or where it would rewrite the number,
as in `+44 (0)20 7946 0958`.
"""

import re
import unicodedata
from functools import cache
from typing import NamedTuple

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumber, PhoneNumberFormat, ValidationResult

MIN_DIGITS = 7  # the shortest numbers in use (Niue, Saint Helena) have a 3-digit country code and 4 digits
MAX_DIGITS = 15  # ITU-T E.164, section 6
MAX_CHARACTERS = 64  # with separators; longer is no phone number

_SEPARATORS = str.maketrans("", "", " -()[].\t\u2010\u2011\u2012\u2013")
_WIDTHS = (1, 2, 3)  # of country codes
_DIGITS = re.compile(r"[0-9]+")
_FRACTION = re.compile(r"(\+?[0-9]{7,})\.0")
_ROUNDED = re.compile(r"[0-9][.,]?[0-9]*E\+?[0-9]+", re.IGNORECASE)

TOO_SHORT = "too short for a phone number"
TOO_LONG = "too long for a phone number"
NOT_INTERNATIONAL = "must begin with its country code, such as +1 or +44"
NEEDS_COUNTRY = (
    "must begin with + and its country code, such as +1 or +44; "
    "or say in `default_region` which country it is of, such as US"
)
NOT_IN_USE = "is no number of {region} that is known to be in use: write it with + and its country code"
FRACTION = "ends like a spreadsheet's number (.0 or .00): write it without the fraction"
ROUNDED = "is a number that a spreadsheet has rounded (E+11): format the column as text and export it again"
NO_SUCH_COUNTRY = "no country has this country code"
NOT_DIGITS = "has characters that a phone number cannot have"


NO_SUCH_REGION = "must be a country's two letters of ISO 3166, such as US or GB"


def is_region(text: str) -> bool:
    """Whether numbering rules are known for this country (two capital letters of ISO 3166)."""
    return text in phonenumbers.SUPPORTED_REGIONS


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


def digits_of(text: str, region: str | None = None) -> str:
    """The number's E.164 digits.

    With `+` or `00` it is international. Without, it is a number of `region` (two letters of ISO 3166), and is refused
    where there is none: its first digits would be taken for some country's, and a stranger would get the message.
    Spaces, dashes, brackets and dots do not matter, nor what spreadsheets, phones and right-to-left text leave behind.
    Raises NotAPhone with the reason.
    """
    if len(text) > MAX_CHARACTERS:
        raise NotAPhone(TOO_LONG)
    if text.startswith("+") and text.isascii() and (digits := text[1:]).isdigit():
        return _international(digits)
    written = _without_separators(_cleaned(text))
    if written.startswith("+"):
        return _international(written[1:])
    if written.startswith("00"):
        return _international(written[2:])
    if region is None:
        raise NotAPhone(TOO_SHORT if len(written) < MIN_DIGITS else NEEDS_COUNTRY)
    return _national(written, region)


def _cleaned(text: str) -> str:
    """Without what is no part of a number and does not show. Wide letters of East Asia become the usual ones.

    A superscript is a footnote, not a digit: normalising would make another number of it.
    """
    if any(unicodedata.category(letter) == "No" for letter in text):
        raise NotAPhone(NOT_DIGITS)
    normal = unicodedata.normalize("NFKC", text)
    shown = "".join(letter for letter in normal if unicodedata.category(letter) != "Cf").strip()
    shown = shown.removeprefix("'").removeprefix("\u2019").lstrip()
    if shown[:4].lower() == "tel:":
        shown = shown[4:].lstrip()
    if fraction := _FRACTION.fullmatch(shown):
        return fraction[1]
    if shown.endswith((".0", ".00")) and not _is_grouped(shown):
        raise NotAPhone(FRACTION)
    return shown


def _is_grouped(text: str) -> bool:
    """Whether dots stand between pairs of digits, as in France: then the last pair may be 00."""
    return text.endswith(".00") and text.count(".") > 1


def _without_separators(text: str) -> str:
    """The digits, behind a `+` where one stands first."""
    written = text.translate(_SEPARATORS)
    digits = written.removeprefix("+")
    if not digits:
        raise NotAPhone("is empty" if not text else NOT_DIGITS)
    if not _DIGITS.fullmatch(digits):
        raise NotAPhone(ROUNDED if _ROUNDED.fullmatch(text) else NOT_DIGITS)
    return written


def _international(digits: str) -> str:
    if digits and _is_possible(digits):
        return digits
    if digits.startswith("0"):
        raise NotAPhone(NOT_INTERNATIONAL)
    if len(digits) >= MIN_DIGITS and not any(digits[:width] in _countries() for width in _WIDTHS):
        raise NotAPhone(NO_SUCH_COUNTRY)  # as the library says, in a tenth of the time
    return _checked(_parsed(f"+{digits}"))


def _national(digits: str, region: str) -> str:
    """A number of `region` as people there write it. Only one that is known to be in use: the reading is a guess."""
    number = _parsed(digits, region)
    normal = _checked(number)
    if not phonenumbers.is_valid_number(number):
        raise NotAPhone(NOT_IN_USE.format(region=region))
    return normal


def _is_possible(digits: str) -> bool:
    """Whether the table alone accepts the digits as they are."""
    countries = _countries()
    for width in _WIDTHS:
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


def _parsed(text: str, region: str | None = None) -> PhoneNumber:
    """What `phonenumbers` reads, of digits that the table did not accept as they are."""
    try:
        return phonenumbers.parse(text, region)
    except NumberParseException as error:
        raise NotAPhone(_UNPARSED[error.error_type]) from error


def _checked(number: PhoneNumber) -> str:
    """The digits of a number that is possible."""
    verdict = phonenumbers.is_possible_number_with_reason(number)
    if verdict != ValidationResult.IS_POSSIBLE:
        raise NotAPhone(_REFUSALS[verdict])
    normal = phonenumbers.format_number(number, PhoneNumberFormat.E164).removeprefix("+")
    if len(normal) > MAX_DIGITS:
        raise NotAPhone(TOO_LONG)
    if len(normal) < MIN_DIGITS:
        raise NotAPhone(TOO_SHORT)
    return normal
