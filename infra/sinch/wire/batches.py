"""Batches: what is asked of `POST /batches` and what Sinch answers (its REST guide, "Batches")."""

from typing import Any

import msgspec

from infra.sinch.wire.fields import ID_CHARS

MAX_RECIPIENTS = 1000  # numbers in `to`
MAX_BODY_CHARS = 2000  # of the template, before parameters
MAX_REFERENCE_CHARS = 2048  # older pages say 128: stay below that
MAX_CALLBACK_URL_CHARS = 2048
MAX_PARAMETER_KEY_CHARS = 16
MAX_PARAMETER_VALUE_CHARS = 160
MAX_BINARY_BYTES = 140  # body and user data header of an mt_binary together
MAX_PAGE_SIZE = 100
DEFAULT_PAGE_SIZE = 30
EXPIRY_SECONDS = 3 * 24 * 3600  # default and longest time between send_at and expire_at
LIST_WINDOW_SECONDS = 14 * 24 * 3600  # how far back batches are listed
LIST_DEFAULT_SECONDS = 24 * 3600  # start_date when none is given

TYPES = ("mt_text", "mt_binary", "mt_media")
REPORT_MODES = ("none", "summary", "full", "per_recipient", "per_recipient_final")

Parameters = dict[str, dict[str, str]]


class UnreadableReply(ValueError):  # noqa: N818  named by what it says
    """An answer with a good status whose body is not what the contract promises."""


class MediaBody(msgspec.Struct, omit_defaults=True, frozen=True):
    """The body of an mt_media message."""

    url: str
    message: str | None = None
    subject: str | None = None


class SendBatch(msgspec.Struct, omit_defaults=True, frozen=True, kw_only=True, rename={"from_": "from"}):
    """What is asked of Sinch: one text for up to 1,000 numbers. Fields left at None are not sent."""

    to: list[str]
    from_: str | None = None
    body: str | MediaBody
    type: str | None = None
    udh: str | None = None
    parameters: Parameters | None = None
    delivery_report: str | None = None
    send_at: str | None = None
    expire_at: str | None = None
    callback_url: str | None = None
    client_reference: str | None = None
    feedback_enabled: bool | None = None
    flash_message: bool | None = None
    truncate_concat: bool | None = None
    max_number_of_message_parts: int | None = None
    from_ton: int | None = None
    from_npi: int | None = None
    dlt_principal_entity_id: str | None = None
    dlt_template_id: str | None = None
    strict_validation: bool | None = None


class Batch(msgspec.Struct, omit_defaults=True, frozen=True, kw_only=True, rename={"from_": "from"}):
    """A batch as Sinch returns it. There is no status in it. Times are kept as they came."""

    id: str
    to: list[str]
    from_: str | None = None
    canceled: bool | None = None
    body: Any = None
    type: str | None = None
    created_at: str | None = None
    modified_at: str | None = None
    udh: str | None = None
    parameters: Any = None
    delivery_report: str | None = None
    send_at: str | None = None
    expire_at: str | None = None
    callback_url: str | None = None
    client_reference: str | None = None
    feedback_enabled: bool | None = None
    flash_message: bool | None = None
    truncate_concat: bool | None = None
    max_number_of_message_parts: int | None = None
    from_ton: int | None = None
    from_npi: int | None = None
    dlt_principal_entity_id: str | None = None
    dlt_template_id: str | None = None
    strict_validation: bool | None = None


class BatchPage(msgspec.Struct, frozen=True):
    """A page of a list; `page_size` is the number of items in this page, `count` the number in all."""

    count: int
    page: int
    page_size: int
    batches: list[Batch]


_encoder = msgspec.json.Encoder()
_send = msgspec.json.Decoder(SendBatch)
_batch = msgspec.json.Decoder(Batch)
_page = msgspec.json.Decoder(BatchPage)


def encode(value: SendBatch | Batch | BatchPage) -> bytes:
    """The value as compact JSON, fields without a value left out."""
    return _encoder.encode(value)


def decode_send(raw: bytes) -> SendBatch:
    """A request read back. Raises UnreadableReply; unknown fields are ignored, as Sinch does."""
    try:
        return _send.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableReply(str(error)) from error


def decode_batch(raw: bytes) -> Batch:
    """A batch from a reply. Raises UnreadableReply when it is no JSON or has no id or no recipients."""
    try:
        batch = _batch.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableReply(str(error)) from error
    if not 0 < len(batch.id) <= ID_CHARS:
        raise UnreadableReply(f"the batch has an id of {len(batch.id)} characters")
    return batch


def decode_page(raw: bytes) -> BatchPage:
    """A page of batches. Raises UnreadableReply when it is not one, or when its own figures disagree."""
    try:
        page = _page.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableReply(str(error)) from error
    if page.page_size != len(page.batches):
        raise UnreadableReply(f"page_size is {page.page_size} and the page holds {len(page.batches)} batches")
    if any(not 0 < len(batch.id) <= ID_CHARS for batch in page.batches):
        raise UnreadableReply("a batch has an id that is none")
    if page.count < page.page_size:
        raise UnreadableReply(f"count is {page.count} and the page holds {page.page_size} batches")
    return page
