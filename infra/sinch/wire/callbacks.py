"""Everything Sinch posts to us, bytes to values: delivery reports by recipient and by batch, and phones' messages.

A value is normalised (numbers as digits, times in one form) but never guessed: the status word is kept as it came, an
optional field that is not what it should be moves to `extra`, as do fields nobody has heard of.

What names a message is needed: batch, recipient and status of a report, sender and text of a phone's message. Every other
field may be missing or be anything (CONTRACT §4 says what it should be); `mended` says in words what was wrong.
"""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from infra.sinch.wire import fields as f
from infra.sinch.wire.damaged.json_object import NotAnObject, object_of
from infra.sinch.wire.damaged.status_lines import StatusCount as StatusCount  # noqa: PLC0414 - as a name of this module
from infra.sinch.wire.damaged.status_lines import status_count
from infra.sinch.wire.fields import (
    ADDRESS_CHARS,
    ID_CHARS,
    MAX_CODE,
    MAX_PARTS,
    NO_CODE,
    WORD_CHARS,
    UnreadableCallback,
)
from infra.sinch.wire.msisdn import is_msisdn
from infra.sinch.wire.timestamps import NotATimestamp, timestamp

RECIPIENT_TYPES = frozenset({"recipient_delivery_report_sms", "recipient_delivery_report_mms"})
BATCH_TYPES = frozenset({"delivery_report_sms", "delivery_report_mms"})
INBOUND_TYPES = frozenset({"mo_text", "mo_binary", "mo_media"})

_NUL = b"\\u0000"  # JSON's way to write it
_EMPTY = b'""'  # a field given and empty is not the usual form
MOST_NOTES = 12
_NO_NUL = "\ufffd"  # PostgreSQL's text cannot hold NUL: the replacement character stands for it

Id = Annotated[str, Meta(max_length=ID_CHARS)]
Word = Annotated[str, Meta(max_length=WORD_CHARS)]
Address = Annotated[str, Meta(max_length=ADDRESS_CHARS)]


class RecipientReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What became of one message: (batch_id, recipient) is its key; there is no id of its own.

    `code` is NO_CODE, `at` None where they were not told.
    """

    type: str
    batch_id: Id
    recipient: str
    code: int
    status: Word
    at: str | None
    operator_status_at: str | None = None
    client_reference: Id | None = None
    operator: Word | None = None
    applied_originator: Address | None = None
    encoding: Word | None = None
    number_of_message_parts: int | None = None
    status_message: Annotated[str, Meta(max_length=f.TEXT_CHARS)] | None = None
    extra: dict[str, Any] = {}
    mended: tuple[str, ...] = ()


class BatchReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A batch's report: counts, and in a full one the numbers. It has no time of its own.

    `lost`: the lines, or of a line the recipients, that could not be read.
    """

    type: str
    batch_id: str
    total_message_count: int
    statuses: list[StatusCount]
    client_reference: str | None = None
    extra: dict[str, Any] = {}
    mended: tuple[str, ...] = ()
    lost: tuple[Any, ...] = ()

    @property
    def is_full(self) -> bool:
        """Whether every line names its recipients."""
        return bool(self.statuses) and all(line.recipients is not None for line in self.statuses)


class InboundMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a phone sent. `body` is the text (base64 for mo_binary); of an mo_media it is `media["message"]` or "".

    `id`, `to` and `received_at` are empty where they were not told.
    """

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
    mended: tuple[str, ...] = ()


class UnknownCallback(msgspec.Struct, frozen=True):
    """A JSON object whose `type` is none we know ("" when it has none)."""

    type: str
    fields: dict[str, Any]


Callback = RecipientReport | BatchReport | InboundMessage | UnknownCallback

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_decode_report = msgspec.json.Decoder(RecipientReport).decode


def parse_callback(raw: bytes) -> Callback:
    """What Sinch said, as far as it can be read. Raises UnreadableCallback when it names no message, or is no JSON object."""
    if _NUL not in raw and _EMPTY not in raw:
        report = _usual_report(raw)
        if report is not None:
            return report
    notes: list[str] = []
    try:
        fields = _without_nul(_decode(raw)) if _NUL in raw else _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            fields, notes = object_of(raw)
        except NotAnObject as error:
            raise UnreadableCallback(str(error)) from error
    return _from_fields(fields, notes)


def _from_fields(fields: dict[str, Any], notes: list[str]) -> Callback:
    """By its `type`; where that is none we know, by what it names."""
    kind = fields.get("type")
    known = kind if isinstance(kind, str) else ""
    if known not in _READERS:
        found = next((name for name, needed in _NAMES if needed <= fields.keys()), None)
        if found is None:
            return UnknownCallback(known, fields)
        notes.append(f"its type is not known: read as {found}")
        known = found
    try:
        return _READERS[known](fields, known, notes)
    except KeyError as error:
        raise UnreadableCallback(f"{error.args[0]} is missing") from None


def _usual_report(raw: bytes) -> RecipientReport | None:
    """A recipient's report in exactly the documented form, in a third of the time; None for all else."""
    try:
        report = _decode_report(raw)
        at = report.at
        if report.type not in RECIPIENT_TYPES or not is_msisdn(report.recipient) or at is None or timestamp(at) != at:
            return None
        if not 0 <= report.code <= MAX_CODE or report.extra or report.mended:
            return None
        if not 0 <= (report.number_of_message_parts or 0) <= MAX_PARTS:
            return None
        operator_at = report.operator_status_at
        if operator_at is not None:
            msgspec.structs.force_setattr(report, "operator_status_at", timestamp(operator_at))
    except (msgspec.DecodeError, NotATimestamp, UnicodeDecodeError, RecursionError):
        return None
    return report


