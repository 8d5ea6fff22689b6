"""Moments as Sinch writes them, in one form: `2024-06-06T09:22:14.304Z`.

Sinch's input may carry an offset and none means UTC; its output is UTC with milliseconds, except that whole seconds
come without a fraction (`operator_status_at` in its own signature vector).
"""

import re
from datetime import UTC, datetime

_NORMAL_LENGTH = len("2024-06-06T09:22:14.304Z")
_WHOLE_SECONDS_LENGTH = len("2024-06-06T09:22:14Z")
_FORM = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(:\d\d)?(?:[.,](\d+))?([Zz]|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)


class NotATimestamp(ValueError):  # noqa: N818  named by what it says
    """The text is not a moment of ISO 8601."""


def timestamp(text: str) -> str:
    """The moment as `YYYY-MM-DDTHH:MM:SS.mmmZ` (UTC, cut to milliseconds). Raises NotATimestamp.

    Text that already has this form is only checked: the gateway calls this for every report.
    """
    length = len(text)
    if length == _NORMAL_LENGTH:
        if text[23] == "Z" and text[19] == "." and text[10] == "T" and text[7] == "-":
            return _checked(text, text)
    elif length == _WHOLE_SECONDS_LENGTH and text[19] == "Z" and text[16] == ":" and text[10] == "T" and text[7] == "-":
        return _checked(text, text[:-1] + ".000Z")
    return write(moment(text))


def _checked(text: str, normal: str) -> str:
    """`normal`, when `text` is a moment that exists."""
    try:
        datetime.fromisoformat(text)
    except ValueError as error:
        raise NotATimestamp(f"{text!r} is not a timestamp") from error
    return normal


def moment(text: str) -> datetime:
    """The moment as a datetime in UTC. Raises NotATimestamp."""
    parts = _FORM.fullmatch(text)
    if parts is None:
        raise NotATimestamp(f"{text[:40]!r} is not a timestamp")
    day, minutes, seconds, fraction, offset = parts.groups()
    micros = (fraction or "0")[:6].ljust(6, "0")
    zone = "+00:00" if offset in (None, "Z", "z") else offset
    try:
        return datetime.fromisoformat(f"{day}T{minutes}{seconds or ':00'}.{micros}{zone}").astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise NotATimestamp(f"{text[:40]!r} is not a timestamp") from error


def write(moment_: datetime) -> str:
    """A datetime in our form, with milliseconds always."""
    utc = moment_.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="milliseconds") + "Z"


def on_the_wire(normal: str) -> str:
    """Our form as Sinch writes it: a fraction of exactly zero is left out."""
    return normal.removesuffix(".000Z") + "Z" if normal.endswith(".000Z") else normal
