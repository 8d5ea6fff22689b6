"""Topics and tables: made by `run`, and by `topics` and `migrate` on their own."""

from infra.kafka.connection import KafkaConnection
from infra.kafka.provision import Provisioned, provision

PRODUCTION_REPLICATION = 3  # DESIGN §4; then one broker may be away without a pause and without a loss
PRODUCTION_IN_SYNC = 2


async def make_topics(connection: KafkaConnection, replication: int = PRODUCTION_REPLICATION) -> Provisioned:
    """Create the topics that are missing; two copies must have a record before it counts where there are three."""
    in_sync = PRODUCTION_IN_SYNC if replication >= PRODUCTION_REPLICATION else 1
    return await provision(connection, replication_factor=replication, min_insync_replicas=in_sync)