def _recipient_report(fields: dict[str, Any], kind: str, notes: list[str]) -> RecipientReport:
    take, optional, told = fields.pop, f.optional, f.told
    take("type", None)
    code = told(fields, "code", f.integer, notes)
    return RecipientReport(
        type=kind,
        batch_id=f.identifier(take("batch_id"), "batch_id"),
        recipient=f.number(take("recipient"), "recipient"),
        code=NO_CODE if code is None else code,
        status=f.word(take("status"), "status"),
        at=told(fields, "at", f.moment, notes),
        operator_status_at=optional(fields, "operator_status_at", f.moment),
        client_reference=optional(fields, "client_reference", f.identifier),
        operator=optional(fields, "operator", f.word),
        applied_originator=optional(fields, "applied_originator", f.short_address),
        encoding=optional(fields, "encoding", f.word),
        number_of_message_parts=optional(fields, "number_of_message_parts", f.parts),
        status_message=optional(fields, "status_message", f.words),
        extra=f.bounded(fields),
        mended=tuple(notes[:MOST_NOTES]),
    )


def _batch_report(fields: dict[str, Any], kind: str, notes: list[str]) -> BatchReport:
    take = fields.pop
    take("type", None)
    batch_id = f.identifier(take("batch_id"), "batch_id")
    lines, lost = take("statuses"), list[Any]()
    if isinstance(lines, dict):
        notes.append("statuses is not a list")
        lines = [lines]
    if not isinstance(lines, list):
        raise UnreadableCallback("statuses is not a list")
    statuses = [read for line in lines if (read := status_count(line, notes, lost)) is not None]
    if lost and not statuses:
        raise UnreadableCallback(notes[-1])
    total = f.told(fields, "total_message_count", f.integer, notes)
    return BatchReport(
        type=kind,
        batch_id=batch_id,
        total_message_count=sum(line.count for line in statuses) if total is None else total,
        statuses=statuses,
        client_reference=f.optional(fields, "client_reference", f.identifier),
        extra=f.bounded(fields),
        mended=tuple(notes[:MOST_NOTES]),
        lost=tuple(lost),
    )


def _inbound(fields: dict[str, Any], kind: str, notes: list[str]) -> InboundMessage:
    take, optional, told = fields.pop, f.optional, f.told
    take("type", None)
    body = take("body")
    media = body if isinstance(body, dict) else None
    if media is not None:
        body = media.get("message")
        body = body if isinstance(body, str) else ""
    return InboundMessage(
        type=kind,
        from_=f.address(take("from"), "from"),
        body=f.body(body),
        id=told(fields, "id", f.identifier, notes) or "",
        to=told(fields, "to", f.address, notes) or "",
        received_at=told(fields, "received_at", f.moment, notes) or "",
        udh=optional(fields, "udh", f.words),
        operator_id=optional(fields, "operator_id", f.word),
        # older pages call sent_at send_at
        sent_at=optional(fields, "sent_at", f.moment) or optional(fields, "send_at", f.moment),
        client_reference=optional(fields, "client_reference", f.identifier),
        media=None if media is None else f.bounded(media),
        extra=f.bounded(fields),
        mended=tuple(notes[:MOST_NOTES]),
    )


_READERS: dict[str, Callable[[dict[str, Any], str, list[str]], Callback]] = {
    **dict.fromkeys(RECIPIENT_TYPES, _recipient_report),
    **dict.fromkeys(BATCH_TYPES, _batch_report),
    **dict.fromkeys(INBOUND_TYPES, _inbound),
}
_NAMES: tuple[tuple[str, set[str]], ...] = (
    ("recipient_delivery_report_sms", {"batch_id", "recipient", "status"}),
    ("delivery_report_sms", {"batch_id", "statuses"}),
    ("mo_text", {"from", "body"}),
)
"""What a callback of each kind names, for one whose type is none we know."""


def _without_nul(value: Any) -> Any:
    """The same value with every NUL in its texts replaced."""
    if isinstance(value, str):
        return value.replace("\0", _NO_NUL)
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(item) for key, item in value.items()}
    return value
