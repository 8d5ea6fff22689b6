"""Delivery reports that are asked for: the same objects as in callbacks, and a list of them."""

from typing import Any

import msgspec

from infra.sinch.wire.batches import UnreadableReply
from infra.sinch.wire.callbacks import RecipientReport, parse_callback
from infra.sinch.wire.fields import UnreadableCallback


class ReportPage(msgspec.Struct, frozen=True):
    """A page of `GET /delivery_reports`; `page_size` is the number of reports in this page."""

    count: int
    page: int
    page_size: int
    delivery_reports: list[RecipientReport]


class _RawPage(msgspec.Struct):
    count: int
    page: int
    page_size: int
    delivery_reports: list[msgspec.Raw]


_page = msgspec.json.Decoder(_RawPage)


def decode_report_page(raw: bytes) -> ReportPage:
    """A page of recipients' reports. Raises UnreadableReply when it, or one report in it, cannot be read."""
    try:
        page = _page.decode(raw)
        reports: list[Any] = [parse_callback(bytes(item)) for item in page.delivery_reports]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, UnreadableCallback) as error:
        raise UnreadableReply(str(error)) from error
    if page.page_size != len(reports) or not all(isinstance(report, RecipientReport) for report in reports):
        raise UnreadableReply("the page does not hold the reports it counts")
    return ReportPage(page.count, page.page, page.page_size, reports)
