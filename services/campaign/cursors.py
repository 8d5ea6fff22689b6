"""Cursors of pages: opaque to clients, so that what they hold may change."""

import base64
import binascii
from uuid import UUID

from contracts.http.problems import Fault
from services.campaign.problems import CorrectTheRequest

MAX_BIGINT = 2**63 - 1


def write(position: UUID | int) -> str:
    """The cursor of the page after `position`."""
    raw = position.bytes if isinstance(position, UUID) else position.to_bytes(8)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def read_uuid(cursor: str | None) -> UUID | None:
    """The campaign that a cursor names; None without a cursor."""
    return None if cursor is None else UUID(bytes=_raw(cursor, 16))


def read_number(cursor: str | None) -> int:
    """The number that a cursor names; 0, which is below all, without a cursor."""
    number = 0 if cursor is None else int.from_bytes(_raw(cursor, 8))
    if number > MAX_BIGINT:
        raise _wrong(cursor)
    return number


def _raw(cursor: str, length: int) -> bytes:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _wrong(cursor) from error
    if len(raw) != length:
        raise _wrong(cursor)
    return raw


def _wrong(cursor: str | None) -> CorrectTheRequest:
    fault = Fault(pointer="cursor", value=cursor, detail="is not a cursor of this list")
    return CorrectTheRequest(
        "The cursor is not one of this list. Take `next_cursor` of the page before.", errors=[fault]
    )
