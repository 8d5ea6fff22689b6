"""One run: ask for the campaigns, let the dispatchers die as the scenario says, and compare with the simulator's record."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from contracts import topics
from contracts.events import (
    BatchAccepted,
    CampaignCancelled,
    CampaignPaused,
    CampaignRequested,
    CampaignResumed,
    RecipientOptedOut,
    SendAttempted,
    encode,
)
from contracts.identity import chunk_key, derived_id
from infra.kafka.connection import KafkaConnection
from infra.kafka.log import Appender, Entry
from infra.process.children import Child, start_child
from infra.process.world import World, iso
from infra.sinch.simulator.server import serve_simulator
from tests.chaos.scenario import Scenario
from tests.reading import events_of
from tests.waiting import until

FAST = {
    "DISPATCH_DEADLINE": "0.8", "SINCH_HTTP_TIMEOUT": "0.8", "DISPATCH_MARGIN": "0.2", "IN_DOUBT_SETTLE": "0.8",
    "IN_DOUBT_LOOKS": "2", "SINCH_MPS": "100000", "DISPATCH_IN_FLIGHT": "4", "PRIVACY_KEY": "k" * 16, "LOG_FORMAT": "json",
    "SINCH_SERVICE_PLAN_ID": "simulator", "SINCH_API_TOKEN": "simulator", "SINCH_NUMBER": "15550009999",
}  # fmt: skip
"""Seconds. The simulator's list lags 0.4 s at most, which is less than the settle time: the assumption that remains."""
OPEN = "SELECT count(*) FROM dispatch.batches WHERE state IN ('due', 'attempting', 'in_doubt')"
CHUNKS = "SELECT count(*) FROM dispatch.chunks"
WITHIN_SECONDS = 90.0


@dataclass(slots=True)
class Verdict:
    """What a run showed. `repeated`: sent more than once, or although opted out. `deaths` are those that happened."""

    seed: int
    repeated: dict[str, int] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    unsaid: set[str] = field(default_factory=set)
    deaths: int = 0
    doubts: int = 0

    @property
    def good(self) -> bool:
        """Everybody exactly once, and the log says so."""
        return not self.repeated and not self.missing and not self.unsaid


class Replica:
    """One dispatcher, through its lives."""

    def __init__(
        self, number: int, environment: Mapping[str, str], deaths: tuple[str | float, ...], output: Path
    ) -> None:
        self._environment = {**environment, "REPLICA": str(number)}
        self._deaths = list(deaths)
        self._output = output
        self._child: Child | None = None
        self.died = 0

    async def live(self) -> None:
        """Live and die as the scenario says, then live until cancelled."""
        for death in [*self._deaths, None]:
            child = self._child = await self._start(death)
            if isinstance(death, float):
                try:
                    await asyncio.wait_for(child.wait(), death)
                except TimeoutError:
                    os.kill(child.pid, signal.SIGKILL)
            await child.wait()
            self.died += 1

    async def end(self) -> None:
        """Stop what is left."""
        if self._child is not None and self._child.running:
            await self._child.stop(within=6.0)

    async def _start(self, death: str | float | None) -> Child:
        environment = dict(os.environ) | self._environment
        if isinstance(death, str):
            environment["HELIOGRAPH_CRASH_AT"] = death
        argv = [sys.executable, "-m", "services.cli", "dispatcher"]
        return await start_child(argv, name="dispatcher", env=environment, output=self._output)


async def run(scenario: Scenario, kafka: KafkaConnection, dsn: str, home: Path) -> Verdict:
    """The run's verdict. Raises when it does not come to an end."""
    world = World()
    async with serve_simulator(world=world) as simulator, aiohttp.ClientSession() as http:
        async with http.put(f"{simulator.url}/simulator/rules", json=scenario.rules) as answer:
            assert answer.status == 200, await answer.text()
        await _ask(scenario, kafka, world)
        environment = FAST | {
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "KAFKA_TOPIC_PREFIX": kafka.topic_prefix,
            "DATABASE_URL": dsn, "SINCH_BASE_URL": simulator.url, "BASE_URL": "http://127.0.0.1:9",
        }  # fmt: skip
        replicas = [
            Replica(n, environment, deaths, home / f"dispatcher-{scenario.seed}-{n}.log")
            for n, deaths in enumerate(scenario.deaths)
        ]
        lives = [asyncio.create_task(replica.live()) for replica in replicas]
        lives.append(asyncio.create_task(_control(scenario, kafka, world)))
        try:
            await lives[-1]
            await _settled(scenario, dsn)
            sends = await _get(http, f"{simulator.url}/simulator/sends")
        finally:
            for life in lives:
                life.cancel()
            for replica in replicas:
                await replica.end()
    verdict = await _judge(scenario, kafka, sends)
    verdict.deaths = sum(replica.died for replica in replicas)
    await world.tasks.stop()
    return verdict


