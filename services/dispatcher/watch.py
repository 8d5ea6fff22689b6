"""What operators should see of the ledger as a whole, and what it may forget. Done beside the loops, never in them."""

from dataclasses import dataclass

import structlog

from infra.postgres.pool import Pool
from infra.postgres.trouble import FAILURES
from infra.process.metrics import LEDGER_DUE
from infra.process.world import World
from services.dispatcher.from_log import early

log = structlog.get_logger(__name__)

LOOK_SECONDS = 5.0
FORGET_SECONDS = 3600.0

COUNT = "SELECT count(*) FROM dispatch.batches WHERE state = 'due' AND due_at <= now()"


@dataclass(frozen=True, slots=True)
class Watch:
    """Sets the metric every few seconds (counting takes longer the more there are), and forgets once an hour."""

    pool: Pool
    world: World

    async def run(self) -> None:
        """Look for ever; a look that fails is left out."""
        forget_at = 0.0
        while True:
            try:
                LEDGER_DUE.set(await self.pool.fetchval(COUNT))
                if self.world.clock.boot() >= forget_at:
                    await early.forget(self.pool)
                    forget_at = self.world.clock.boot() + FORGET_SECONDS
            except FAILURES as error:
                log.warning("metrics_not_updated", error=str(error))
            await self.world.clock.sleep(LOOK_SECONDS)
