"""Appending while the broker is frozen, killed, or has made the producer useless."""

import asyncio
import os
import signal

import pytest
from aiokafka.errors import KafkaError

from infra.kafka import appender as appender_module
from infra.kafka.embedded import EmbeddedKafka
from infra.kafka.log import Appender, Entry, LogUnavailable, LogUnreached, Partition
from infra.process.gone import wait_gone
from infra.process.world import World
from tests.integration.kafka.brokers import TOPIC, Broker, all_values
from tests.waiting import until

pytestmark = pytest.mark.faults


async def _elapsed(awaitable: object) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(LogUnavailable):
        await awaitable  # type: ignore[misc]
    return loop.time() - began


async def test_a_frozen_broker_does_not_outlast_the_deadline(appender: Appender, broker: Broker) -> None:
    """With the broker frozen `append` ends by its own deadline, which aiokafka has none of."""
    await appender.append(Entry(TOPIC, "k", b"warm"))
    with broker.frozen():
        assert 0.4 < await _elapsed(appender.append(Entry(TOPIC, "k", b"late"), within=0.4)) < 2.0


async def test_a_frozen_broker_does_not_outlast_the_deadline_of_many(appender: Appender, broker: Broker) -> None:
    """`append_all` keeps its deadline too, however many batches wait."""
    await appender.append(Entry(TOPIC, "k", b"warm"))
    entries = [Entry(TOPIC, f"k{number}", bytes(1_000)) for number in range(2_000)]
    with broker.frozen():
        assert 0.4 < await _elapsed(appender.append_all(entries, within=0.4)) < 3.0


async def test_a_full_queue_does_not_outlast_the_deadline(appender: Appender, broker: Broker) -> None:
    """Appends that find no room in their partition's batch keep their deadlines."""
    await appender.append(Entry(TOPIC, "k", b"warm"))
    with broker.frozen():
        late = [appender.append(Entry(TOPIC, "k", bytes(60_000)), within=0.4) for _ in range(10)]
        outcomes = await asyncio.wait_for(asyncio.gather(*late, return_exceptions=True), 3.0)
    assert all(isinstance(outcome, LogUnavailable) for outcome in outcomes)