async def _ask(scenario: Scenario, kafka: KafkaConnection, world: World) -> None:
    counts = Counter(campaign for campaign, _, _ in scenario.chunks)
    entries = [
        Entry(
            topics.CAMPAIGN_REQUESTS,
            chunk_key(campaign, chunk),
            encode(
                CampaignRequested(
                    event_id=derived_id(campaign, chunk), occurred_at=iso(world.clock.wall()), campaign_id=campaign,
                    chunk=chunk, chunks=counts[campaign], actor="chaos", body="Hello", recipients=list(recipients),
                )
            ),
        )
        for campaign, chunk, recipients in scenario.chunks
    ]  # fmt: skip
    now = iso(world.clock.wall())
    consent = [
        RecipientOptedOut(event_id=derived_id(r), occurred_at=now, recipient=r, received_at=now, source="reply")
        for r in sorted(scenario.opted_out)
    ]
    await _append(kafka, world, [Entry(topics.CONSENT, event.recipient[-4:], encode(event)) for event in consent])
    await _append(kafka, world, entries)


async def _control(scenario: Scenario, kafka: KafkaConnection, world: World) -> None:
    """Pause, resume and cancel as the scenario says."""
    words: list[tuple[float, type[CampaignPaused | CampaignResumed | CampaignCancelled], str]] = []
    if scenario.paused:
        campaign, begin, end = scenario.paused
        words += [(begin, CampaignPaused, campaign), (end, CampaignResumed, campaign)]
    if scenario.cancelled:
        words.append((scenario.cancelled[1], CampaignCancelled, scenario.cancelled[0]))
    passed = 0.0
    for moment, kind, campaign in sorted(words, key=lambda word: word[0]):
        await world.clock.sleep(moment - passed)
        passed = moment
        now = iso(world.clock.wall())
        event = kind(event_id=derived_id(kind.__name__, campaign), occurred_at=now, campaign_id=campaign, actor="chaos")
        await _append(kafka, world, [Entry(topics.CAMPAIGN_CONTROL, campaign, encode(event))])


async def _append(kafka: KafkaConnection, world: World, entries: list[Entry]) -> None:
    if not entries:
        return
    appender = Appender(kafka, world, name="chaos")
    await appender.start()
    await appender.append_all(entries)
    await appender.stop()


async def _settled(scenario: Scenario, dsn: str) -> None:
    connection = await asyncpg.connect(dsn)

    async def settled() -> bool:
        chunks: int = await connection.fetchval(CHUNKS)
        return bool(chunks == len(scenario.chunks) and await connection.fetchval(OPEN) == 0)

    try:
        await until(settled, f"run {scenario.seed} is settled", within=WITHIN_SECONDS)
    finally:
        await connection.close()


async def _judge(scenario: Scenario, kafka: KafkaConnection, sends: dict[str, Any]) -> Verdict:
    got = Counter(recipient for entry in sends["sends"] for recipient in entry["recipients"])
    said: set[str] = set()
    attempts: dict[str, SendAttempted] = {}
    events = await events_of(kafka, topics.DISPATCHES)
    for event in events:
        if isinstance(event, SendAttempted):
            attempts[event.client_reference] = event
    for event in events:
        if isinstance(event, BatchAccepted):
            said.update(attempts[event.client_reference].recipients)
    wanted = scenario.recipients - scenario.taken_back
    wrong = {r: n for r, n in got.items() if n > 1 or r in scenario.opted_out}
    verdict = Verdict(scenario.seed, wrong, wanted - set(got), wanted - said)
    verdict.doubts = sum(type(event).__name__ == "BatchInDoubt" for event in events)
    return verdict


async def _get(http: aiohttp.ClientSession, url: str) -> Any:
    async with http.get(url) as answer:
        return await answer.json()
