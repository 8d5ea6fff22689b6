"""The countries that may be sent to, by the recipients' numbers."""

from collections.abc import Iterable
from functools import cache

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, NumberParseException

LONGEST_CODE = 3
NORTH_AMERICA = "1"
AREA_CODE = slice(1, 4)
_SUBSCRIBER = "2345678"  # of a possible number; the area code alone says the country


class Countries:
    """Some countries (ISO 3166, two letters)."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = frozenset(allowed)
        self._by_code = {str(code): self._verdict(regions) for code, regions in COUNTRY_CODE_TO_REGION_CODE.items()}

    def _verdict(self, regions: tuple[str, ...]) -> bool | None:
        """Whether all countries of a country code are allowed, or none; None: some."""
        allowed = self._allowed.intersection(regions)
        return None if 0 < len(allowed) < len(regions) else bool(allowed)

    def allow(self, digits: str) -> bool:
        """Whether a number (E.164 digits) is of one of them."""
        verdict = self._by_code.get(_code(digits), False)
        return country_of(digits) in self._allowed if verdict is None else verdict


def country_of(digits: str) -> str:
    """The country of a number. Where several share a country code and the number tells none: the one that leads there."""
    code = _code(digits)
    regions = COUNTRY_CODE_TO_REGION_CODE.get(int(code or 0), ("",))
    if len(regions) == 1:
        return regions[0]
    if code == NORTH_AMERICA:
        return _of_area(digits[AREA_CODE]) or regions[0]
    return _asked(digits) or regions[0]


def _code(digits: str) -> str:
    """The country code; no one is the beginning of another."""
    codes = (digits[:width] for width in range(1, LONGEST_CODE + 1))
    return next((code for code in codes if int(code) in COUNTRY_CODE_TO_REGION_CODE), "")


@cache  # at most 1,000
def _of_area(area: str) -> str | None:
    return _asked(f"{NORTH_AMERICA}{area}{_SUBSCRIBER}")


def _asked(digits: str) -> str | None:
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(f"+{digits}"))
    except NumberParseException:
        return None
