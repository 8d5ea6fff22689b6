"""Cursors of pages: opaque to clients, so that what they hold may change, and sealed, so that no phone number is in them.

Addresses end in logs of proxies, in browsers' histories and in bug reports, and a cursor is part of an address.
"""

import base64
import binascii
import hmac
from uuid import UUID

from contracts.http.problems import Fault
from services.campaign.faults import shown
from services.campaign.problems import CorrectTheRequest

MAX_BIGINT = 2**63 - 1
WIDTH = 8  # bytes of a number, and of its seal


def write(position: UUID) -> str:
    """The cursor of the page after `position`."""
    return _text(position.bytes)


def read_uuid(cursor: str | None) -> UUID | None:
    """The campaign that a cursor names; None without a cursor."""
    return None if cursor is None else UUID(bytes=_raw(cursor, 16))


class NumberCursors:
    """Cursors of one kind of list over phone numbers. Every replica with the same `PRIVACY_KEY` writes and reads the same.

    Deterministic authenticated encryption in the manner of RFC 5297 (SIV), with HMAC-SHA256 in both places: the seal is
    a MAC of list and number, the number is hidden by a key stream made from the seal.
    """

    def __init__(self, privacy_key: str) -> None:
        self._seal_key = hmac.digest(privacy_key.encode(), b"cursor seal", "sha256")
        self._stream_key = hmac.digest(privacy_key.encode(), b"cursor stream", "sha256")

    def write(self, of: UUID, number: int) -> str:
        """The cursor of the page after `number` in the list of this campaign."""
        raw = number.to_bytes(WIDTH)
        seal = self._seal(of, raw)
        return _text(seal + self._hidden(seal, raw))

    def read(self, of: UUID, cursor: str | None) -> int:
        """The number that a cursor names; 0, which is below all, without a cursor."""
        if cursor is None:
            return 0
        both = _raw(cursor, 2 * WIDTH)
        seal, hidden = both[:WIDTH], both[WIDTH:]
        raw = self._hidden(seal, hidden)
        if not hmac.compare_digest(seal, self._seal(of, raw)):
            raise _wrong(cursor)
        return int.from_bytes(raw)

    def _seal(self, of: UUID, raw: bytes) -> bytes:
        return hmac.digest(self._seal_key, of.bytes + raw, "sha256")[:WIDTH]

    def _hidden(self, seal: bytes, raw: bytes) -> bytes:
        stream = hmac.digest(self._stream_key, seal, "sha256")
        return bytes(byte ^ mask for byte, mask in zip(raw, stream, strict=False))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _raw(cursor: str, length: int) -> bytes:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _wrong(cursor) from error
    if len(raw) != length:
        raise _wrong(cursor)
    return raw


def _wrong(cursor: str | None) -> CorrectTheRequest:
    fault = Fault(pointer="cursor", value=shown(cursor), detail="is not a cursor of this list")
    return CorrectTheRequest(
        "The cursor is not one of this list. Take `next_cursor` of the page before.", errors=[fault]
    )
