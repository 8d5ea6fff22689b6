"""Plays that once ended badly, each by the row of the faults that it showed. The machine finds such by chance."""

from contracts.events import CampaignCancelled, CampaignPaused, DoubtSettled, decode
from tests.machine.play import Play
from tests.waiting import until

ONE = "01930000-0000-7000-8000-000000000000"
UNHEARD = "taken, unheard"
LONG = 15 * 24 * 3600.0


async def ends_well(play: Play) -> None:
    """Everything comes to its end, and no judge finds anything."""
    await play.end()
    assert str(play.faults) == ""


async def taken(play: Play, batches: int) -> None:
    """Wait until Sinch has so many."""
    await until(lambda: len(play.sinch.taken) >= batches, f"{batches} batches at Sinch", within=30)


async def later(play: Play, seconds: float, moments: int = 25) -> None:
    """Time passes, and the dispatcher does what is due then."""
    await play.clock.jump(play.connection, seconds)
    for _ in range(moments):
        await play.moment()


async def in_state(play: Play, state: str, offers: int = 1) -> None:
    """Wait until so many offers of the ledger are in that state."""

    async def check() -> bool:
        count = await play.connection.fetchval("SELECT count(*) FROM dispatch.batches WHERE state = $1", state)
        return bool(count >= offers)

    await until(check, f"{offers} offers {state}", within=30)


async def offered_again(play: Play) -> None:
    """The first offer, lost, is absent, and the next one waits because the campaign is paused."""
    play.sinch.answers.append("lost")
    play.ask([2], retries=(), expires=60.0)
    await in_state(play, "in_doubt")
    play.decide(CampaignPaused, ONE)
    await play.moment()
    await later(play, 12.0)
    await later(play, 12.0)
    await in_state(play, "due")


async def test_an_offer_made_again_and_never_sent_expires_for_its_recipients(play: Play) -> None:
    """C1: expire_at passes while the re-offer after "absent" waits."""
    await offered_again(play)
    await later(play, 60.0)
    await ends_well(play)


async def test_an_offer_made_again_and_never_sent_is_cancelled_for_its_recipients(play: Play) -> None:
    """C1: the campaign is cancelled while the re-offer after "absent" waits."""
    await offered_again(play)
    play.decide(CampaignCancelled, ONE)
    await ends_well(play)


async def test_halves_never_sent_are_cancelled_for_their_recipients(play: Play) -> None:
    """C1: the campaign is cancelled while the halves of a refused chunk wait."""
    play.sinch.answers.extend(["refused", "slow down", "slow down"])
    play.ask([4], retries=(), expires=None)
    await in_state(play, "split")
    play.decide(CampaignCancelled, ONE)
    await ends_well(play)


async def test_a_follow_up_never_sent_is_cancelled_for_its_recipients(play: Play) -> None:
    """C1: the campaign is cancelled while a follow-up waits for its time."""
    play.ask([2], retries=(200,), expires=None)
    await taken(play, 1)
    play.report(play.sinch.taken[0], "15550000000", "Failed")
    await play.moment()
    play.decide(CampaignCancelled, ONE)
    await ends_well(play)


async def test_a_report_calls_off_the_offer_made_again(play: Play) -> None:
    """A3: the list shows it late, so it is thought absent; its report comes before the next offer leaves."""
    play.sinch.listed_after = 1e6
    play.sinch.answers.append(UNHEARD)
    play.ask([2], retries=(), expires=None)
    await in_state(play, "in_doubt")
    play.decide(CampaignPaused, ONE)
    await play.moment()
    await later(play, 12.0)
    await later(play, 12.0)
    await in_state(play, "due")
    play.report(play.sinch.taken[0], "15550000000", "Delivered")
    for _ in range(10):
        await play.moment()
    await ends_well(play)
    assert len(play.sinch.taken) == 1


async def test_a_delivery_calls_off_the_follow_up_that_waits(play: Play) -> None:
    """A4: the follow-up is due and its campaign paused; a delivery of the earlier attempt comes."""
    play.ask([2], retries=(20,), expires=None)
    await taken(play, 1)
    play.report(play.sinch.taken[0], "15550000000", "Failed")
    await play.moment()
    play.decide(CampaignPaused, ONE)
    await play.moment()
    await later(play, 25.0)
    await in_state(play, "due")
    play.report(play.sinch.taken[0], "15550000000", "Delivered")
    for _ in range(10):
        await play.moment()
    await ends_well(play)
    assert len(play.sinch.taken) == 1


async def test_what_the_log_settles_is_not_asked_at_sinch(play: Play) -> None:
    """A6: a ledger made anew from a log that is older than Sinch's list."""
    play.ask([2], retries=(), expires=None)
    await taken(play, 1)
    await in_state(play, "accepted")
    await play.kill()
    await play.clock.jump(play.connection, LONG)
    play.live()
    await play.restore(1e9)
    for _ in range(20):
        await play.moment()
    await ends_well(play)
    assert play.sinch.asked == 0
    assert not [r for r in play.log.everything if isinstance(decode(r.value), DoubtSettled)]
