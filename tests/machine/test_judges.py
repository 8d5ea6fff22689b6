"""One play whose every step is laid down: it ends well, and no longer when the product is broken on purpose."""

import pytest

from contracts.events import CampaignCancelled, CampaignPaused
from tests.machine.mutations import MUTATIONS
from tests.machine.play import Play
from tests.oracle.verdicts import Faults
from tests.waiting import until

OPTED_OUT, UNHEARD = "15550000001", "taken, unheard"
MOST_ROUNDS = 12
LISTED_AFTER_SECONDS = 15.0
"""The first look at Sinch's list is 11 s after the claim, the last one 21 s."""


async def played(play: Play) -> Faults:
    """An opt-out, an answer that was not heard, a split, a campaign cancelled while it waits; then the end."""
    play.sinch.listed_after = LISTED_AFTER_SECONDS
    play.stop(OPTED_OUT)
    play.sinch.answers.extend([UNHEARD, "refused"])
    play.ask([2], retries=(), expires=None)
    await until(lambda: bool(play.sinch.taken), "the first chunk is at Sinch", within=30)
    play.ask([2], retries=(), expires=None)
    play.decide(CampaignPaused, "01930000-0000-7000-8000-000000000002")
    await play.moment()
    play.ask([2], retries=(), expires=None)
    await play.moment()
    play.decide(CampaignCancelled, "01930000-0000-7000-8000-000000000002")
    await until(lambda: not play.sinch.answers, "the second chunk was refused, by the answer meant for it", within=30)
    await play.clock.jump(play.connection, 12.0)
    await until(lambda: play.sinch.asked > 0, "Sinch is asked for the one that was not heard", within=30)
    for _ in range(20):
        await play.moment()
    await play.end(MOST_ROUNDS)
    return play.faults


async def test_the_play_ends_well(play: Play) -> None:
    """With the product as it is, the judges find nothing."""
    assert str(await played(play)) == ""


@pytest.mark.parametrize("name", MUTATIONS)
async def test_a_broken_product_is_told(play: Play, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each fault put into the product is found, under its kind."""
    mutate, kind = MUTATIONS[name]
    await play.kill()
    mutate(monkeypatch)
    play.live()
    faults = await played(play)
    assert kind in faults.found, str(faults)
