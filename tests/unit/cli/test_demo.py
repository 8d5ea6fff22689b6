"""The demo campaign."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from contracts.http.campaigns import CampaignAnswer
from infra.process.world import World
from infra.sinch.simulator.fates import Fates
from infra.sinch.simulator.rules import Rules
from services.cli.api import Api, ApiRefused, NoAnswer
from services.cli.demo import DELIVERED, NOT_DELIVERED, watch
from services.cli.screen import campaign_line

ID = UUID("018f3c5e-7b1a-7c3d-9e2f-123456789012")


def _campaign(status: str, projected: bool = True, **counts: int) -> CampaignAnswer:
    fields: dict[str, Any] = {
        "campaign_id": ID, "name": None, "message": "m", "from": None, "status": status, "meaning": "", "chunks": 1,
        "scheduled_at": None, "requested_at": "2026-03-01T12:00:00.000Z", "requested": 3, "counts": counts,
        "projected": projected, "status_url": "/",
    }  # fmt: skip
    return CampaignAnswer.model_validate(fields)


class _Answers(Api):
    """The API, giving prepared answers, the last one for ever."""

    def __init__(self, *answers: CampaignAnswer | ApiRefused) -> None:
        self._answers = list(answers)

    async def campaign(self, campaign_id: str) -> CampaignAnswer:
        assert campaign_id == str(ID)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, ApiRefused):
            raise answer
        return answer


@pytest.mark.parametrize(("numbers", "delivered"), [(DELIVERED, True), (NOT_DELIVERED, False)])
def test_demo_shows_good_and_bad_endings(numbers: tuple[str, ...], delivered: bool) -> None:
    """The simulator gives the demo's numbers the endings that the demo means to show."""
    fates = Fates(Rules())
    endings = {fates.outcome(int(number.lstrip("+"))).status == "Delivered" for number in numbers}
    assert endings == {delivered}


async def test_every_change_is_shown_once(world: World) -> None:
    """The counts are shown when they change and not on every look."""
    api = _Answers(
        _campaign("sending", pending=3), _campaign("sending", pending=3), _campaign("completed", delivered=3)
    )
    shown: list[str] = []
    show: Callable[[CampaignAnswer], None] = lambda campaign: shown.append(campaign_line(campaign))  # noqa: E731
    assert await watch(api, str(ID), world, show, within=10)
    assert shown == ["sending: 3 requested, 3 pending", "completed: 3 requested, 3 delivered"]


async def test_campaign_that_does_not_end_is_given_up(world: World) -> None:
    """A campaign that never ends is not watched for ever."""
    assert not await watch(_Answers(_campaign("sent")), str(ID), world, lambda _: None, within=0)


async def test_end_counts_only_when_the_tables_have_caught_up(world: World) -> None:
    """While the tables lag behind the log, no status is the last one."""
    assert not await watch(_Answers(_campaign("completed", projected=False)), str(ID), world, lambda _: None, within=0)


async def test_api_that_is_away_for_a_moment_does_not_end_the_demo(world: World) -> None:
    """What kills the API while the demo is shown is only waited out (FAULTS J5)."""
    api = _Answers(NoAnswer("killed"), _campaign("sending", pending=3), NoAnswer("killed"), _campaign("completed"))
    shown: list[str] = []
    assert await watch(api, str(ID), world, lambda campaign: shown.append(campaign.status), within=10)
    assert shown == ["sending", "completed"]


async def test_api_that_stays_away_is_given_up(world: World) -> None:
    """An API that never answers is not asked for ever, and a refusal is no silence."""
    for answer in (NoAnswer("away"), ApiRefused("no such campaign")):
        with pytest.raises(ApiRefused, match=str(answer)):
            await watch(_Answers(answer), str(ID), world, lambda _: None, within=0)


async def test_demo_whose_simulator_is_gone_is_known_as_lost(world: World) -> None:
    """A simulator that was started anew knows nothing of the campaign: it is not waited for."""
    assert await watch(_Answers(_campaign("sent")), str(ID), world, lambda _: None, 60, lost=lambda: True) is None
