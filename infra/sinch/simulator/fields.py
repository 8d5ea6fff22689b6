"""One checker a field of a batch: foreign JSON in, the normal form out, or the refusal Sinch would give."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from infra.sinch.wire.batches import (
    MAX_BODY_CHARS,
    MAX_CALLBACK_URL_CHARS,
    MAX_PARAMETER_KEY_CHARS,
    MAX_PARAMETER_VALUE_CHARS,
    MAX_REFERENCE_CHARS,
    REPORT_MODES,
    TYPES,
)
from infra.sinch.wire.msisdn import NotAnMsisdn, address, msisdn
from infra.sinch.wire.timestamps import NotATimestamp, timestamp

BAD_JSON = "syntax_invalid_json"
FORMAT = "syntax_invalid_parameter_format"
CONSTRAINT = "syntax_constraint_violation"

_KEY = re.compile(r"[A-Za-z0-9_.-]+", re.ASCII)
_SENDER_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 _.&+-]{1,11}", re.ASCII)  # 11 characters: GSM 03.40
_SENDER_NUMBER = re.compile(r"[0-9]{3,15}", re.ASCII)
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+", re.ASCII)

MAX_TON, MAX_NPI = 6, 18
MAX_DLT_CHARS = 100

Check = Callable[[Any, str], Any]


class Rejected(Exception):  # noqa: N818  named by what it says
    """A refusal with its status, Sinch's code and a text."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.text = text


def wrong(name: str, why: str) -> Rejected:
    """The refusal of a field whose form is wrong."""
    return Rejected(400, FORMAT, f"The format of parameter '{name}' is invalid; {why}.")


def violated(name: str, why: str) -> Rejected:
    """The refusal of a field that breaks a limit."""
    return Rejected(400, CONSTRAINT, f"The parameter '{name}' {why}.")


def text_up_to(most: int) -> Check:
    """A string of at most so many characters."""

    def check(value: Any, name: str) -> str:
        """The string itself."""
        if not isinstance(value, str):
            raise wrong(name, "it must be a string")
        if len(value) > most:
            raise violated(name, f"may have at most {most} characters")
        return value

    return check


def one_of(words: tuple[str, ...]) -> Check:
    """One of some words."""

    def check(value: Any, name: str) -> str:
        """The word itself."""
        if not isinstance(value, str) or value not in words:
            raise wrong(name, f"it must be one of {', '.join(words)}")
        return value

    return check


def integer(least: int, most: int) -> Check:
    """An integer in a range."""

    def check(value: Any, name: str) -> int:
        """The integer itself."""
        if not isinstance(value, int) or isinstance(value, bool):
            raise wrong(name, "it must be an integer")
        if not least <= value <= most:
            raise violated(name, f"must be between {least} and {most}")
        return value

    return check


def flag(value: Any, name: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise wrong(name, "it must be a boolean")
    return value


def when(value: Any, name: str) -> str:
    """A moment in normal form."""
    if not isinstance(value, str):
        raise wrong(name, "it must be a string")
    try:
        return timestamp(value)
    except NotATimestamp:
        raise wrong(name, "it must be an ISO 8601 timestamp") from None


def sender(value: Any, name: str) -> str:
    """A phone number, a short code or a name."""
    if isinstance(value, str):
        plain = address(value)
        if _SENDER_NUMBER.fullmatch(plain) or _SENDER_NAME.fullmatch(plain):
            return plain
    raise wrong(name, "it is not a valid MSISDN, short code or alphanumeric sender")


def url(value: Any, name: str) -> str:
    """An address that can be posted to."""
    text: str = text_up_to(MAX_CALLBACK_URL_CHARS)(value, name)
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good or not text.isprintable() or " " in text:
        raise wrong(name, "it is not a valid URL")
    return text


def hexadecimal(value: Any, name: str) -> str:
    """Bytes in hexadecimal."""
    if not isinstance(value, str) or _HEX.fullmatch(value) is None:
        raise wrong(name, "it must be hexadecimal")
    return value


def body(value: Any, name: str) -> str | dict[str, Any]:
    """A text, or the object of a media message with its url."""
    if isinstance(value, dict):
        allowed = {key: value[key] for key in ("url", "message", "subject") if value.get(key) is not None}
        if "url" not in allowed:
            raise violated(f"{name}.url", "is required")
        url(allowed["url"], f"{name}.url")
        for key in ("message", "subject"):
            text_up_to(MAX_BODY_CHARS)(allowed.get(key, ""), f"{name}.{key}")
        return allowed
    checked: str = text_up_to(MAX_BODY_CHARS)(value, name)
    return checked


def parameters(value: Any, name: str) -> dict[str, dict[str, str]]:
    """The values for a template's keys. Their numbers are echoed as they came."""
    if not isinstance(value, dict):
        raise wrong(name, "it must be an object")
    for key, values in value.items():
        if not _KEY.fullmatch(key):
            raise wrong(f"{name}.{key[:40]}", "a key may have letters, digits, '_', '.' and '-'")
        if len(key) > MAX_PARAMETER_KEY_CHARS:
            raise violated(f"{name}.{key[:40]}", f"may have at most {MAX_PARAMETER_KEY_CHARS} characters")
        if not isinstance(values, dict):
            raise wrong(f"{name}.{key}", "it must be an object")
        for number, text in values.items():
            _parameter_value(f"{name}.{key}", number, text)
    return value


def _parameter_value(place: str, number: str, text: Any) -> None:
    if number != "default":
        try:
            msisdn(number)
        except NotAnMsisdn:
            raise wrong(place, f"'{number[:40]}' is not a valid MSISDN") from None
    text_up_to(MAX_PARAMETER_VALUE_CHARS)(text, f"{place}.{number}")


FIELDS: dict[str, Check] = {
    "from": sender,
    "body": body,
    "type": one_of(TYPES),
    "udh": hexadecimal,
    "parameters": parameters,
    "delivery_report": one_of(REPORT_MODES),
    "send_at": when,
    "expire_at": when,
    "callback_url": url,
    "client_reference": text_up_to(MAX_REFERENCE_CHARS),
    "feedback_enabled": flag,
    "flash_message": flag,
    "truncate_concat": flag,
    "max_number_of_message_parts": integer(1, 1000),
    "from_ton": integer(0, MAX_TON),
    "from_npi": integer(0, MAX_NPI),
    "dlt_principal_entity_id": text_up_to(MAX_DLT_CHARS),
    "dlt_template_id": text_up_to(MAX_DLT_CHARS),
    "strict_validation": flag,
}
