"""The plug is pulled on every service in the middle of a campaign: nothing is lost, nothing is sent twice."""

import json
from collections import Counter
from pathlib import Path

import asyncpg
import pytest

from contracts.statuses import standing_of
from tests.e2e.running import System, running
from tests.waiting import until

RECIPIENTS = [str(15550000000 + n) for n in range(20_000)]
RULES = {
    "callbacks": {"duplicate": 0.05, "reorder": 0.05},
    "delays": {"reply": {"min": 0.1, "max": 0.3}, "final": {"min": 0.1, "max": 3.0}},
    "fates": [{"share": 0.1, "code": 15}, {"share": 0.05, "code": 402}],
}
SERVICES = ("http", "dispatcher", "projector")


async def sends(system: System) -> dict[str, int]:
    """What the simulator accepted, in figures."""
    found: dict[str, int] = await system.get("simulator", "/simulator/sends?summary=1")
    return found


async def pull_the_plugs(system: System) -> None:
    """Kill -9 of each service in turn, each when the campaign has got some way further; each comes back."""
    for turn, name in enumerate([*SERVICES, *SERVICES]):
        wanted = 1_000 + turn * 2_500

        async def far_enough(wanted: int = wanted) -> bool:
            return (await sends(system))["messages"] >= wanted

        await until(far_enough, f"{wanted} messages sent", within=60.0)
        killed = system.kill(name)

        def back(name: str = name, killed: int = killed) -> bool:
            return bool(system.info()["processes"].get(name, killed) != killed)

        await until(back, f"{name} is back", within=30.0)


@pytest.mark.faults
async def test_kill_9_of_every_service_loses_nothing_and_sends_nothing_twice(tmp_path: Path) -> None:
    """20,000 recipients, 5 % duplicated and reordered callbacks, six kills: the tables say what the simulator did."""
    async with running(tmp_path / "home", DISPATCH_IN_FLIGHT="2") as system:
        async with system.http.put(system.info()["simulator"] + "/simulator/rules", json=RULES) as answer:
            assert answer.status == 200, await answer.text()
        status, accepted = await system.post(
            "/api/campaigns/send", json={"recipients": [f"+{number}" for number in RECIPIENTS], "message": "Hello"}
        )
        assert status == 202, accepted
        campaign_id = accepted["campaign_id"]
        await pull_the_plugs(system)

        async def complete() -> bool:
            return (await system.campaign(campaign_id)).get("status") == "completed"

        await until(complete, "the campaign is completed", within=150.0)
        assert await sends(system) == {
            "batches": 20, "messages": 20_000, "recipients": 20_000, "sent_more_than_once": [], "evicted": 0,
        }  # fmt: skip
        fates = await fates_of(system)
        tables = await asyncpg.connect(system.info()["postgres"])
        rows = await tables.fetch(
            "SELECT recipient::text, status FROM live.messages WHERE campaign_id = $1", campaign_id
        )
        await tables.close()
        assert {row["recipient"]: row["status"] for row in rows} == fates
        campaign = await system.campaign(campaign_id)
        assert campaign["counts"] == Counter(fates.values())
        assert campaign["requested"] == sum(campaign["counts"].values()) == len(RECIPIENTS)


async def fates_of(system: System) -> dict[str, str]:
    """What became of each number, by the simulator's own record, in our words."""
    async with system.http.get(system.info()["simulator"] + "/simulator/fates") as answer:
        lines = [json.loads(line) async for line in answer.content]
    return {line["recipient"]: standing_of(line["status"]).status for line in lines}


@pytest.mark.faults
async def test_kill_9_of_kafka_and_postgresql_loses_nothing_and_sends_nothing_twice(tmp_path: Path) -> None:
    """5,000 recipients; the servers die in the middle and come back: every message once, every count adds up."""
    async with running(tmp_path / "home", DISPATCH_IN_FLIGHT="1", DISPATCH_DEADLINE="5") as system:
        rules = {"delays": {"reply": {"min": 0.8, "max": 1.2}, "final": {"min": 0.1, "max": 3.0}}}
        async with system.http.put(system.info()["simulator"] + "/simulator/rules", json=rules) as answer:
            assert answer.status == 200, await answer.text()
        numbers = RECIPIENTS[:5_000]
        status, accepted = await system.post(
            "/api/campaigns/send", json={"recipients": [f"+{number}" for number in numbers], "message": "Hello"}
        )
        assert status == 202, accepted
        for wanted, name in ((1_000, "kafka"), (3_000, "postgres")):

            async def far_enough(wanted: int = wanted) -> bool:
                return (await sends(system))["messages"] >= wanted

            await until(far_enough, f"{wanted} messages sent", within=90.0)
            system.kill(name)

        async def complete() -> bool:
            return (await system.campaign(accepted["campaign_id"])).get("status") == "completed"

        await until(complete, "the campaign is completed", within=150.0)
        counted = await sends(system)
        assert (counted["messages"], counted["recipients"]) == (5_000, 5_000), counted
        assert not counted["sent_more_than_once"]
        campaign = await system.campaign(accepted["campaign_id"])
        assert campaign["counts"] == Counter((await fates_of(system)).values())
