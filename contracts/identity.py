"""Who is who: chunks, attempts, the reference that Sinch carries for us, and derived event ids (DESIGN §3)."""

import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from uuid import UUID

_EVENTS = UUID("6b1f6f0a-6c1c-5c0e-9d0f-0d7c9a4b7a11")
"""The namespace of derived event ids. Never change it: derived ids would stop being recognisable."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_CALLBACKS = _EVENTS.bytes + b"8:callback"
_VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""The 17th hexadecimal digit of a digest → that of a UUID of RFC 9562's variant."""

_REFERENCE = re.compile(
    r"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
    r"\.(0|[1-9][0-9]{0,5})\.([1-9][0-9]{0,3})(?:\.([ab]{1,20}))?"
)


@dataclass(frozen=True, slots=True)
class Reference:
    """One offer of one chunk to Sinch, as its `client_reference`: `<campaign>.<chunk>.<attempt>[.<part>]`.

    `chunk` counts from 0, `attempt` from 1; `part` is empty, or one letter a level for a chunk that was split.
    At most 69 characters; Sinch allows 128 and forbids personal data (CONTRACT §1.1).
    """

    campaign_id: str
    chunk: int
    attempt: int
    part: str = ""

    def __str__(self) -> str:
        part = f".{self.part}" if self.part else ""
        return f"{self.campaign_id}.{self.chunk}.{self.attempt}{part}"

    @property
    def key(self) -> str:
        """The Kafka key under which every fact of this chunk travels."""
        return chunk_key(self.campaign_id, self.chunk)


def parse_reference(text: str | None) -> Reference | None:
    """Read a `client_reference`; None when it is missing or is not one of ours."""
    match = _REFERENCE.fullmatch(text) if text else None
    if match is None:
        return None
    campaign_id, chunk, attempt, part = match.groups()
    return Reference(campaign_id, int(chunk), int(attempt), part or "")


def chunk_key(campaign_id: str, chunk: int) -> str:
    """The Kafka key of a chunk: it decides the partition of every fact about the chunk's messages."""
    return f"{campaign_id}.{chunk}"


def derived_id(*what: str | bytes | int) -> str:
    """An event id made from what the event says, so that the same fact published twice is recognisable.

    A UUIDv5 (RFC 9562 §5.5), written out because `uuid.uuid5` takes no bytes before Python 3.12. The parts are
    length-prefixed: `("ab", "c")` and `("a", "bc")` differ.
    """
    return _uuid5(_digest(what))


def derived_campaign_id(at: datetime, *what: str | bytes | int) -> str:
    """A campaign's id made from what it is about, so that asking for it twice is asking once.

    In the form of a UUIDv7 (RFC 9562 §5.7) of the moment `at`, because campaigns are listed by the time in their ids.
    """
    digest = _digest(what)
    born = f"{(at - _EPOCH) // timedelta(milliseconds=1):012x}"
    return f"{born[:8]}-{born[8:12]}-7{digest[13:16]}-{_VARIANTS[digest[16]]}{digest[17:20]}-{digest[20:32]}"


def _digest(what: tuple[str | bytes | int, ...]) -> str:
    name = b"".join([_prefixed(part) for part in what])
    return sha1(_EVENTS.bytes + name, usedforsecurity=False).hexdigest()


def callback_id(raw: bytes) -> str:
    """`derived_id("callback", raw)`, the id of what a callback says, in half the time: there is one a report."""
    return _uuid5(sha1(b"%b%d:%b" % (_CALLBACKS, len(raw), raw), usedforsecurity=False).hexdigest())


def _uuid5(digest: str) -> str:
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{_VARIANTS[digest[16]]}{digest[17:20]}-{digest[20:32]}"


def _prefixed(part: str | bytes | int) -> bytes:
    raw = part if isinstance(part, bytes) else str(part).encode()
    return b"%d:" % len(raw) + raw


def pseudonym(number: str, key: str) -> str:
    """What stands for a phone number in Kafka keys: an HMAC-SHA256 under `PRIVACY_KEY`, 32 hexadecimal digits."""
    return hmac.digest(key.encode(), number.encode(), "sha256").hex()[:32]
