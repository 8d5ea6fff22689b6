"""The keys of the API: as a setting gives them, as they are made; and when the API may stand open without any.

A made key is `hg_`, 256 bits in 43 letters and digits, and 6 more that check them, so that secret scanners and people
recognise one, and a mistyped one is known without a look. It is kept as its SHA-256: nothing slower is needed for what
nobody can guess. A word that an operator chose (API_KEYS) may be guessable, so it is never stored, is held to a least
length, and is compared in constant time.
"""

import hashlib
import hmac
import ipaddress
import re
import secrets
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import SecretStr

KEY_ID_DIGITS = 8
LEAST_CHARACTERS = 16
LEAST_VARIETY = 6  # different characters: `aaaaaaaaaaaaaaaa` is no secret

PREFIX = "hg_"
BODY_DIGITS, CHECK_DIGITS = 43, 6  # of base 62: 62**43 > 2**256, 62**6 > 2**32
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_MADE = re.compile(rf"{PREFIX}([0-9A-Za-z]{{{BODY_DIGITS}}})([0-9A-Za-z]{{{CHECK_DIGITS}}})")


class NoKey(Exception):  # noqa: N818  named by what it says
    """The API can be reached from outside and has no key; the text says what to do."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key of the API: the name that events and logs carry, and the secret that nobody sees."""

    id: str
    secret: SecretStr

    @classmethod
    def parse(cls, text: str) -> "ApiKey":
        """Read `name:secret`, or a bare secret, whose name is the first 8 hex digits of its SHA-256."""
        name, colon, secret = text.partition(":")
        if not colon:
            name, secret = key_id(text), text
        if not name or not secret:
            raise ValueError("takes `name:secret` or a bare secret, several separated by commas; one of them is empty")
        if len(secret) < LEAST_CHARACTERS or len(set(secret)) < LEAST_VARIETY:
            raise ValueError(
                f"has a secret that is too easy to guess: of {len(secret)} characters, {len(set(secret))} of them different. "
                f"Take {LEAST_CHARACTERS} or more ({LEAST_VARIETY} different), or a made one: `heliograph keys create`"
            )
        return cls(name, SecretStr(secret))


def make_key() -> str:
    """A new key of 256 bits from the operating system's chance."""
    body = _base62(int.from_bytes(secrets.token_bytes(32), "big"), BODY_DIGITS)
    return f"{PREFIX}{body}{_check(body)}"


def is_mistyped(presented: str) -> bool:
    """True for what begins as a made key does and is none: cut off, or a character is wrong."""
    if not presented.startswith(PREFIX):
        return False
    found = _MADE.fullmatch(presented)
    return found is None or _check(found[1]) != found[2]


def key_hash(secret: str) -> bytes:
    """The SHA-256 by which a made key is kept and found."""
    return hashlib.sha256(secret.encode(errors="surrogateescape")).digest()


def key_id(secret: str) -> str:
    """The first 8 hexadecimal digits of a key's SHA-256: its name in logs and events."""
    return key_hash(secret).hex()[:KEY_ID_DIGITS]


def _base62(number: int, digits: int) -> str:
    letters = ""
    for _ in range(digits):
        number, rest = divmod(number, len(_ALPHABET))
        letters = _ALPHABET[rest] + letters
    return letters


def _check(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), CHECK_DIGITS)


def find_key(keys: Iterable[ApiKey], presented: str) -> ApiKey | None:
    """The key whose secret was presented. Takes the same time whichever it is and however much of it is right."""
    found = None
    for key in keys:
        if hmac.compare_digest(key.secret.get_secret_value().encode(), presented.encode(errors="surrogateescape")):
            found = key
    return found


def is_loopback(host: str) -> bool:
    """True for addresses that only this machine can reach."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def may_stand_open(host: str, base_url: str | None) -> bool:
    """Whether the API may answer without keys (DESIGN §2).

    Only while it listens on loopback and nobody outside was told an address: a tunnel arrives from loopback too, so
    the public `base_url` counts as much as the listening `host`.
    """
    return is_loopback(host) and (base_url is None or is_loopback(urlsplit(base_url).hostname or ""))
