"""Everything Sinch posts to us, bytes to values: delivery reports by recipient and by batch, and phones' messages.

A value is normalised (numbers as digits, times in one form) but never guessed: the status word is kept as it came, an
optional field that is not what it should be moves to `extra`, as do fields nobody has heard of.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from infra.sinch.wire import fields as f
from infra.sinch.wire.fields import ADDRESS_CHARS, ID_CHARS, MAX_CODE, MAX_PARTS, WORD_CHARS, UnreadableCallback
from infra.sinch.wire.msisdn import is_msisdn
from infra.sinch.wire.timestamps import NotATimestamp, timestamp

RECIPIENT_TYPES = frozenset({"recipient_delivery_report_sms", "recipient_delivery_report_mms"})
BATCH_TYPES = frozenset({"delivery_report_sms", "delivery_report_mms"})
INBOUND_TYPES = frozenset({"mo_text", "mo_binary", "mo_media"})

_NUL = b"\\u0000"  # JSON's way to write it
_EMPTY = b'""'  # a field given and empty is not the usual form
_NO_NUL = "\ufffd"  # PostgreSQL's text cannot hold NUL: the replacement character stands for it

Id = Annotated[str, Meta(max_length=ID_CHARS)]
Word = Annotated[str, Meta(max_length=WORD_CHARS)]
Address = Annotated[str, Meta(max_length=ADDRESS_CHARS)]


class RecipientReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What became of one message: (batch_id, recipient) is its key; there is no id of its own."""

    type: str
    batch_id: Id
    recipient: str
    code: int
    status: Word
    at: str
    operator_status_at: str | None = None
    client_reference: Id | None = None
    operator: Word | None = None
    applied_originator: Address | None = None
    encoding: Word | None = None
    number_of_message_parts: int | None = None
    status_message: Annotated[str, Meta(max_length=f.TEXT_CHARS)] | None = None
    extra: dict[str, Any] = {}


