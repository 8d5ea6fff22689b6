"""The system as containers: it comes up from nothing, loses nothing when a container dies, and keeps its data."""

import json
from collections.abc import AsyncIterator

import pytest

from tests.e2e.composed import Stack, composed, why_not
from tests.waiting import until

pytestmark = [pytest.mark.faults, pytest.mark.skipif(bool(why_not()), reason=why_not())]

RECIPIENTS = [str(15550000000 + n) for n in range(10_000)]
KILLED = ("dispatcher", "webhook-gateway", "projector", "campaign", "kafka", "postgres")


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """One system for all tests here, at 1,000 messages a second."""
    async with composed(tmp_path_factory.mktemp("compose"), SINCH_MPS="1000") as running:
        yield running


async def test_a_campaign_of_10_000_goes_through_the_published_port(stack: Stack) -> None:
    """From nothing to 10,000 delivered, each sent once."""
    campaign = await stack.completed(await stack.send(RECIPIENTS), within=240.0)
    assert campaign["counts"] == {"delivered": 10_000}
    sent = await stack.simulator("/simulator/sends?summary=1")
    assert (sent["messages"], sent["sent_more_than_once"]) == (10_000, [])


async def test_kill_9_in_every_container_loses_nothing_and_sends_nothing_twice(stack: Stack) -> None:
    """Six kills in the middle of a campaign, Kafka's and PostgreSQL's among them: the counts add up."""
    before = (await stack.simulator("/simulator/sends?summary=1"))["messages"]
    numbers = [str(15560000000 + n) for n in range(10_000)]
    campaign_id = await stack.send(numbers)
    for turn, service in enumerate(KILLED):

        async def far_enough(wanted: int = before + 500 + turn * 1_000) -> bool:
            return bool((await stack.simulator("/simulator/sends?summary=1"))["messages"] >= wanted)

        await until(far_enough, f"enough is sent before {service} is killed", within=240.0)
        await stack.kill(service)
    campaign = await stack.completed(campaign_id, within=240.0)
    assert campaign["counts"] == {"delivered": 10_000}
    sent = await stack.simulator("/simulator/sends?summary=1")
    assert (sent["messages"] - before, sent["sent_more_than_once"]) == (10_000, [])


async def test_two_projectors_share_the_partitions(stack: Stack) -> None:
    """A second replica, named by its container, takes half of the partitions; both work on a campaign."""
    await stack.up("--no-recreate", "--scale", "projector=2", within=180.0)

    async def shared() -> bool:
        taken = [await _assigned(stack, container) for container in await stack.containers("projector")]
        return len(taken) == 2 and min(taken) > 0 and abs(taken[0] - taken[1]) <= 8

    await until(shared, "each has its share", within=180.0)
    campaign = await stack.completed(await stack.send([str(15570000000 + n) for n in range(2_000)]), within=180.0)
    assert campaign["counts"] == {"delivered": 2_000}


async def test_down_and_up_keep_the_data(stack: Stack) -> None:
    """The containers are removed and made anew: campaigns and their counts are there, and the next one goes through."""
    before = await stack.completed(await stack.send(RECIPIENTS[:100]), within=180.0)
    await stack.run("down", "-t", "10", within=180.0)
    await stack.up(within=300.0)
    after = await stack.campaign(before["campaign_id"])
    assert (after["status"], after["counts"], after["requested"]) == ("completed", {"delivered": 100}, 100)
    assert (await stack.completed(await stack.send(RECIPIENTS[:10]), within=180.0))["counts"] == {"delivered": 10}


async def test_nothing_but_the_two_http_ports_is_published(stack: Stack) -> None:
    """Kafka, PostgreSQL, the workers and the simulator are reached from inside only, and the API asks for a key."""
    services = (await stack.run("config", "--services")).split()
    published = set()
    for service in services:
        for container in await stack.containers(service):
            bound = json.loads(await stack.docker("inspect", "--format", "{{json .NetworkSettings.Ports}}", container))
            published |= {(service, inside) for inside, outside in bound.items() if outside}
    assert published == {("campaign", "3000/tcp"), ("webhook-gateway", "3001/tcp")}
    async with stack.http.get(f"{stack.api}/api/campaigns", headers={"Authorization": "Bearer wrong"}) as answer:
        assert answer.status == 401


async def test_the_services_run_as_nobody_and_can_write_nothing(stack: Stack) -> None:
    """No root, no capability, a read-only root; what can be written is memory and the process's own."""
    (container,) = await stack.containers("dispatcher")
    look = (
        "id -u; grep CapEff /proc/self/status; touch /opt/heliograph/x 2>&1 || true; command -v pip gcc cc make || true"
    )
    said = await stack.docker("exec", container, "sh", "-c", look)
    assert said.splitlines() == [
        "10001", "CapEff:\t0000000000000000", "touch: cannot touch '/opt/heliograph/x': Read-only file system",
    ]  # fmt: skip


async def _assigned(stack: Stack, container: str) -> int:
    """How many partitions a projector has, by its own last word on it."""
    found = [json.loads(line) for line in await stack.logs(container) if '"partitions_assigned"' in line]
    return int(found[-1]["partitions"]) if found else 0
