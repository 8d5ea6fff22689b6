"""Anything at all over HTTP: always 200, and always in the log."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts import topics
from contracts.events import decode
from infra.kafka.connection import KafkaConnection
from tests.integration.webhook_gateway.conftest import PATH, Client, Start
from tests.reading import events_of
from tests.unit.webhook_gateway.test_fuzz import damaged, twisted
from tests.unit.webhook_gateway.test_translate import NOW, TRANSLATOR

BODIES = st.lists(st.binary(max_size=300) | twisted() | damaged(), min_size=30, max_size=60)
KEPT = (topics.DELIVERY_REPORTS, topics.INBOUND_MESSAGES, topics.CONSENT, topics.DEAD_LETTERS)


async def _post(client: Client, body: bytes) -> int:
    return (await client.post(PATH, data=body, headers={"Content-Type": "application/json"})).status


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(bodies=BODIES)
async def test_no_body_is_lost_or_answered_otherwise(start: Start, kafka: KafkaConnection, bodies: list[bytes]) -> None:
    """No 500, no 4xx, and a 200 only for what is in the log: by its id, or, of a full report, by its batch."""
    client = await start()
    assert {await _post(client, body) for body in bodies} == {200}
    found = await events_of(kafka, *KEPT)
    ids = {event.event_id for event in found}
    assert ids >= {id_ for body in bodies for id_ in _ids_of(body)}


def _ids_of(body: bytes) -> set[str]:
    """The ids of what it becomes, which derive from its bytes."""
    return {decode(entry.value).event_id for entry in TRANSLATOR.read(body, NOW).entries}
