"""Replies as events: what was said, and what it decides."""

import json
from typing import Any

import pytest

from contracts import topics
from contracts.events import (
    DeadLetter,
    InboundReceived,
    OptOutSuspected,
    RecipientOptedIn,
    RecipientOptedOut,
    decode,
)
from contracts.identity import pseudonym
from tests.unit.webhook_gateway.test_translate import NOW, TRANSLATOR, translate

REPLY: dict[str, Any] = {
    "type": "mo_text", "id": "01W4FFL35P4NC4K35SMSBATCH8", "from": "+12015555555", "to": "12017777777",
    "body": "Hello John! 👋", "operator_id": "311071", "received_at": "2026-03-01T11:52:37.386Z",
}  # fmt: skip


def test_a_stop_is_a_reply_and_a_decision() -> None:
    """Both under the sender's pseudonym, the decision at the time that Sinch received it."""
    kind, [(topic, key, reply), (consent, same, decision)] = translate(REPLY | {"body": "Stop!"})
    assert isinstance(reply, InboundReceived)
    assert isinstance(decision, RecipientOptedOut)
    assert (kind, topic, consent, reply.keyword) == ("mo_text", topics.INBOUND_MESSAGES, topics.CONSENT, "STOP")
    assert key == same == pseudonym("12015555555", "k" * 16)
    assert (decision.recipient, decision.received_at, decision.source, decision.keyword, decision.originator) == (
        "12015555555", "2026-03-01T11:52:37.386Z", "reply", "STOP", "12017777777",
    )  # fmt: skip
    assert "12015555555" not in key


def test_a_start_opts_in() -> None:
    """By the same way."""
    _, [_, (_, _, decision)] = translate(REPLY | {"body": "start"})
    assert isinstance(decision, RecipientOptedIn)


@pytest.mark.parametrize(("body", "keyword"), [("Help", "HELP"), ("Hello John! 👋", None)])
def test_help_and_other_words_decide_nothing(body: str, keyword: str | None) -> None:
    """HELP is recorded with the reply."""
    _, [(_, _, reply)] = translate(REPLY | {"body": body})
    assert isinstance(reply, InboundReceived)
    assert reply.keyword == keyword


def test_a_repeated_stop_is_the_same_two_facts() -> None:
    """Ids derive from the raw body, and differ from each other."""
    ids = [[event.event_id for _, _, event in translate(REPLY | {"body": "STOP"})[1]] for _ in range(2)]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2


def test_a_binary_message_is_no_word() -> None:
    """Its body is base64: RU5E would be END."""
    _, entries = translate(REPLY | {"type": "mo_binary", "body": "STOP", "udh": "10"})
    assert len(entries) == 1


def test_a_picture_with_the_word_counts() -> None:
    """A phone that answers by MMS means it no less."""
    _, entries = translate(REPLY | {"type": "mo_media", "body": {"message": "STOP", "media": []}})
    assert isinstance(entries[1][2], RecipientOptedOut)


@pytest.mark.parametrize("sender", ["Sinch", "12345"])
def test_a_reply_from_no_phone_number_is_kept_as_a_dead_letter(sender: str) -> None:
    """Consent and tables are by number; this one has none."""
    _, [(topic, _, event)] = translate(REPLY | {"from": sender})
    assert topic == topics.DEAD_LETTERS
    assert isinstance(event, DeadLetter)


@pytest.mark.parametrize("body", ["Who is this?", "wrong number"])
def test_a_reply_in_doubt_is_a_reply_and_a_doubt(body: str) -> None:
    """A person has to read it (FAULTS D3)."""
    _, [(_, key, reply), (topic, same, doubt)] = translate(REPLY | {"body": body})
    assert isinstance(reply, InboundReceived)
    assert isinstance(doubt, OptOutSuspected)
    assert (topic, key, reply.verdict) == (topics.CONSENT, same, "probably")
    assert (doubt.recipient, doubt.inbound_id, doubt.reply) == ("12015555555", REPLY["id"], reply.event_id)


@pytest.mark.parametrize(
    ("body", "counts_at", "kind"),
    [("STOP", "2026-03-01T12:01:05.000Z", RecipientOptedOut), ("START", NOW, RecipientOptedIn)],
)
def test_a_date_ahead_counts_from_its_arrival_and_is_told(body: str, counts_at: str, kind: type) -> None:
    """FAULTS D1: by a wrong clock, or by somebody who forges callbacks."""
    said = TRANSLATOR.read(json.dumps(REPLY | {"body": body, "received_at": "2099-01-01T00:00:00Z"}).encode(), NOW)
    reply, decision = (decode(entry.value) for entry in said.entries)
    assert isinstance(reply, InboundReceived)
    assert isinstance(decision, kind)
    assert getattr(decision, "received_at", "") == counts_at
    assert (reply.received_at, reply.extra) == (NOW, {"received_at": "2099-01-01T00:00:00.000Z"})
    assert said.about["dated_ahead"] == "2099-01-01T00:00:00.000Z"
