"""Callbacks that are not as Sinch documents them (CONTRACT §4): read as far as they can be (FAULTS D2, F)."""

import json
from typing import Any

import pytest

from contracts import topics
from contracts.events import AnyEvent, BatchReported, DeadLetter, DeliveryReported, InboundReceived, RecipientOptedOut
from infra.sinch.wire.fields import NO_CODE
from tests.unit.webhook_gateway.test_translate import FULL, NOW, REPORT, translate

STOP: dict[str, Any] = {
    "type": "mo_text", "id": "01INBOUND", "from": "12017777777", "to": "12018888888", "body": "STOP",
    "received_at": "2026-03-01T12:00:00.000Z",
}  # fmt: skip
MISSING = type("Missing", (), {"__repr__": lambda _: "missing"})()  # a test is named by it, the same in every process
LONG = "9" * 2_000
OTHERS: tuple[Any, ...] = (MISSING, None, "", 7, 7.5, True, [], {}, [{"a": [1]}], LONG, "soon", "\x00", "😀" * 600)
"""What may stand in any field instead."""
NEEDED = {
    "recipient_delivery_report_sms": {"batch_id", "recipient", "status"},
    "delivery_report_sms": {"batch_id", "statuses"},
    "mo_text": {"from", "body"},
}
"""By type: the fields without which a callback names no message. All others are not worth losing it."""


