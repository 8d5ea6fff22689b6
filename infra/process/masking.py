"""What must not be readable in logs: phone numbers and secrets."""

import re
from collections.abc import Callable, Collection
from enum import Enum, auto
from functools import cache
from typing import Any

MASK = "•••"

PHONE_KEYS = frozenset(
    {"phone", "phones", "recipient", "recipients", "to", "from", "from_", "sender", "msisdn", "number"}
)
SECRET_KEYS = frozenset(
    {"authorization", "token", "api_token", "api_key", "secret", "password", "privacy_key", "x_api_key", "cookie", "dsn",
     "database_url", "signature"}
)  # fmt: skip
LOOSE_KEYS = frozenset({"exception", "error", "path", "url", "detail", "reason"})
"""Free text by others: there a run of 10 to 15 digits is a phone number until proven otherwise."""

# `+` (or its form in an address) and 7 to 15 digits as people write them, with single separators.
_INTERNATIONAL = re.compile(r"(?:\+|%2[Bb])(\d(?:[ ().\-]{0,2}\d){6,14})")
_BARE = re.compile(r"(?<![\w.\-])(\d{10,15})(?![\w\-])")
_KEYED = re.compile(r"\+?\d(?:[ ().\-]{0,2}\d){6,14}")
_IN_ADDRESS = re.compile(r"(://[^\s/:@]*:|[?&](?:token|key|secret|signature)=)[^\s&@\"']+")
_IN_HEADER = re.compile(r"(?i)\b(bearer\s+|basic\s+)[^\s,;\"']+")
_NOT_DIGITS = re.compile(r"\D")
_LONG = 11  # digits from which on four at each end still hide enough


def mask_phone(digits: str) -> str:
    """`15551231234` -> `1555•••1234`: enough to recognise, not enough to call. Short numbers keep two at each end."""
    digits = _NOT_DIGITS.sub("", digits)
    keep = 4 if len(digits) >= _LONG else 2
    return f"{digits[:keep]}{MASK}{digits[-keep:]}"


def mask_text(text: str) -> str:
    """Mask every international number, and the secret part of addresses and headers, in a text.

    A gateway does this for every line, hence the cheap looks before the regular expressions (0.5 against 20 µs).
    """
    if "+" in text or "%2" in text:
        text = _INTERNATIONAL.sub(lambda match: "+" + mask_phone(match[1]), text)
    if "://" in text or "=" in text:
        text = _IN_ADDRESS.sub(rf"\g<1>{MASK}", text)
    lower = text.lower()
    if "bearer" in lower or "basic" in lower:
        text = _IN_HEADER.sub(rf"\g<1>{MASK}", text)
    return text


def mask_loose(text: str) -> str:
    """Also mask bare runs of 10 to 15 digits: for texts that others wrote, such as PostgreSQL's errors."""
    return _BARE.sub(lambda match: mask_phone(match[1]), mask_text(text))


def mask_event(event: dict[str, Any]) -> dict[str, Any]:
    """The event with what its keys call a phone number or a secret masked, at any depth."""
    masked = event.copy()
    for key, value in event.items():
        if _kind(key) is not _Kind.ANY or type(value) not in _PLAIN:  # most values: decided without a call
            masked[key] = _by_key(key, value)
    return masked


def secret_masker(secrets: Collection[str]) -> Callable[[str], str]:
    """A function that takes known secrets out of a text, wherever they stand in it."""
    known = sorted((secret for secret in secrets if secret), key=len, reverse=True)
    if not known:
        return lambda text: text

    def without_secrets(text: str) -> str:
        for secret in known:
            if secret in text:
                text = text.replace(secret, MASK)
        return text

    return without_secrets


_PLAIN = frozenset({str, int, float, bool, type(None)})


class _Kind(Enum):
    """What a key says of its value."""

    PHONE = auto()
    SECRET = auto()
    LOOSE = auto()
    ANY = auto()


@cache  # keys are names in our code: few
def _kind(key: str) -> _Kind:
    name = key.lower().replace("-", "_")
    if name in SECRET_KEYS:
        return _Kind.SECRET
    if name in PHONE_KEYS:
        return _Kind.PHONE
    return _Kind.LOOSE if name in LOOSE_KEYS else _Kind.ANY


def _by_key(key: str, value: Any) -> Any:
    kind = _kind(key)
    if kind is _Kind.ANY and isinstance(value, str | int | float):
        return value
    if kind is _Kind.SECRET:
        return MASK
    if isinstance(value, dict):
        return mask_event({str(inner): content for inner, content in value.items()})
    if isinstance(value, list | tuple | set | frozenset):
        return [_by_key(key, item) for item in value]
    return _scalar(kind, value)


def _scalar(kind: _Kind, value: Any) -> Any:
    if kind is _Kind.PHONE and _KEYED.fullmatch(text := str(value)):
        return ("+" if text.startswith("+") else "") + mask_phone(text)
    if kind is _Kind.LOOSE and not isinstance(value, int | float | None):
        return mask_loose(str(value))
    return value
