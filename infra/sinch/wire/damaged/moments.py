"""Moments in other forms than Sinch's: Unix time, RFC 2822, ISO 8601 without its marks."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from infra.sinch.wire.timestamps import NotATimestamp, write

EARLIEST, LATEST = 10**9, 10**10
"""Seconds since 1970 that are read as such: years 2001 to 2286. Milliseconds, micro- and nanoseconds begin where it ends."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = (1, 10**3, 10**6, 10**9)


def other_moment(value: object) -> str:
    """The moment in our form. Raises NotATimestamp."""
    if isinstance(value, str) and not value.strip().isascii():
        raise NotATimestamp("not a timestamp")
    if isinstance(value, str):
        number = _number(value.strip())
        return _other_text(value.strip()) if number is None else _of_unix(number)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _of_unix(value)
    raise NotATimestamp("not a timestamp")


def _number(text: str) -> float | None:
    return float(text) if text.replace(".", "", 1).isdigit() and len(text) <= len("1717661839.123456789") else None


def _of_unix(number: float) -> str:
    for unit in _UNITS:
        if EARLIEST * unit <= number < LATEST * unit:
            return write(_EPOCH + timedelta(milliseconds=int(number * 1000 // unit)))
    raise NotATimestamp("no moment of these centuries")


def _other_text(text: str) -> str:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text)
            return write(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        except (ValueError, OverflowError, TypeError, IndexError):
            continue
    raise NotATimestamp("not a timestamp")
