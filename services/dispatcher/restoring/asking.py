"""Sinch's list of batches, asked for several times: what was accepted a moment ago may not be listed at once."""

from collections.abc import Callable
from datetime import datetime

from infra.process.world import World, iso
from infra.sinch.client import SinchClient
from services.dispatcher.doubt import Rule
from services.dispatcher.restoring.from_sinch import Found, found_in

Tell = Callable[[int], None]


async def batches_of_ours(client: SinchClient, since: datetime, rule: Rule, world: World, tell: Tell) -> list[Found]:
    """All that Sinch lists from `since` on and that carries a reference of ours; `tell` hears how many after each look."""
    found: dict[str, Found] = {}
    for look in range(rule.looks):
        if look:
            await world.clock.sleep(rule.pause)
        async for page in client.batches(iso(since)):
            found.update((one.batch_id, one) for one in found_in(page, world.clock.wall()))
        tell(len(found))
    return list(found.values())
