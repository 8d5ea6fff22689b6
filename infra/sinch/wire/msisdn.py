"""Phone numbers as Sinch takes and gives them: digits of E.164, in one form."""

import re

MAX_DIGITS = 15  # ITU-T E.164, section 6
MIN_DIGITS = 7  # the shortest numbers in use (Niue, Saint Helena) have a 3-digit country code and 4 digits

_IGNORED = str.maketrans("", "", " -()[]\t\u00a0\u2010\u2011\u2013./")
_SHORT_CODE = re.compile(r"[0-9]{3,15}")


class NotAnMsisdn(ValueError):  # noqa: N818  named by what it says
    """The text is not a phone number in international form."""


def msisdn(text: str) -> str:
    """The digits of a number, without `+` or `00`; spaces, dashes, dots and brackets are ignored.

    Raises NotAnMsisdn when what remains is not 7 to 15 ASCII digits that start with 1-9.
    """
    if is_msisdn(text):
        return text
    digits = text.translate(_IGNORED)
    if digits.startswith("+"):
        digits = digits[1:]
    elif digits.startswith("00"):
        digits = digits[2:]
    if not is_msisdn(digits):
        raise NotAnMsisdn(f"{text[:40]!r} is not a valid MSISDN")
    return digits


def is_msisdn(text: str) -> bool:
    """Whether the text already is the normal form: 7 to 15 digits, no sign, no leading zero."""
    return MIN_DIGITS <= len(text) <= MAX_DIGITS and text.isascii() and text.isdigit() and text[0] != "0"


def digits_of(text: str) -> str:
    """The text as it is when numbers written with spaces, dashes, dots or brackets are closed up."""
    return text.translate(_IGNORED)


def address(text: str) -> str:
    """A sender or an inbound destination: an MSISDN in normal form, else a short code or a name as it stands."""
    try:
        return msisdn(text)
    except NotAnMsisdn:
        bare = text.translate(_IGNORED).removeprefix("+")
        return bare if _SHORT_CODE.fullmatch(bare) else text