def changed(body: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    """The callback with another value in one field, or without it."""
    return {key: one for key, one in (body | {name: value}).items() if one is not MISSING}


def events_in(raw: bytes | dict[str, Any]) -> list[AnyEvent]:
    """What it becomes."""
    return [event for _, _, event in translate(raw)[1]]


@pytest.mark.parametrize("value", OTHERS, ids=repr)
@pytest.mark.parametrize("name", sorted(REPORT.keys() - NEEDED["recipient_delivery_report_sms"]))
def test_no_field_beside_batch_recipient_and_status_costs_a_report(name: str, value: object) -> None:
    """Also the type: what names a message is one. CONTRACT §4 calls code and at required; 4.2 and decision 0004 do without."""
    [event] = events_in(changed(REPORT, name, value))
    assert isinstance(event, DeliveryReported)
    assert (event.batch_id, event.recipient, event.status) == (REPORT["batch_id"], "12017777777", "Delivered")


@pytest.mark.parametrize("value", OTHERS, ids=repr)
@pytest.mark.parametrize("name", sorted(STOP.keys() - NEEDED["mo_text"]))
def test_no_field_beside_sender_and_text_costs_a_stop(name: str, value: object) -> None:
    """Reply and decision, whatever came in the other fields."""
    kept = [event for event in events_in(changed(STOP, name, value)) if not isinstance(event, InboundReceived)]
    if (name, value) == ("type", "mo_binary"):  # pragma: no cover - a body that is base64 is another text
        return
    assert [type(event) for event in kept] == [RecipientOptedOut]


@pytest.mark.parametrize("value", OTHERS, ids=repr)
@pytest.mark.parametrize("name", sorted(FULL.keys() - NEEDED["delivery_report_sms"]))
def test_no_field_beside_batch_and_lines_costs_a_batchs_report(name: str, value: object) -> None:
    """An event a recipient all the same."""
    reports = [event for event in events_in(changed(FULL, name, value)) if isinstance(event, DeliveryReported)]
    assert {report.recipient for report in reports} == {"12017777777", "33612345678", "12010000000"}


@pytest.mark.parametrize("value", OTHERS, ids=repr)
@pytest.mark.parametrize("name", ["code", "count", "extra"])
def test_no_field_of_a_line_beside_status_and_recipients_costs_it(name: str, value: object) -> None:
    """Counts are counted, a code is -1."""
    line = changed(FULL["statuses"][0], name, value)
    reports = [event for event in events_in(FULL | {"statuses": [line]}) if isinstance(event, DeliveryReported)]
    assert {report.recipient for report in reports} == {"12017777777", "33612345678"}


@pytest.mark.parametrize(
    ("body", "name"),
    [(body, name) for body in (REPORT, FULL, STOP) for name in sorted(NEEDED[body["type"]])],
)  # fmt: skip
@pytest.mark.parametrize("value", [MISSING, None, [[]], True], ids=repr)
def test_what_names_no_message_is_a_dead_letter(body: dict[str, Any], name: str, value: object) -> None:
    """With its bytes: somebody can still see what it was."""
    wrong = changed(body, name, value)
    [event] = events_in(wrong)
    assert isinstance(event, DeadLetter)
    assert json.loads(event.raw) == wrong


RAW = json.dumps(REPORT).encode()
ODD: list[tuple[str, bytes]] = [
    ("UTF-16 with its mark", json.dumps(REPORT).encode("utf-16")),
    ("UTF-16, big end first, with its mark", b"\xfe\xff" + json.dumps(REPORT).encode("utf-16-be")),
    ("UTF-16 without its mark", json.dumps(REPORT).encode("utf-16-le")),
    ("UTF-8 with a mark", json.dumps(REPORT).encode("utf-8-sig")),
    ("a byte of Windows-1252", RAW[:-1] + b', "operator": "T\xe9l\xe9"}'),
    ("half an emoji", RAW[:-1] + b', "operator": "\\ud83d"}'),
    ("half an emoji in bytes", RAW[:-1] + b', "operator": "\xed\xa0\xbd"}'),
    ("1e400", RAW[:-1] + b', "operator": 1e400}'),
    ("NaN", RAW[:-1] + b', "price": NaN}'),
    ("NaN for a code", RAW.replace(b'"code": 0', b'"code": NaN')),
    ("an endless number", RAW[:-1] + b', "price": ' + b"9" * 5_000 + b"}"),
    ("a line break in a text", RAW[:-1] + b', "operator": "a\nb"}'),
    ("a comma too many", RAW[:-1] + b",}"),
    ("cut behind what matters", RAW[:-1] + b', "operator": "Tele'),
    ("bytes behind its end", RAW + b"\r\n\x00"),
    ("values in values without end", RAW[:-1] + b', "x": ' + b"[" * 50_000),
    ("values in values, many", RAW[:-1] + b', "x": ' + b"[" * 400 + b"]" * 400 + b"}"),
]


@pytest.mark.parametrize("raw", [raw for _, raw in ODD], ids=[name for name, _ in ODD])
def test_a_report_in_odd_bytes_is_read(raw: bytes) -> None:
    """The rest is kept as far as it can be read, and what was replaced is said."""
    [event] = events_in(raw)
    assert isinstance(event, DeliveryReported)
    assert (event.batch_id, event.recipient, event.status) == (REPORT["batch_id"], "12017777777", "Delivered")
    assert event.mended or raw == ODD[-1][1]


def test_letters_of_windows_1252_are_those_letters() -> None:
    """ARRÊT is a word that counts."""
    raw = json.dumps(STOP | {"body": "ARR?T"}).encode().replace(b"?", b"\xca")
    reply, decision = events_in(raw)
    assert isinstance(reply, InboundReceived)
    assert isinstance(decision, RecipientOptedOut)
    assert reply.body == "ARRÊT"


@pytest.mark.parametrize("tail", [b"\\ud83d", b" \\ude00", b"\\u0000", b"\xed\xa0\xbd", b" \\ud83d\\ud83d"])
def test_a_stop_with_half_an_emoji_behind_it_counts(tail: bytes) -> None:
    """Phones cut messages where they like."""
    reply, decision = events_in(json.dumps(STOP).encode().replace(b"STOP", b"STOP" + tail))
    assert isinstance(reply, InboundReceived)
    assert isinstance(decision, RecipientOptedOut)


@pytest.mark.parametrize(
    ("code", "read"), [(None, NO_CODE), ("0", 0), (0.0, 0), ("x", NO_CODE), (2**31, NO_CODE), (-1, NO_CODE), (True, NO_CODE)]
)  # fmt: skip
def test_a_code_that_is_none_is_said_to_be_none(code: object, read: int) -> None:
    """The status says what became of the message; the code only why (CONTRACT §4.2)."""
    [event] = events_in(REPORT | {"code": code})
    assert isinstance(event, DeliveryReported)
    assert event.code == read
    assert (event.mended is None) is (read == 0)


@pytest.mark.parametrize(
    ("at", "read"),
    [(None, None), (1717661839, "2024-06-06T08:17:19.000Z"), (1717661839210, "2024-06-06T08:17:19.210Z"),
     ("1717661839210", "2024-06-06T08:17:19.210Z"), ("Thu, 06 Jun 2024 08:17:19 GMT", "2024-06-06T08:17:19.000Z"),
     ("20240606T081719Z", "2024-06-06T08:17:19.000Z"), (0, None), ("soon", None), ("2026-02-30T00:00:00.000Z", None)],
)  # fmt: skip
def test_a_moment_in_another_form_is_read_or_left_out(at: object, read: str | None) -> None:
    """A report without a time is one (decision 0004)."""
    [event] = events_in(REPORT | {"at": at})
    assert isinstance(event, DeliveryReported)
    assert event.at == read
    assert at is None or read is not None or event.extra == {"at": at}


def test_of_a_full_report_only_the_recipient_that_is_no_number_is_lost() -> None:
    """It is kept as a report of its own that can be fed in again; the others are events."""
    line = {"code": 0, "count": 3, "recipients": ["12017777777", "me", None, 33612345678], "status": "Delivered"}
    _, entries = translate(FULL | {"statuses": [line, "Failed", FULL["statuses"][1]]})
    events = [event for _, _, event in entries]
    assert {event.recipient for event in events if isinstance(event, DeliveryReported)} == {
        "12017777777", "33612345678", "12010000000"
    }  # fmt: skip
    topic, _, letter = entries[-1]
    assert isinstance(letter, DeadLetter)
    assert topic == topics.DEAD_LETTERS
    lost = json.loads(letter.raw)
    assert (lost["batch_id"], lost["client_reference"]) == (FULL["batch_id"], FULL["client_reference"])
    assert lost["statuses"] == [line | {"recipients": ["me", None], "count": 2}, "Failed"]
    assert "recipients is not a text" in letter.reason


def test_a_report_of_recipients_that_are_all_none_keeps_its_counts() -> None:
    """The batch is at Sinch, which a summary proves; the numbers are a dead letter."""
    summary, letter = events_in(
        FULL | {"statuses": [{"code": 0, "count": 1, "recipients": ["me"], "status": "Failed"}]}
    )
    assert isinstance(summary, BatchReported)
    assert isinstance(letter, DeadLetter)


def test_a_reply_without_a_date_is_of_its_arrival_and_has_an_id() -> None:
    """What is missing is made up from what is known, and said."""
    reply, decision = events_in({"type": "mo_text", "from": 12017777777, "body": "Stop"})
    assert isinstance(reply, InboundReceived)
    assert isinstance(decision, RecipientOptedOut)
    assert (reply.received_at, reply.inbound_id, reply.originator) == (NOW, reply.event_id, "")
    assert decision.received_at == NOW
    assert reply.mended == ["id is missing", "to is missing", "received_at is missing"]


def test_a_text_without_end_is_cut() -> None:
    """It fits the log, and is judged as it came."""
    reply, *_ = events_in(STOP | {"body": "STOP " * 190_000})
    assert isinstance(reply, InboundReceived)
    assert len(reply.body) == 20_000
    assert reply.mended == ["body is cut at 20000 characters"]


@pytest.mark.parametrize("body", ["U1RPUA==", "AFMAVABPAFA="])
def test_a_stop_in_bytes_counts(body: str) -> None:
    """Some networks hand a text on as binary: UTF-8, or the UCS-2 of the air."""
    decisions = events_in(STOP | {"type": "mo_binary", "body": body, "udh": "00"})
    assert isinstance(decisions[-1], RecipientOptedOut)


def test_a_stop_in_the_subject_of_a_picture_counts() -> None:
    """Where the message itself has no text."""
    decisions = events_in(STOP | {"type": "mo_media", "body": {"subject": "Stop", "media": []}})
    assert isinstance(decisions[-1], RecipientOptedOut)


@pytest.mark.parametrize("type_", ["", "mo_rcs", "MO_TEXT", "delivery"])
def test_a_kind_that_nobody_knows_is_read_by_what_it_names(type_: str) -> None:
    """A STOP by a channel of tomorrow is a STOP."""
    assert [type(event) for event in events_in(STOP | {"type": type_})] == [InboundReceived, RecipientOptedOut]
