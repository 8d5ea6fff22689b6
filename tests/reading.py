"""The whole of a topic, as events: what tests compare with what was said."""

from contracts.events import AnyEvent, decode
from infra.kafka.connection import KafkaConnection
from infra.kafka.log import scan


async def events_of(kafka: KafkaConnection, *topics: str) -> list[AnyEvent]:
    """Every event of these topics up to their present end."""
    return [decode(r.value) async for batch in scan(kafka, topics) for some in batch.values() for r in some]


async def keys_of(kafka: KafkaConnection, *topics: str) -> list[str]:
    """Every record's key."""
    return [(r.key or b"").decode() async for b in scan(kafka, topics) for some in b.values() for r in some]
