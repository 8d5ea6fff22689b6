"""FAULTS C2 and C9 as plays: a death right behind a claim, and an answer that is heard late."""

from typing import Any

import pytest

from services.dispatcher.ledger import Claim, Ledger
from tests.machine.play import Play
from tests.machine.test_cases import ends_well, later, taken


async def test_who_was_taken_out_by_a_claim_is_told_after_a_death(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """C2: kill -9 right after the commit of the claim that took somebody out."""
    claims: list[Claim] = []
    claim_due = Ledger.claim_due

    async def and_die(ledger: Ledger, *how: Any) -> Claim:
        claim = await claim_due(ledger, *how)
        if claim.suppressed and not claims:
            claims.append(claim)
            raise RuntimeError("killed")
        return claim

    monkeypatch.setattr(Ledger, "claim_due", and_die)
    play.stop("15550000000")
    await play.moment()
    play.ask([1], retries=(), expires=None)
    await ends_well(play)
    assert claims


async def test_a_follow_up_waits_for_the_answer_to_the_first_offer(play: Play) -> None:
    """C9: the failure is reported while the first POST still waits for its 201."""
    play.sinch.answers.append("taken, heard late")
    play.ask([1], retries=(1,), expires=None)
    await taken(play, 1)
    play.report(play.sinch.taken[0], "15550000000", "Failed")
    await later(play, 2.0)
    play.sinch.hear.set()
    for _ in range(20):
        await play.moment()
    await ends_well(play)
    assert len(play.sinch.taken) == 2
