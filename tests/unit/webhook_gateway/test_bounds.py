"""What is too long at the gateway: a dead letter when it names the message, left out when it only describes it (FAULTS B1)."""

from typing import Any

import msgspec
import pytest

from contracts.events import DeadLetter, DeliveryReported, InboundReceived, RecipientOptedOut
from infra.sinch.wire.batches import UnreadableReply, decode_batch
from infra.sinch.wire.callbacks import parse_callback
from infra.sinch.wire.fields import EXTRA_BYTES, MAX_PARTS
from tests.unit.webhook_gateway.test_translate import FULL, REPORT, translate

ORPHAN = REPORT | {"client_reference": None}
STOP: dict[str, Any] = {
    "type": "mo_text", "id": "01INBOUND", "from": "12017777777", "to": "12018888888", "body": "STOP",
    "received_at": "2026-03-01T12:00:00.000Z",
}  # fmt: skip
LONG = 998_000


@pytest.mark.parametrize(
    "body",
    [ORPHAN | {"batch_id": "b" * 4_096}, ORPHAN | {"batch_id": "b" * 129}, REPORT | {"status": "s" * 65},
     FULL | {"batch_id": "b" * 129}, FULL | {"statuses": [FULL["statuses"][0] | {"status": "s" * 65}]},
     STOP | {"from": "1" * 65}],
)  # fmt: skip
def test_what_names_a_message_and_is_too_long_is_a_dead_letter_with_its_bytes(body: dict[str, Any]) -> None:
    """A batch id of 4 KB is no row of an index: the dispatcher ended at it, again and again."""
    _, [(_, _, event)] = translate(body)
    assert isinstance(event, DeadLetter)
    assert "is longer than" in event.reason
    assert msgspec.json.decode(event.raw) == body


@pytest.mark.parametrize(
    ("field", "value"),
    [("operator", "o" * 65), ("encoding", "e" * 65), ("applied_originator", "a" * 65), ("status_message", "m" * 1_001),
     ("number_of_message_parts", 40_000), ("number_of_message_parts", "40000"), ("client_reference", "r" * 129)],
)  # fmt: skip
def test_a_description_that_is_too_long_or_too_large_stands_beside_the_report(field: str, value: object) -> None:
    """Batch, recipient and status are enough: the rest is kept as it came, where nothing makes a column of it."""
    _, [(_, _, event)] = translate(ORPHAN | {field: value})
    assert isinstance(event, DeliveryReported)
    assert event.extra == {field: value}
    assert event.parts is None


def test_the_longest_that_may_be_is_read() -> None:
    """Ids of 128, words of 64, addresses of 64, in letters of four bytes."""
    most = {"batch_id": "😀" * 128, "status": "😀" * 64, "operator": "😀" * 64, "applied_originator": "😀" * 64}
    _, [(_, _, event)] = translate(REPORT | most | {"number_of_message_parts": MAX_PARTS})
    assert isinstance(event, DeliveryReported)
    assert (event.batch_id, event.status, event.operator, event.originator) == tuple(most.values())
    assert event.parts == MAX_PARTS


def test_of_foreign_fields_as_much_is_kept_as_there_is_room_for() -> None:
    """A report of a megabyte has a few bytes that matter: published again under another key it still fits the log."""
    _, [(_, _, event)] = translate(
        ORPHAN | {"small": "s", "large": "l" * LONG, "numbers": [10**40], "operator": "o" * LONG}
    )
    assert isinstance(event, DeliveryReported)
    assert event.extra == {"small": "s", "numbers": [10**40]}
    assert (event.batch_id, event.recipient, event.status) == (REPORT["batch_id"], "12017777777", "Delivered")
    many = {f"field_{n:05}": "x" for n in range(50_000)}
    _, [(_, _, event)] = translate(ORPHAN | many)
    assert isinstance(event, DeliveryReported)
    assert 0 < len(msgspec.json.encode(event.extra)) < 2 * EXTRA_BYTES


def test_a_stop_whose_destination_is_endless_still_opts_out() -> None:
    """Who was written to is a description: the person must not go on getting messages for it."""
    _, [(_, _, reply), (_, _, decision)] = translate(
        STOP | {"to": "t" * LONG, "operator_id": "o" * LONG, "udh": "0" * LONG}
    )
    assert isinstance(reply, InboundReceived)
    assert isinstance(decision, RecipientOptedOut)
    assert (reply.originator, decision.originator, decision.recipient) == ("", "", "12017777777")
    assert len(msgspec.json.encode(reply)) < 1_000


@pytest.mark.parametrize("id_", ["", "i" * 129])
def test_an_answer_with_an_endless_id_is_not_an_answer(id_: str) -> None:
    """Sinch's ids are keys of ours too: an answer that has none that can be one is unreadable, and the batch in doubt."""
    with pytest.raises(UnreadableReply):
        decode_batch(msgspec.json.encode({"id": id_, "to": ["12017777777"]}))
    assert decode_batch(msgspec.json.encode({"id": "i" * 128, "to": ["12017777777"]})).id == "i" * 128


def test_the_usual_report_is_read_the_fast_way_with_the_same_bounds() -> None:
    """Nothing that the careful way would leave out gets in by the fast one."""
    usual = parse_callback(msgspec.json.encode(ORPHAN | {"number_of_message_parts": MAX_PARTS}))
    above = parse_callback(msgspec.json.encode(ORPHAN | {"number_of_message_parts": MAX_PARTS + 1}))
    assert getattr(usual, "number_of_message_parts", 0) == MAX_PARTS
    assert getattr(above, "number_of_message_parts", 0) is None


def test_a_stop_beside_an_endless_picture_still_opts_out() -> None:
    """The same for what stands beside the text of a media message."""
    body = {"message": "STOP", "media": [{"url": "u" * LONG}], "subject": "Hello"}
    _, [(_, _, reply), (_, _, decision)] = translate(STOP | {"type": "mo_media", "body": body})
    assert isinstance(reply, InboundReceived)
    assert isinstance(decision, RecipientOptedOut)
    assert reply.media == [{"message": "STOP", "subject": "Hello"}]
