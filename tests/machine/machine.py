"""The rules that hypothesis plays in any order; at the end of each play everything must have come to its end."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from contracts.events import CampaignCancelled, CampaignPaused, CampaignResumed
from tests.machine.play import ENDS, Play
from tests.machine.sinch import ANSWERS

INDEX = st.integers(0, 1000)


class Machine(RuleBasedStateMachine):
    """Any interleaving of what can befall a campaign. `loop` and `dsn`: where it is played."""

    loop: asyncio.AbstractEventLoop
    dsn: str

    def __init__(self) -> None:
        super().__init__()
        self.play = Play(self.dsn, 1)
        self._run(self.play.open())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self.loop.run_until_complete(work)

    def _campaign(self, index: int) -> str:
        return self.play.requests[index % len(self.play.requests)].campaign_id

    @rule(
        sizes=st.lists(st.integers(1, 4), min_size=1, max_size=2),
        retries=st.sampled_from([(), (), (20,), (20, 20)]),
        expires=st.sampled_from([None, None, None, 45.0]),
        answers=st.lists(st.sampled_from(ANSWERS), max_size=3),
        wait=st.booleans(),
    )
    def ask(
        self, sizes: list[int], retries: tuple[int, ...], expires: float | None, answers: list[str], *, wait: bool
    ) -> None:
        """A campaign, and how Sinch takes the next offers."""
        if len(self.play.requests) < 6:
            self.play.sinch.answers.extend(answers)
            self.play.ask(sizes, retries=retries, expires=expires)
            if wait:
                self._run(self.play.moment())

    @rule(index=INDEX, word=st.sampled_from([*ENDS, "Failed"]), late=st.booleans(), twice=st.booleans())
    def report(self, index: int, word: str, *, late: bool, twice: bool) -> None:
        """Sinch says something of a message."""
        if unended := self.play.unended():
            self.play.report(*unended[index % len(unended)], word, late=late, twice=twice)

    @precondition(lambda self: self.play.requests)
    @rule(index=INDEX, kind=st.sampled_from([CampaignPaused, CampaignResumed, CampaignCancelled]))
    def decide(self, index: int, kind: Any) -> None:
        """Pause, resume, cancel."""
        self.play.decide(kind, self._campaign(index))

    @precondition(lambda self: self.play.requests)
    @rule(index=INDEX, which=INDEX)
    def stop(self, index: int, which: int) -> None:
        """STOP from one of those asked for."""
        recipients = self.play.requests[index % len(self.play.requests)].recipients
        self.play.stop(recipients[which % len(recipients)])

    @rule(seconds=st.sampled_from([1.0, 12.0, 25.0, 60.0]))
    def later(self, seconds: float) -> None:
        """Time passes."""
        self._run(self.play.clock.jump(self.play.connection, seconds))
        self._run(self.play.moment())

    @rule()
    def moment(self) -> None:
        """The dispatcher works."""
        self._run(self.play.moment())

    @rule()
    def let_go(self) -> None:
        """Late reports come."""
        self.play.let_go()

    @rule()
    def kill(self) -> None:
        """The dispatcher dies, and another one lives."""
        self._run(self.play.kill())
        self.loop.call_soon(self.play.live)

    @rule()
    def backup(self) -> None:
        """The ledger is copied."""
        self._run(self.play.backup())

    @rule(age=st.sampled_from([0.0, 20.0, 1e6]))
    def restore(self, age: float) -> None:
        """The ledger is an older one."""
        self._run(self.play.restore(age))

    def teardown(self) -> None:
        """The end, at which all is judged."""
        try:
            self._run(self.play.end())
            assert not self.play.faults, str(self.play.faults)
        finally:
            self._run(self.play.close())


def machine(loop: asyncio.AbstractEventLoop, dsn: str) -> type[RuleBasedStateMachine]:
    """The state machine on this database."""
    return type("Machine", (Machine,), {"loop": loop, "dsn": dsn})
