"""Replies and what they decide, in the log before the 200."""

import json

from contracts import topics
from contracts.events import InboundReceived, RecipientOptedIn, RecipientOptedOut
from infra.kafka.connection import KafkaConnection
from tests.integration.webhook_gateway.conftest import PATH, Start
from tests.reading import events_of, keys_of
from tests.unit.webhook_gateway.test_replies import REPLY


async def test_a_stop_answered_200_is_in_both_topics(start: Start, kafka: KafkaConnection) -> None:
    """The reply and the decision."""
    assert (await (await start()).post(PATH, json=REPLY | {"body": "stop!"})).status == 200
    (reply,) = await events_of(kafka, topics.INBOUND_MESSAGES)
    (decision,) = await events_of(kafka, topics.CONSENT)
    assert isinstance(reply, InboundReceived)
    assert isinstance(decision, RecipientOptedOut)
    assert reply.keyword == "STOP"
    assert decision.received_at == reply.occurred_at  # a date of so long ago is none: it counts from its arrival on


async def test_no_key_holds_a_phone_number(start: Start, kafka: KafkaConnection) -> None:
    """Keys outlive everything."""
    await (await start()).post(PATH, json=REPLY | {"body": "STOP"})
    keys = await keys_of(kafka, topics.INBOUND_MESSAGES, topics.CONSENT)
    assert len(set(keys)) == 1
    assert "5555555" not in keys[0]


async def test_configured_words_count(start: Start, kafka: KafkaConnection) -> None:
    """A language by its name, and words of one's own."""
    client = await start(consent_languages="en,de", consent_opt_in_words="YES")
    for number, body in enumerate(("Stopp", "yes")):
        assert (await client.post(PATH, data=json.dumps(REPLY | {"body": body, "id": str(number)}))).status == 200
    kinds = {type(event) for event in await events_of(kafka, topics.CONSENT)}
    assert kinds == {RecipientOptedOut, RecipientOptedIn}
