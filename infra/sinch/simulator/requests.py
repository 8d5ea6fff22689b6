"""What `POST /batches` accepts: every field of Sinch's page, each with its limit, and the refusal when it is wrong."""

import re
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from infra.sinch.simulator.fields import BAD_JSON, CONSTRAINT, FIELDS, FORMAT, Rejected
from infra.sinch.wire.batches import EXPIRY_SECONDS, MAX_BINARY_BYTES, MAX_RECIPIENTS
from infra.sinch.wire.msisdn import NotAnMsisdn, msisdn
from infra.sinch.wire.timestamps import moment

_NUMBERS = re.compile(r"\+?[1-9][0-9]{6,14}(?:,\+?[1-9][0-9]{6,14})*", re.ASCII)
_GROUP_ID = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9_-]{10,40}", re.ASCII)

_decode = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(slots=True)
class Draft:
    """A request that passed: its numbers, and its other fields in normal form, without defaults."""

    to: "array[int]"
    fields: dict[str, Any]


def parse_object(raw: bytes) -> dict[str, Any]:
    """The JSON object of a request. Raises Rejected."""
    try:
        return _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Rejected(400, BAD_JSON, f"Invalid JSON: {error}") from error


def read_send(fields: Mapping[str, Any], now: float, *, default_originator: str | None, once: bool) -> Draft:
    """A send, replace or dry-run request. Raises Rejected with Sinch's status, code and words."""
    if fields.get("to") is None:
        raise Rejected(400, CONSTRAINT, "The parameter 'to' is required.")
    draft = Draft(read_recipients(fields["to"], "to", once=once), read_fields(fields))
    if "from" not in draft.fields:
        if default_originator is None:
            raise Rejected(400, CONSTRAINT, "The parameter 'from' is required.")
        draft.fields["from"] = default_originator
    check_together(draft, now)
    return draft


def read_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Every known field but `to`, checked alone; null is as absent, unknown ones are ignored."""
    read = {}
    for name, check in FIELDS.items():
        value = fields.get(name)
        if value is not None:
            read[name] = check(value, name)
    return read


def read_recipients(values: Any, name: str, *, once: bool, most: int = MAX_RECIPIENTS) -> "array[int]":
    """The numbers of a list, as integers. Raises Rejected."""
    if not isinstance(values, list):
        raise Rejected(400, FORMAT, f"The format of parameter '{name}' is invalid; it must be an array.")
    if not 1 <= len(values) <= most:
        raise Rejected(400, CONSTRAINT, f"The parameter '{name}' must have between 1 and {most} elements.")
    numbers = _plain_numbers(values)
    if numbers is None:
        numbers = array("Q", (_recipient(value, f"{name}[{i}]") for i, value in enumerate(values)))
    if once and len(distinct := dict.fromkeys(numbers)) < len(numbers):
        return array("Q", distinct)
    return numbers


def _plain_numbers(values: list[Any]) -> "array[int] | None":
    """All numbers at once when each is digits with or without `+`, the usual case; None otherwise."""
    try:
        if _NUMBERS.fullmatch(",".join(values)) is None:
            return None
        return array("Q", map(int, values))
    except (TypeError, ValueError):
        return None


def _recipient(value: Any, place: str) -> int:
    if isinstance(value, str):
        try:
            return int(msisdn(value))
        except NotAnMsisdn:
            if _GROUP_ID.fullmatch(value):
                raise Rejected(403, "unknown_group", f"Group '{value}' is unknown or deleted") from None
    raise not_acceptable(place, value)


def not_acceptable(place: str, value: Any) -> Rejected:
    """The refusal of one number, in Sinch's words."""
    shown = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    words = f"The format of parameter '{place}' is invalid; value '{shown[:100]}' is not a valid MSISDN or group ID."
    return Rejected(400, FORMAT, words)


def check_together(draft: Draft, now: float) -> None:
    """The rules that concern several fields. Raises Rejected."""
    fields = draft.fields
    kind = fields.get("type", "mt_text")
    _check_body(fields, kind)
    if ("from_ton" in fields) != ("from_npi" in fields):
        raise Rejected(400, CONSTRAINT, "The parameters 'from_ton' and 'from_npi' must be set together.")
    if "parameters" in fields and kind == "mt_binary":
        raise Rejected(400, CONSTRAINT, "The parameter 'parameters' is not allowed for type 'mt_binary'.")
    start = sending_time(fields, now)
    if "expire_at" in fields:
        expire = moment(fields["expire_at"]).timestamp()
        if expire <= start:
            raise Rejected(400, CONSTRAINT, "The parameter 'expire_at' must be after 'send_at'.")
        if expire > start + EXPIRY_SECONDS + 1:  # a second for clocks that differ a little
            raise Rejected(400, CONSTRAINT, "The parameter 'expire_at' must be within 3 days of 'send_at'.")


def _check_body(fields: dict[str, Any], kind: str) -> None:
    body = fields.get("body")
    if body is None:
        raise Rejected(400, CONSTRAINT, "The parameter 'body' is required.")
    if isinstance(body, dict) != (kind == "mt_media"):
        raise Rejected(400, FORMAT, f"The format of parameter 'body' is invalid for type '{kind}'.")
    if kind == "mt_binary":
        _check_binary(fields)


def _check_binary(fields: dict[str, Any]) -> None:
    if "udh" not in fields:
        raise Rejected(400, CONSTRAINT, "The parameter 'udh' is required.")
    try:
        size = len(msgspec.convert(fields["body"], bytes)) + len(fields["udh"]) // 2
    except msgspec.ValidationError:
        raise Rejected(400, FORMAT, "The format of parameter 'body' is invalid; it must be Base64.") from None
    if size > MAX_BINARY_BYTES:
        raise Rejected(400, CONSTRAINT, f"'body' and 'udh' may have {MAX_BINARY_BYTES} bytes together.")


def sending_time(fields: Mapping[str, Any], now: float) -> float:
    """When the batch goes out: at `send_at`, or now when that is past or absent."""
    send_at = fields.get("send_at")
    return now if send_at is None else max(now, moment(send_at).timestamp())


def expiry(fields: Mapping[str, Any], created: float) -> float:
    """When the batch expires: at `expire_at`, or three days after it goes out."""
    expire_at = fields.get("expire_at")
    return sending_time(fields, created) + EXPIRY_SECONDS if expire_at is None else moment(expire_at).timestamp()
