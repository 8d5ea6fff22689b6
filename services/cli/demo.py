"""The demo campaign of `heliograph run`: sent through the public API like anybody's, its statuses shown as they move."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from contracts.http.campaigns import CampaignAnswer
from infra.process.world import World
from services.cli.api import Api, NoAnswer

MESSAGE = "Hello from Heliograph!"
POLL_SECONDS = 0.3
GIVE_UP_SECONDS = 180.0  # it takes about five; up to 90 when a kill has left a batch in doubt (IN_DOUBT_SETTLE)
ENDS = frozenset({"completed", "cancelled", "failed"})

DELIVERED = tuple(f"+1555012{number:04d}" for number in range(3101, 3117))
NOT_DELIVERED = ("+12099990001", "+12099990002", "+12099990004", "+12099991301")
"""Numbers with which the simulator does something else (infra/sinch/simulator/fates.py): expired, unknown, deleted, failed."""

Show = Callable[[CampaignAnswer], None]
Answer = TypeVar("Answer")


async def demo(api: Api, world: World, show: Show, lost: Callable[[], bool] = lambda: False) -> bool | None:
    """Send the campaign and call `show` on every change until it has ended; False when it has not in the end.

    None as soon as `lost` says that nobody has it any more.
    """
    key = str(world.ids.uuid7())  # the API may be killed between its decision and its answer: one campaign all the same
    deadline = world.clock.boot() + GIVE_UP_SECONDS
    sent = await _answered(lambda: api.send([*DELIVERED, *NOT_DELIVERED], MESSAGE, key=key), world, deadline)
    return await watch(api, str(sent.campaign_id), world, show, GIVE_UP_SECONDS, lost=lost)


async def watch(
    api: Api, campaign_id: str, world: World, show: Show, within: float, *, lost: Callable[[], bool] = lambda: False
) -> bool | None:
    """Call `show` on every change of a campaign until it has ended; False after `within` seconds, None once `lost`."""
    deadline, last = world.clock.boot() + within, None
    while True:
        campaign = await _answered(lambda: api.campaign(campaign_id), world, deadline)
        if (state := (campaign.status, campaign.counts)) != last:
            last = state
            show(campaign)
        if campaign.status in ENDS and campaign.projected:
            return True
        if lost():
            return None
        if world.clock.boot() > deadline:
            return False
        await world.clock.sleep(POLL_SECONDS)


async def _answered(call: Callable[[], Awaitable[Answer]], world: World, deadline: float) -> Answer:
    """The answer to `call`, made again while the API is away for a moment; at the deadline NoAnswer is raised."""
    while True:
        try:
            return await call()
        except NoAnswer:
            if world.clock.boot() > deadline:
                raise
        await world.clock.sleep(POLL_SECONDS)
