"""Is it Sinch's? What a caller can show: the token in the callback's address, Basic credentials, a signature.

Whatever is configured is asked for. Who fails the first of them is a stranger and gets 401. Who passed one and fails
another is more likely Sinch in the middle of a rotation gone wrong than anybody else, and gets 503, because Sinch
repeats a 503 for a day and a 401 never (CONTRACT §4.3).

Where nothing is configured, callbacks pass the door that everybody passes: a page of another site is a stranger, and what
came through a tunnel may be Sinch's, so it is put off until somebody sets BASE_URL and WEBHOOK_TOKEN.
"""

import hmac
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from enum import Enum, auto
from urllib.parse import parse_qsl, quote

from aiohttp.hdrs import METH_POST

from infra.http.door import Door, Refusal
from infra.sinch.wire.signature import NONCE, TIMESTAMP, verify


class Caller(Enum):
    """What the address and the Authorization header say of a caller."""

    PROVEN = auto()
    UNASKED = auto()
    STRANGER = auto()
    DOUBTFUL = auto()
    EXPOSED = auto()  # nothing is configured, and yet the world can reach us


class Signed(Enum):
    """What the signature says of a body."""

    RIGHT = auto()
    UNASKED = auto()
    WRONG = auto()
    STALE = auto()


class Proof:
    """Checks callers against what is configured; every comparison takes the same time whatever is right of it.

    `tokens`, `basic` (`user:password`) and `secrets` may hold several each, for rotation. `freshness` is the greatest
    age of a signature in seconds; 0 does not ask. `door` judges where nothing at all is asked for.
    """

    def __init__(
        self,
        tokens: Sequence[str] = (),
        basic: Sequence[str] = (),
        secrets: Sequence[str] = (),
        freshness: float = 0,
        door: Door | None = None,
    ) -> None:
        self._tokens = [token.encode() for token in tokens]
        self._queries = [b"token=" + quote(token, safe="").encode() for token in tokens]
        self._basic = [pair.encode() for pair in basic]
        self._secrets = tuple(secrets)
        self._freshness = freshness
        self._door = None if tokens or basic or secrets else door

    @property
    def challenge(self) -> dict[str, str]:
        """The header of a 401 where Basic credentials would help."""
        return {"WWW-Authenticate": 'Basic realm="webhooks"'} if self._basic else {}

    def caller(self, target: str, headers: Mapping[str, str]) -> Caller:
        """Judge by the raw request target (`/path?query`) and the headers."""
        if self._tokens and not self._token_fits(target):
            return Caller.STRANGER
        if self._basic and not self._basic_fits(headers.get("Authorization", "")):
            return Caller.DOUBTFUL if self._tokens else Caller.STRANGER
        if self._tokens or self._basic:
            return Caller.PROVEN
        return Caller.UNASKED if self._door is None else self._at_the_door(self._door, headers)

    @property
    def asks_for_signature(self) -> bool:
        """Whether bodies must be signed."""
        return bool(self._secrets)

    def signature(self, body: bytes, headers: Mapping[str, str], now: float) -> Signed:
        """Judge the raw body. `now`: Unix seconds."""
        if not self._secrets:
            return Signed.UNASKED
        # The signed text is body.nonce.timestamp: with a dot in the nonce, a cut body and a longer nonce would be the
        # same text, and so a replay with another body. Sinch's nonces are ULIDs.
        if "." in headers.get(NONCE, ".") or not verify(body, headers, self._secrets):
            return Signed.WRONG
        if self._freshness and not self._fresh(headers.get(TIMESTAMP, ""), now):
            return Signed.STALE
        return Signed.RIGHT

    @staticmethod
    def _at_the_door(door: Door, headers: Mapping[str, str]) -> Caller:
        refusal = door.judge_open(METH_POST, headers)
        if refusal is None:
            return Caller.UNASKED
        return Caller.STRANGER if refusal is Refusal.FOREIGN_PAGE else Caller.EXPOSED

    def _token_fits(self, target: str) -> bool:
        query = target.partition("?")[2]
        if _any_equal(query.encode(errors="surrogateescape"), self._queries):  # as our dispatcher wrote it
            return True
        pairs = parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
        given = next((value for name, value in pairs if name == "token"), "")
        return _any_equal(given.encode(errors="surrogateescape"), self._tokens)

    def _basic_fits(self, header: str) -> bool:
        scheme, _, encoded = header.partition(" ")
        try:
            given = b64decode(encoded.strip(), validate=True) if scheme.lower() == "basic" else b""
        except (Base64Error, ValueError):
            given = b""
        return _any_equal(given, self._basic)

    def _fresh(self, timestamp: str, now: float) -> bool:
        is_number = timestamp.isascii() and timestamp.isdigit()
        return is_number and abs(now - int(timestamp[:12])) <= self._freshness


def _any_equal(given: bytes, known: Sequence[bytes]) -> bool:
    """Whether it is one of them; every one is compared, so that the time does not tell which."""
    fits = False
    for one in known:
        fits |= hmac.compare_digest(given, one)
    return fits
