"""Sinch's callbacks as events."""

import json
from typing import Any

import pytest

from contracts import events, topics
from contracts.consent import Keywords
from contracts.events import decode
from contracts.identity import parse_reference, pseudonym
from services.webhook_gateway.translate import MOST_DEAD_BYTES, Translator

NOW = "2026-03-01T12:00:05.000Z"
CAMPAIGN = "01930a6e-4c00-7a31-9c55-2f4c7e9d1a01"
REPORT: dict[str, Any] = {
    "type": "recipient_delivery_report_sms", "batch_id": "01W4FFL35P4NC4K35SMSBATCH9", "recipient": "+12017777777",
    "code": 0, "status": "Delivered", "at": "2024-06-06T08:17:19.210Z", "operator_status_at": "2024-06-06T08:17:00Z",
    "client_reference": f"{CAMPAIGN}.7.2.ab",
}  # fmt: skip
FULL: dict[str, Any] = {
    "type": "delivery_report_sms", "batch_id": "01W4FFL35P4NC4K35SMSBATCH8", "client_reference": f"{CAMPAIGN}.7.1",
    "total_message_count": 3,
    "statuses": [{"code": 0, "count": 2, "recipients": ["12017777777", "33612345678"], "status": "Delivered"},
                 {"code": 15, "count": 1, "recipients": ["12010000000"], "status": "Failed"}],
}  # fmt: skip


TRANSLATOR = Translator(lambda number: pseudonym(number, "k" * 16), Keywords())


def translate(body: Any) -> tuple[str, list[tuple[str, str, events.AnyEvent]]]:
    """(type, [(topic, key, event)]) of a callback."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    said = TRANSLATOR.read(raw, NOW)
    return said.kind, [(entry.topic, entry.key, decode(entry.value)) for entry in said.entries]


def test_a_recipients_report_is_placed_by_its_reference() -> None:
    """Campaign, chunk, attempt and part without any look-up; number and times in our one form."""
    kind, [(topic, key, event)] = translate(REPORT)
    assert (kind, topic, key) == ("recipient_delivery_report_sms", topics.DELIVERY_REPORTS, f"{CAMPAIGN}.7")
    assert isinstance(event, events.DeliveryReported)
    assert (event.campaign_id, event.chunk, event.attempt, event.part) == (CAMPAIGN, 7, 2, "ab")
    assert (event.recipient, event.at, event.operator_status_at) == (
        "12017777777", "2024-06-06T08:17:19.210Z", "2024-06-06T08:17:00.000Z",
    )  # fmt: skip


@pytest.mark.parametrize("reference", [None, "somebody else's"])
def test_a_report_with_a_foreign_reference_is_kept_under_its_batch(reference: str | None) -> None:
    """It belongs to no campaign yet; nobody guesses."""
    _, [(_, key, event)] = translate(REPORT | {"client_reference": reference})
    assert isinstance(event, events.DeliveryReported)
    assert (key, event.campaign_id, event.chunk) == (REPORT["batch_id"], None, None)
    assert parse_reference(event.client_reference) is None


def test_an_unknown_status_word_and_field_are_kept() -> None:
    """As they came."""
    _, [(_, _, event)] = translate(REPORT | {"status": "Teleported", "code": 9999, "beam": [1]})
    assert isinstance(event, events.DeliveryReported)
    assert (event.status, event.code, event.extra) == ("Teleported", 9999, {"beam": [1]})


def test_a_full_report_is_an_event_a_recipient() -> None:
    """Each with an id of its own that the same callback gives again, and no invented time."""
    _, entries = translate(FULL)
    reports = [event for _, _, event in entries if isinstance(event, events.DeliveryReported)]
    assert {(r.recipient, r.status, r.code, r.at) for r in reports} == {
        ("12017777777", "Delivered", 0, None), ("33612345678", "Delivered", 0, None), ("12010000000", "Failed", 15, None),
    }  # fmt: skip
    assert len(entries) == len({r.event_id for r in reports}) == 3
    assert translate(FULL) == translate(FULL)


def test_a_summary_is_one_event_with_its_counts() -> None:
    """It names nobody, so it says nothing about any one message."""
    statuses = [{"code": 0, "count": 2, "status": "Delivered"}]
    _, [(_, key, event)] = translate(FULL | {"statuses": statuses})
    assert isinstance(event, events.BatchReported)
    assert (key, event.total, event.statuses[0].count) == (f"{CAMPAIGN}.7", 3, 2)


def test_a_reply_travels_under_a_pseudonym() -> None:
    """No Kafka key ever holds a phone number."""
    body = {"type": "mo_text", "id": "01W4", "from": "+12015555555", "to": "12017777777", "body": "Hello 👋",
            "operator_id": "311071", "received_at": "2024-06-06T07:52:37.386Z"}  # fmt: skip
    _, [(topic, key, event)] = translate(body)
    assert isinstance(event, events.InboundReceived)
    assert (topic, key) == (topics.INBOUND_MESSAGES, pseudonym("12015555555", "k" * 16))
    assert (event.sender, event.body, event.kind) == ("12015555555", "Hello 👋", "text")


@pytest.mark.parametrize(
    ("raw", "kind"),
    [(b"", "unreadable"), (b"<xml/>", "unreadable"), (b'"\xff"', "unreadable"), (b"[]", "unreadable"),
     (b'{"type":"of_tomorrow"}', "unknown"), (b"{}", "unknown"),
     (b'{"type":"recipient_delivery_report_sms"}', "unreadable"), (b"[" * 100_000, "unreadable")],
)  # fmt: skip
def test_what_cannot_be_read_is_kept_with_its_bytes(raw: bytes, kind: str) -> None:
    """Never dropped: a dead letter holds it."""
    said, [(topic, _, event)] = translate(raw)
    assert isinstance(event, events.DeadLetter)
    assert (said, topic, event.raw) == (kind, topics.DEAD_LETTERS, raw)


def test_a_huge_dead_letter_is_cut_and_says_so() -> None:
    """It fits a record of the log."""
    _, [(_, _, event)] = translate(b"x" * (MOST_DEAD_BYTES + 1))
    assert isinstance(event, events.DeadLetter)
    assert (len(event.raw), event.truncated) == (MOST_DEAD_BYTES, True)