async def test_what_was_never_sent_is_taken_back(appender: Appender, broker: Broker) -> None:
    """A frozen broker has got one batch; what waited behind it until its deadline never lands, its neighbours do."""
    await appender.append(Entry(TOPIC, "k", b"warm"))
    with broker.frozen():
        sent = asyncio.create_task(appender.append(Entry(TOPIC, "k", b"sent"), within=0.4))
        await asyncio.sleep(0)
        while appender._supply.current._accumulator._batches:  # type: ignore[union-attr]  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        late = [asyncio.create_task(appender.append(Entry(TOPIC, "k", b"late"), within=0.4)) for _ in range(3)]
        patient = [
            asyncio.create_task(appender.append(Entry(TOPIC, "k", b"patient%d" % n), within=20.0)) for n in range(2)
        ]
        outcomes = await asyncio.gather(sent, *late, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [LogUnavailable, LogUnreached, LogUnreached, LogUnreached]
    positions = await asyncio.gather(*patient)
    await appender.append(Entry(TOPIC, "k", b"after"), within=10.0)
    values = (await all_values(broker.connection))[Partition(TOPIC, positions[0].partition)]
    assert values == [b"warm", b"sent", b"patient0", b"patient1", b"after"]
    assert [values[position.offset] for position in positions] == [b"patient0", b"patient1"]


async def test_of_many_what_was_never_sent_is_taken_back(appender: Appender, broker: Broker) -> None:
    """`append_all` that was too late lands no more than the batch of each partition that was under way."""
    await appender.append(Entry(TOPIC, "k", b"warm"))
    entries = [Entry(TOPIC, "k", bytes(60_000)) for _ in range(20)]
    with broker.frozen():
        await _elapsed(appender.append_all(entries, within=0.4))
    await appender.append(Entry(TOPIC, "k", b"after"), within=10.0)
    landed = [value for found in (await all_values(broker.connection)).values() for value in found]
    assert len(landed) <= 4


async def test_a_thawed_broker_is_used_again(appender: Appender, broker: Broker) -> None:
    """After the broker thaws the same appender appends, without a new start."""
    await appender.append(Entry(TOPIC, "k", b"warm"))
    with broker.frozen():
        await _elapsed(appender.append(Entry(TOPIC, "k", b"late"), within=0.3))
    await appender.append(Entry(TOPIC, "k", b"after"), within=10.0)
    values = [value for found in (await all_values(broker.connection)).values() for value in found]
    assert values[0] == b"warm"
    assert values[-1] == b"after"


async def test_a_timed_out_append_is_perhaps_appended(appender: Appender, broker: Broker) -> None:
    """What was given up while the broker was frozen stands in the log after the thaw: the caller's id must be derived."""
    await appender.append(Entry(TOPIC, "k", b"warm"))
    with broker.frozen():
        await _elapsed(appender.append(Entry(TOPIC, "k", b"late"), within=0.3))
    await appender.append(Entry(TOPIC, "k", b"after"), within=10.0)
    assert list((await all_values(broker.connection)).values()) == [[b"warm", b"late", b"after"]]


async def test_stop_does_not_hang_with_a_frozen_broker(broker: Broker, world: World) -> None:
    """`stop` ends within its limit while records wait for a frozen broker, and their callers are told."""
    appender = Appender(broker.connection, world, name="stopping")
    await appender.start()
    await appender.append(Entry(TOPIC, "k", b"warm"))
    with broker.frozen():
        waiting = asyncio.ensure_future(appender.append(Entry(TOPIC, "k", b"late"), within=60.0))
        await asyncio.sleep(0)
        await asyncio.wait_for(appender.stop(within=0.5), 5.0)
        with pytest.raises(LogUnavailable):
            await asyncio.wait_for(waiting, 0.5)


async def test_a_start_with_a_frozen_broker_ends(broker: Broker, world: World) -> None:
    """`start` ends within its limit while the broker takes connections and answers nothing."""
    appender = Appender(broker.connection, world, name="starting")
    with broker.frozen():
        await asyncio.wait_for(_elapsed(appender.start(within=0.5)), 6.0)


async def test_a_producer_that_died_is_replaced(appender: Appender) -> None:
    """When aiokafka's own sender has failed for good, the next append goes through a new producer."""
    await appender.append(Entry(TOPIC, "k", b"1"))
    old = appender._supply.current
    assert old is not None
    old._accumulator.fail_all(KafkaError("the sender died"))  # as aiokafka does when its sender ends
    await appender.append(Entry(TOPIC, "k", b"2"), within=10.0)
    assert appender._supply.current is not old


async def test_a_producer_that_hangs_is_replaced(
    appender: Appender, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When deadlines pass for long without one acknowledgement, the producer is given up, in case it is aiokafka."""
    monkeypatch.setattr(appender_module, "STALL_SECONDS", 0.2)
    await appender.append(Entry(TOPIC, "k", b"warm"))
    old = appender._supply.current
    with broker.frozen():
        for _ in range(3):
            await _elapsed(appender.append(Entry(TOPIC, "k", b"late"), within=0.2))
        await until(lambda: appender._supply.current is not old, "given up")
    await appender.append(Entry(TOPIC, "k", b"after"), within=10.0)


async def test_a_killed_broker_that_comes_back_is_used_again(mortal: EmbeddedKafka, world: World) -> None:
    """After kill -9 and a new start on the same data nothing acknowledged is lost, and the appender goes on."""
    broker = Broker(mortal)
    await broker.make_topic()
    appender = Appender(broker.connection, world, name="survivor")
    await appender.start()
    await appender.append(Entry(TOPIC, "k", b"before"))
    killed = mortal.pid
    os.kill(killed, signal.SIGKILL)
    assert await wait_gone(killed, 5.0)
    with pytest.raises(LogUnavailable):
        await appender.append(Entry(TOPIC, "k", b"during"), within=0.3)
    await mortal.stop()
    await mortal.start()
    await appender.append(Entry(TOPIC, "k", b"after"), within=20.0)
    await appender.stop()
    (values,) = (await all_values(broker.connection)).values()
    assert values[0] == b"before"
    assert values[-1] == b"after"
