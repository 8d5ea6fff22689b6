"""Callbacks as Sinch writes them: compact JSON, keys in alphabetical order, no `+`, whole seconds without a fraction.

That is the style of the only genuine body that is published, the one in Sinch's signature vectors.
"""

from typing import Any

import msgspec

from infra.sinch.wire.callbacks import BatchReport, InboundMessage, RecipientReport, StatusCount
from infra.sinch.wire.timestamps import on_the_wire

_encode = msgspec.json.Encoder(order="sorted").encode

_MOMENTS = ("at", "operator_status_at", "received_at", "sent_at")


def recipient_report_fields(report: RecipientReport) -> dict[str, Any]:
    """A recipient's report as the JSON object that Sinch would send."""
    return _written(msgspec.to_builtins(report))


def batch_report_fields(report: BatchReport) -> dict[str, Any]:
    """A batch's report as the JSON object that Sinch would send. An empty report keeps its empty list."""
    return _written(msgspec.to_builtins(report))


def inbound_fields(message: InboundMessage) -> dict[str, Any]:
    """A phone's message as the JSON object that Sinch would send."""
    fields = _written(msgspec.to_builtins(message))
    fields["from"] = fields.pop("from_")
    media = fields.pop("media", None)
    if media is not None:
        fields["body"] = media
    return fields


def encode_callback(value: RecipientReport | BatchReport | InboundMessage) -> bytes:
    """The body of the callback."""
    match value:
        case RecipientReport():
            return _encode(recipient_report_fields(value))
        case BatchReport():
            return _encode(batch_report_fields(value))
        case InboundMessage():
            return _encode(inbound_fields(value))


def status_line(code: int, status: str, recipients: list[str], *, full: bool) -> StatusCount:
    """One line of a batch report; the numbers are named in a full one only."""
    return StatusCount(code=code, status=status, count=len(recipients), recipients=recipients if full else None)


def _written(fields: dict[str, Any]) -> dict[str, Any]:
    """Times in Sinch's form, and what we did not understand back in its place."""
    for name in _MOMENTS:
        if name in fields:
            fields[name] = on_the_wire(fields[name])
    fields.update(fields.pop("extra", {}))
    return fields
