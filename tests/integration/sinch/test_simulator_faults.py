"""Everything that can be made to go wrong, seen through the client that will meet it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from infra.process.world import SystemClock
from infra.sinch.client import SinchClient
from infra.sinch.outcomes import Blocked, InDoubt, NoAnswer, Refused, SinchError, SlowDown
from infra.sinch.simulator.settings import SimulatorSettings
from infra.sinch.transport import Account, Timeouts
from infra.sinch.wire.batches import SendBatch
from tests.integration.sinch.desk import AT_ONCE, ONE, TWO, Desk, at_desk

SINCE = "2020-01-01T00:00:00.000Z"
BATCH = SendBatch(to=[ONE], from_="12065550100", body="Hi", client_reference="c.0.1")


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[SinchClient]:
    """Our client, which waits a second at most."""
    account = Account(desk.url, "simulator", "simulator")
    async with SinchClient.open(account, SystemClock(), timeouts=Timeouts(connect=1, total=1)) as client:
        yield client


@pytest.mark.parametrize(
    ("fault", "error", "accepted"),
    [
        ({"kind": "too_many_requests"}, SlowDown, 0),
        ({"kind": "error_before", "status": 500}, InDoubt, 0),
        ({"kind": "error_after"}, InDoubt, 1),
        ({"kind": "hang_before"}, InDoubt, 0),
        ({"kind": "hang_after"}, InDoubt, 1),
        ({"kind": "cut_before"}, InDoubt, 0),
        ({"kind": "cut_after"}, InDoubt, 1),
        ({"kind": "unreadable"}, InDoubt, 1),
        ({"kind": "unauthorized"}, Blocked, 0),
        ({"kind": "blocked_account"}, Blocked, 0),
    ],
)
async def test_a_fault_befalls_a_send(
    desk: Desk, client: SinchClient, fault: dict[str, Any], error: type[SinchError], accepted: int
) -> None:
    """Before acceptance or after it; the list knows which, and the next send succeeds."""
    await desk.rules(faults=[fault | {"times": 1}])
    with pytest.raises(SinchError) as caught:
        await client.send(BATCH)
    assert type(caught.value) is error
    assert len(await client.find("c.0.1", SINCE)) == accepted
    assert (await client.send(BATCH)).client_reference == "c.0.1"


async def test_retry_after_is_given_when_asked(desk: Desk, client: SinchClient) -> None:
    """With and without, as Sinch may do."""
    faults = [{"kind": "too_many_requests", "times": 1, "retry_after": 7}, {"kind": "too_many_requests", "times": 1}]
    await desk.rules(faults=faults)
    waits = []
    for _ in range(2):
        with pytest.raises(SlowDown) as caught:
            await client.send(BATCH)
        waits.append(caught.value.retry_after)
    assert waits == [7.0, None]


async def test_a_slow_answer_is_an_answer(desk: Desk, client: SinchClient) -> None:
    """It comes when its time has come."""
    await desk.rules(faults=[{"kind": "slow", "seconds": 0.2}])
    before = SystemClock().boot()
    await client.send(BATCH)
    assert SystemClock().boot() - before >= 0.19


async def test_callbacks_can_come_before_the_201(desk: Desk, client: SinchClient) -> None:
    """The report is there when the answer arrives."""
    await desk.rules(faults=[{"kind": "callbacks_first", "seconds": 5}], delays=AT_ONCE)
    mode = "per_recipient"
    await client.send(SendBatch(to=[ONE], from_="1206555", body="Hi", delivery_report=mode, callback_url=desk.hook))
    assert desk.callbacks


async def test_faults_can_be_meant_for_some_references_only(desk: Desk, client: SinchClient) -> None:
    """The others go through."""
    await desk.rules(faults=[{"kind": "error_before", "client_reference_prefix": "bad."}])
    await client.send(BATCH)
    with pytest.raises(InDoubt):
        await client.send(SendBatch(to=[ONE], from_="12065550100", body="Hi", client_reference="bad.0.1"))


async def test_a_share_of_requests_fails_the_same_way_each_time(desk: Desk, client: SinchClient) -> None:
    """Seeded by the order of requests."""
    runs = []
    for _ in range(2):
        await desk.rules(seed=3, faults=[{"kind": "too_many_requests", "share": 0.3}])
        results = []
        for _ in range(40):
            try:
                await client.send(BATCH)
                results.append(True)
            except SlowDown:
                results.append(False)
        runs.append(results)
    assert runs[0] == runs[1]
    assert 4 < runs[0].count(False) < 22


async def test_refused_numbers_are_named_by_their_place(desk: Desk, client: SinchClient) -> None:
    """A 400 whose text names `to[i]`."""
    await desk.rules(refused_numbers=[TWO])
    with pytest.raises(Refused) as caught:
        await client.send(SendBatch(to=[ONE, "+" + TWO], from_="12065550100", body="Hi"))
    assert (caught.value.status, caught.value.recipient_index) == (400, 1)


async def test_a_blocked_account_accepts_nothing(desk: Desk, client: SinchClient) -> None:
    """403 blocked_account for every send."""
    await desk.rules(blocked_account=True)
    with pytest.raises(Blocked, match="blocked_account"):
        await client.send(BATCH)


async def test_a_lagging_list_shows_a_batch_late(desk: Desk, client: SinchClient) -> None:
    """Neither the list nor the batch itself knows it before."""
    await desk.rules(lists={"lag": 30})
    batch = await client.send(BATCH)
    assert (await client.find("c.0.1", SINCE), await client.get(batch.id)) == ([], None)
    await desk.advance(31)
    assert [found.id for found in await client.find("c.0.1", SINCE)] == [batch.id]


@pytest.mark.parametrize("rule", ["wrong_filter", "wrong_count"])
async def test_a_list_that_lies_is_not_believed(desk: Desk, client: SinchClient, rule: str) -> None:
    """One that ignores the reference, one that counts what it does not show."""
    await client.send(BATCH)
    await desk.rules(lists={rule: True})
    with pytest.raises(NoAnswer):
        await client.find("another.0.1", SINCE)


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        ("list", lambda client, _: client.find("c.0.1", SINCE)),
        ("get", lambda client, batch: client.get(batch)),
        ("cancel", lambda client, batch: client.cancel(batch)),
        ("report", lambda client, batch: client.batch_report(batch)),
    ],
)
async def test_faults_can_befall_other_operations(desk: Desk, client: SinchClient, operation: str, call: Any) -> None:
    """Named by the operation."""
    batch = await client.send(BATCH)
    await desk.rules(faults=[{"kind": "error_before", "on": operation, "times": 1}])
    with pytest.raises(NoAnswer):
        await call(client, batch.id)
    await call(client, batch.id)


@pytest.mark.parametrize("form", ["empty", "html", "spring"])
async def test_bodies_in_front_of_sinch_have_the_form_that_is_set(form: Any) -> None:
    """None of them makes our client stumble."""
    async with at_desk(SimulatorSettings(foreign_errors=form)) as desk:
        account = Account(desk.url, "simulator", "wrong")
        async with SinchClient.open(account, SystemClock()) as client:
            with pytest.raises(Blocked, match="401"):
                await client.send(BATCH)
