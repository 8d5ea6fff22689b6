"""How many parts a text becomes, and what a template says to one number (REST guide, "Message Body").

GSM 03.38: 160 septets in one part, else 153 a part; any other character makes the text UCS-2: 70 UTF-16 units in one
part, else 67 a part. An extension character (2 septets) and a surrogate pair (2 units) are not split across parts.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

TEXT = "text"
UNICODE = "unicode"

SEPTETS_ALONE, SEPTETS_JOINED = 160, 153
UNITS_ALONE, UNITS_JOINED = 70, 67

GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà",
)
GSM_EXTENSION = frozenset("|^€{}[]~\\\f")
_GSM = GSM_BASIC | GSM_EXTENSION

_BEYOND_BMP = 0xFFFF  # characters above it are two UTF-16 units

PLACEHOLDER = re.compile(r"\$\{([A-Za-z0-9_.-]{1,16})\}")


@dataclass(frozen=True, slots=True)
class Parts:
    """What a text costs: its encoding, its parts, its length in septets or UTF-16 units."""

    encoding: str
    count: int
    units: int


def parts(text: str) -> Parts:
    """Encoding, number of parts and length of an expanded text. An empty text is one part."""
    if _GSM.issuperset(text):
        return _measure(text, TEXT, SEPTETS_ALONE, SEPTETS_JOINED)
    return _measure(text, UNICODE, UNITS_ALONE, UNITS_JOINED)


def unicode_characters(text: str) -> list[str]:
    """The characters that force Unicode, each once, in their order."""
    return [char for char in dict.fromkeys(text) if char not in _GSM]


def first_part(text: str) -> str:
    """As much of the text as fits one part alone (`truncate_concat`)."""
    measured = parts(text)
    if measured.count == 1:
        return text
    room = SEPTETS_ALONE if measured.encoding == TEXT else UNITS_ALONE
    for index, char in enumerate(text):
        room -= _width(char, measured.encoding)
        if room < 0:
            return text[:index]
    return text


@dataclass(frozen=True, slots=True)
class Expanded:
    """A template's text for one number, and the keys that had neither a value for it nor a default."""

    text: str
    unmatched: tuple[str, ...]


def expand(body: str, parameters: Mapping[str, Mapping[str, str]] | None, msisdn: str) -> Expanded:
    """`body` with every `${key}` replaced by this number's value, or the key's default.

    The numbers among the keys of `parameters` must be in normal form, as `msisdn` is; keys that `parameters` does not
    know stay as they stand.
    """
    if not parameters:
        return Expanded(body, ())
    unmatched: list[str] = []

    def value(found: re.Match[str]) -> str:
        """The replacement of one placeholder."""
        values = parameters.get(found[1])
        if values is None:
            return found[0]
        text = values.get(msisdn, values.get("default"))
        if text is None:
            unmatched.append(found[1])
            return found[0]
        return text

    return Expanded(PLACEHOLDER.sub(value, body), tuple(dict.fromkeys(unmatched)))


def placeholders(body: str) -> list[str]:
    """The keys of a template, each once, in their order."""
    return list(dict.fromkeys(PLACEHOLDER.findall(body)))


def _width(char: str, encoding: str) -> int:
    """Septets or UTF-16 units of a character."""
    if encoding == TEXT:
        return 2 if char in GSM_EXTENSION else 1
    return 2 if ord(char) > _BEYOND_BMP else 1


def _measure(text: str, encoding: str, alone: int, joined: int) -> Parts:
    """Count greedily: a wide character that does not fit what is left of a part opens the next one."""
    units = sum(_width(char, encoding) for char in text)
    if units <= alone:
        return Parts(encoding, 1, units)
    if units == len(text):
        return Parts(encoding, -(-units // joined), units)
    count, left = 1, joined
    for char in text:
        width = _width(char, encoding)
        if width > left:
            count, left = count + 1, joined
        left -= width
    return Parts(encoding, count, units)
