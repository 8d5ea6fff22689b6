"""The demo campaign of `heliograph run`: sent through the public API like anybody's, its statuses shown as they move."""

from collections.abc import Callable

from contracts.http.campaigns import CampaignAnswer
from infra.process.world import World
from services.cli.api import Api

MESSAGE = "Hello from Heliograph!"
POLL_SECONDS = 0.3
GIVE_UP_SECONDS = 90.0  # at 30 messages a second it takes about five; then there is something to look into
ENDS = frozenset({"completed", "cancelled", "failed"})

DELIVERED = tuple(f"+1555012{number:04d}" for number in range(3101, 3117))
NOT_DELIVERED = ("+12099990001", "+12099990002", "+12099990004", "+12099991301")
"""Numbers with which the simulator does something else (infra/sinch/simulator/fates.py): expired, unknown, deleted, failed."""

Show = Callable[[CampaignAnswer], None]


async def demo(api: Api, world: World, show: Show) -> bool:
    """Send the campaign and call `show` on every change until it has ended; False when it has not in the end."""
    sent = await api.send([*DELIVERED, *NOT_DELIVERED], MESSAGE)
    return await watch(api, str(sent.campaign_id), world, show, GIVE_UP_SECONDS)


async def watch(api: Api, campaign_id: str, world: World, show: Show, within: float) -> bool:
    """Call `show` on every change of a campaign until it has ended; False after `within` seconds."""
    deadline, last = world.clock.boot() + within, None
    while True:
        campaign = await api.campaign(campaign_id)
        if (state := (campaign.status, campaign.counts)) != last:
            last = state
            show(campaign)
        if campaign.status in ENDS and campaign.projected:
            return True
        if world.clock.boot() > deadline:
            return False
        await world.clock.sleep(POLL_SECONDS)
