"""The lines of a batch's report: each read by itself, so that one that cannot be read loses no other."""

from typing import Any

import msgspec

from infra.sinch.wire import fields
from infra.sinch.wire.fields import NO_CODE, UnreadableCallback


class StatusCount(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a batch report. `recipients` is None in a summary."""

    code: int
    status: str
    count: int
    recipients: list[str] | None = None


def status_count(line: Any, notes: list[str], lost: list[Any]) -> StatusCount | None:
    """One line; what of it cannot be read goes to `lost`."""
    try:
        if not isinstance(line, dict):
            raise UnreadableCallback("statuses holds something that is not an object")  # noqa: TRY301
        if "status" not in line:
            raise UnreadableCallback("status is missing")  # noqa: TRY301
        status, named = fields.word(line["status"], "status"), line.get("recipients")
        if named is not None and not isinstance(named, list):
            raise UnreadableCallback("recipients is not a list")  # noqa: TRY301
    except UnreadableCallback as error:
        notes.append(str(error))
        lost.append(line)
        return None
    recipients = None if named is None else _numbers(named, line, notes, lost)
    rest = dict(line)
    code, count = fields.told(rest, "code", fields.integer, notes), fields.told(rest, "count", fields.integer, notes)
    return StatusCount(
        code=NO_CODE if code is None else code,
        status=status,
        count=len(recipients or ()) if count is None else count,
        recipients=recipients,
    )


def _numbers(named: list[Any], line: dict[str, Any], notes: list[str], lost: list[Any]) -> list[str]:
    """Those that are phone numbers; the line with the others only goes to `lost`."""
    numbers, others = [], []
    for one in named:
        try:
            numbers.append(fields.number(one, "recipients"))
        except UnreadableCallback as error:
            others.append(one)
            wrong = str(error)
    if others:
        notes.append(wrong)
        lost.append(line | {"recipients": others, "count": len(others)})
    return numbers
