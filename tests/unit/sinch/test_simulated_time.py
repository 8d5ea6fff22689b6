"""The simulator's time and its queue, under a clock that stands still."""

from array import array
from datetime import UTC, datetime

import pytest

from infra.process.world import World
from infra.sinch.simulator.queue import PlanQueue
from infra.sinch.simulator.store import StoredBatch
from infra.sinch.simulator.timeline import Timeline


class StillClock:
    """A clock that only its owner moves."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def wall(self) -> datetime:
        """A fixed day, plus what was moved."""
        return datetime.fromtimestamp(1_780_000_000 + self.seconds, UTC)

    def unix(self) -> float:
        """The same in seconds."""
        return 1_780_000_000 + self.seconds

    def boot(self) -> float:
        """Seconds since boot."""
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """Time passes at once."""
        self.seconds += seconds


@pytest.fixture
def timeline() -> Timeline:
    """A timeline under a clock that stands still."""
    return Timeline(World(clock=StillClock()))


async def nothing() -> None:
    """Nothing has to settle."""


async def test_what_is_due_happens_in_order(timeline: Timeline) -> None:
    """By time, and by order of entry within a moment; what is later waits."""
    start, done = timeline.now(), []
    for name, after in (("late", 30), ("second", 10), ("first", 5), ("third", 10)):
        timeline.at(start + after, lambda name=name: done.append(name))  # type: ignore[misc]  # bound now
    await timeline.advance(20, nothing)
    assert done == ["first", "second", "third"]
    assert timeline.waiting == 1


async def test_an_action_sees_its_own_moment(timeline: Timeline) -> None:
    """Time stops at every action on the way, and what it adds happens too."""
    start, seen = timeline.now(), []

    def twice() -> None:
        """Note the time, and come again 10 s later."""
        seen.append(round(timeline.now() - start))
        if len(seen) < 3:
            timeline.at(timeline.now() + 10, twice)

    timeline.at(start + 10, twice)
    await timeline.advance(100, nothing)
    assert seen == [10, 20, 30]
    assert round(timeline.now() - start) == 100


async def test_a_failed_action_does_not_stop_time(timeline: Timeline) -> None:
    """It is logged; the next one happens."""
    done: list[int] = []
    timeline.at(timeline.now() + 1, lambda: done[7])  # type: ignore[arg-type]  # fails on purpose
    timeline.at(timeline.now() + 2, lambda: done.append(1))
    await timeline.advance(3, nothing)
    assert done == [1]


async def test_clearing_returns_to_the_present(timeline: Timeline) -> None:
    """Nothing is left, and the moved time is forgotten."""
    start = timeline.now()
    timeline.at(start + 10, lambda: None)
    await timeline.advance(5, nothing)
    timeline.clear()
    assert (timeline.waiting, timeline.now()) == (0, start)


def batch(many: int) -> StoredBatch:
    """A batch of so many numbers."""
    return StoredBatch("01B", array("Q", range(10**10, 10**10 + many)), {}, 0.0)


async def test_batches_leave_in_order_at_the_plans_rate(timeline: Timeline) -> None:
    """Counted in recipients: a large batch holds up the small one behind it."""
    sent: list[tuple[str, int]] = []

    def dispatch(one: StoredBatch, many: int) -> None:
        """Note what leaves."""
        one.dispatched += many
        sent.append((one.id, many))

    queue = PlanQueue(timeline, 10, dispatch)
    large, small = batch(100), batch(5)
    small.id = "small"
    queue.put(large)
    queue.put(small)
    await timeline.advance(5, nothing)
    assert 48 <= large.dispatched <= 50
    assert small.dispatched == 0
    await timeline.advance(6, nothing)
    assert (large.dispatched, small.dispatched, len(queue)) == (100, 5, 0)


async def test_without_a_rate_everything_leaves_at_once(timeline: Timeline) -> None:
    """No limit, no wait."""
    sent: list[int] = []
    queue = PlanQueue(timeline, None, lambda one, many: sent.append(many + one.dispatched))
    queue.put(batch(1000))
    assert sent == [1000]