class StatusCount(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a batch report. `recipients` is None in a summary."""

    code: int
    status: str
    count: int
    recipients: list[str] | None = None


class BatchReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A batch's report: counts, and in a full one the numbers. It has no time of its own."""

    type: str
    batch_id: str
    total_message_count: int
    statuses: list[StatusCount]
    client_reference: str | None = None
    extra: dict[str, Any] = {}

    @property
    def is_full(self) -> bool:
        """Whether every line names its recipients."""
        return bool(self.statuses) and all(line.recipients is not None for line in self.statuses)


class InboundMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a phone sent. `body` is the text (base64 for mo_binary); of an mo_media it is `media["message"]` or ""."""

    type: str
    id: str
    from_: str
    to: str
    body: str
    received_at: str
    udh: str | None = None
    operator_id: str | None = None
    sent_at: str | None = None
    client_reference: str | None = None
    media: dict[str, Any] | None = None
    extra: dict[str, Any] = {}


class UnknownCallback(msgspec.Struct, frozen=True):
    """A JSON object whose `type` is none we know ("" when it has none)."""

    type: str
    fields: dict[str, Any]


Callback = RecipientReport | BatchReport | InboundMessage | UnknownCallback

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_decode_report = msgspec.json.Decoder(RecipientReport).decode


def parse_callback(raw: bytes) -> Callback:
    """What Sinch said. Raises UnreadableCallback when it is no JSON object or a required field is missing or wrong."""
    if _NUL not in raw and _EMPTY not in raw:
        report = _usual_report(raw)
        if report is not None:
            return report
    try:
        fields = _without_nul(_decode(raw)) if _NUL in raw else _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableCallback("not a JSON object") from error
    return _from_fields(fields)


def _from_fields(fields: dict[str, Any]) -> Callback:
    kind = fields.get("type")
    try:
        match kind:
            case str() if kind in RECIPIENT_TYPES:
                return _recipient_report(fields)
            case str() if kind in BATCH_TYPES:
                return _batch_report(fields)
            case str() if kind in INBOUND_TYPES:
                return _inbound(fields)
            case _:
                return UnknownCallback(kind if isinstance(kind, str) else "", fields)
    except KeyError as error:
        raise UnreadableCallback(f"{error.args[0]} is missing") from None


def _usual_report(raw: bytes) -> RecipientReport | None:
    """A recipient's report in exactly the documented form, in a third of the time; None for all else."""
    try:
        report = _decode_report(raw)
        if report.type not in RECIPIENT_TYPES or not is_msisdn(report.recipient) or timestamp(report.at) != report.at:
            return None
        if not 0 <= report.code <= MAX_CODE or report.extra:
            return None
        if not 0 <= (report.number_of_message_parts or 0) <= MAX_PARTS:
            return None
        operator_at = report.operator_status_at
        if operator_at is not None:
            msgspec.structs.force_setattr(report, "operator_status_at", timestamp(operator_at))
    except (msgspec.DecodeError, NotATimestamp, UnicodeDecodeError, RecursionError):
        return None
    return report


def _recipient_report(fields: dict[str, Any]) -> RecipientReport:
    take, optional = fields.pop, f.optional
    return RecipientReport(
        type=take("type"),
        batch_id=f.identifier(take("batch_id"), "batch_id"),
        recipient=f.number(take("recipient"), "recipient"),
        code=f.integer(take("code"), "code"),
        status=f.word(take("status"), "status"),
        at=f.moment(take("at"), "at"),
        operator_status_at=optional(fields, "operator_status_at", f.moment),
        client_reference=optional(fields, "client_reference", f.identifier),
        operator=optional(fields, "operator", f.word),
        applied_originator=optional(fields, "applied_originator", f.short_address),
        encoding=optional(fields, "encoding", f.word),
        number_of_message_parts=optional(fields, "number_of_message_parts", f.parts),
        status_message=optional(fields, "status_message", f.words),
        extra=f.bounded(fields),
    )


def _batch_report(fields: dict[str, Any]) -> BatchReport:
    take = fields.pop
    lines = take("statuses")
    if not isinstance(lines, list):
        raise UnreadableCallback("statuses is not a list")
    return BatchReport(
        type=take("type"),
        batch_id=f.identifier(take("batch_id"), "batch_id"),
        total_message_count=f.integer(take("total_message_count"), "total_message_count"),
        statuses=[_status_count(line) for line in lines],
        client_reference=f.optional(fields, "client_reference", f.identifier),
        extra=f.bounded(fields),
    )


def _status_count(line: Any) -> StatusCount:
    if not isinstance(line, dict):
        raise UnreadableCallback("statuses holds something that is not an object")
    recipients = line.get("recipients")
    if recipients is not None and not isinstance(recipients, list):
        raise UnreadableCallback("recipients is not a list")
    return StatusCount(
        code=f.integer(line["code"], "code"),
        status=f.word(line["status"], "status"),
        count=f.integer(line["count"], "count"),
        recipients=None if recipients is None else [f.number(number, "recipients") for number in recipients],
    )


def _inbound(fields: dict[str, Any]) -> InboundMessage:
    take, optional = fields.pop, f.optional
    body = take("body")
    media = body if isinstance(body, dict) else None
    if media is not None:
        body = media.get("message") or ""
    return InboundMessage(
        type=take("type"),
        id=f.identifier(take("id"), "id"),
        from_=f.address(take("from"), "from"),
        to=f.address_or_none(take("to"), "to"),
        body=f.body(body),
        received_at=f.moment(take("received_at"), "received_at"),
        udh=optional(fields, "udh", f.words),
        operator_id=optional(fields, "operator_id", f.word),
        # older pages call sent_at send_at
        sent_at=optional(fields, "sent_at", f.moment) or optional(fields, "send_at", f.moment),
        client_reference=optional(fields, "client_reference", f.identifier),
        media=None if media is None else f.bounded(media),
        extra=f.bounded(fields),
    )


def _without_nul(value: Any) -> Any:
    """The same value with every NUL in its texts replaced."""
    if isinstance(value, str):
        return value.replace("\0", _NO_NUL)
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(item) for key, item in value.items()}
    return value
