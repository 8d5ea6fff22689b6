"""One run: ask for the campaigns, let the dispatchers die as the scenario says, and judge what is there in the end."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import asyncpg
import msgspec

from contracts import topics
from contracts.events import (
    CampaignCancelled,
    CampaignPaused,
    CampaignRequested,
    CampaignResumed,
    RecipientOptedOut,
    encode,
)
from contracts.identity import chunk_key, derived_id
from infra.kafka.connection import KafkaConnection
from infra.kafka.log import Appender, Entry
from infra.process.world import World, iso
from infra.sinch.simulator.rules import decode_rules
from tests.chaos.around import Projecting, serve_gateway, serve_sinch
from tests.chaos.backups import Backups
from tests.chaos.judge import Verdict, judge
from tests.chaos.replicas import Replica, replicas
from tests.chaos.scenario import Restore, Scenario
from tests.integration.projector.processes import caught_up
from tests.waiting import until

FAST = {
    "DISPATCH_DEADLINE": "0.8", "SINCH_HTTP_TIMEOUT": "0.8", "DISPATCH_MARGIN": "0.2", "IN_DOUBT_SETTLE": "0.8",
    "IN_DOUBT_LOOKS": "2", "SINCH_MPS": "100000", "DISPATCH_IN_FLIGHT": "4", "PRIVACY_KEY": "k" * 16, "LOG_FORMAT": "json",
    "SINCH_SERVICE_PLAN_ID": "simulator", "SINCH_API_TOKEN": "simulator", "SINCH_NUMBER": "15550009999",
    "FOLLOW_UP_GATHER": "0.1", "PULL_AFTER_SILENCE": "2",
}  # fmt: skip
"""Seconds. The simulator's list lags 0.4 s at most, which is less than the settle time: the assumption that remains."""
ASKED = "SELECT count(*) FROM dispatch.chunks"
LEFT = """
SELECT (SELECT count(*) FROM dispatch.batches WHERE state IN ('due', 'attempting', 'in_doubt'))
     + (SELECT count(*) FROM dispatch.follow_ups WHERE NOT done)
     + (SELECT count(*) FROM dispatch.campaigns WHERE cancelled AND NOT cancel_done)
     + (SELECT count(*) FROM live.messages WHERE NOT final)
"""
"""Only for when to stop waiting: what holds then is judged from the start."""
WITHIN_SECONDS = 120.0
FOLDED_WITHIN_SECONDS = 20.0
MOST_ENDS = 3
"""Of a dispatcher by itself: it says what only a restart can mend, such as a partition that went to its peer."""


async def run(scenario: Scenario, kafka: KafkaConnection, dsn: str, home: Path) -> Verdict:
    """The run's verdict."""
    world, verdict = World(), Verdict(scenario.seed)
    projecting = Projecting(kafka, dsn)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(world.tasks.stop)
        stack.push_async_callback(projecting.stop)
        simulator = await stack.enter_async_context(serve_sinch(scenario.cursed, world))
        simulator.plan.follow(decode_rules(msgspec.json.encode(scenario.rules)))
        async with serve_gateway(kafka, world) as gateway:
            appender = Appender(kafka, world, name="chaos")
            await appender.start()
            stack.push_async_callback(appender.stop)
            await _ask(scenario, appender, world)
            environment = FAST | {
                "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "KAFKA_TOPIC_PREFIX": kafka.topic_prefix,
                "DATABASE_URL": dsn, "SINCH_BASE_URL": simulator.url, "BASE_URL": gateway,
            }  # fmt: skip
            projecting.start()
            some = replicas(scenario, environment, home)
            await _through(
                _Course(scenario, some, projecting, Backups(dsn, world), appender, world, verdict), kafka, dsn
            )
        try:
            await until(lambda: caught_up(kafka, dsn), "the tables are at the log's end", within=FOLDED_WITHIN_SECONDS)
        except AssertionError as error:
            verdict.faults.add("behind", error)
        ended = await projecting.stop()
        verdict.faults.require(ended is None, "projector ended", repr(ended))
        await judge(scenario, kafka, dsn, simulator.plan, verdict)
    return verdict


class _Course:
    """What happens while the run lasts, in the order of its moments."""

    def __init__(  # noqa: PLR0917 - everything that a run has
        self, scenario: Scenario, some: list[Replica], projecting: Projecting, backups: Backups, appender: Appender,
        world: World, verdict: Verdict,
    ) -> None:  # fmt: skip
        self.scenario = scenario
        self.replicas = some
        self.backups = backups
        self.verdict = verdict
        self._projecting = projecting
        self._appender = appender
        self._world = world

    async def run(self) -> None:
        """Pause, resume, cancel, opt out and restore as the scenario says."""
        begin = self._world.clock.boot()
        moments: list[tuple[float, Entry | Restore]] = [*self._said(), *((r.at, r) for r in self.scenario.restores)]
        for at, what in sorted(moments, key=lambda moment: moment[0]):
            await self._world.clock.sleep(max(0.0, begin + at - self._world.clock.boot()))
            if isinstance(what, Restore):
                await self._restore(what)
            else:
                await self._appender.append(what)

    def _said(self) -> list[tuple[float, Entry]]:
        words: list[tuple[float, Entry]] = []
        for moment, kind, campaign in _decisions(self.scenario):
            now = iso(self._world.clock.wall() + timedelta(seconds=moment))
            event_id = derived_id(kind.__name__, campaign)
            event = kind(event_id=event_id, occurred_at=now, campaign_id=campaign, actor="chaos")
            words.append((moment, Entry(topics.CAMPAIGN_CONTROL, campaign, encode(event))))
        words += [(at, _stop(who, iso(self._world.clock.wall()))) for who, at in self.scenario.stops]
        return words

    async def _restore(self, restore: Restore) -> None:
        """Kill, put the older rows in the place of the newer, and let all live again."""
        await asyncio.gather(*(replica.kill() for replica in self.replicas))
        if restore.whole:
            await self._projecting.stop()
        await self.backups.restore(restore)
        self.verdict.restores += 1
        if restore.whole:
            self._projecting.start()
        for replica in self.replicas:
            replica.revive()


async def _through(course: _Course, kafka: KafkaConnection, dsn: str) -> None:
    """Everybody lives until nothing is left to do, or until the time is over: the judge says what is left."""
    if course.scenario.restores:
        await course.backups.take()
    keeping = asyncio.create_task(course.backups.keep()) if course.scenario.restores else None
    lives = [asyncio.create_task(replica.live()) for replica in course.replicas]
    try:
        await course.run()
        await _settled(course.scenario, kafka, dsn)
    finally:
        course.backups.end()
        await asyncio.gather(*(replica.end() for replica in course.replicas))
        for life in lives:
            life.cancel()
        await asyncio.wait(lives)
        if keeping is not None:
            await keeping
    for life in lives:
        if not life.cancelled():
            life.result()
    course.verdict.deaths = sum(replica.died for replica in course.replicas)
    for replica in course.replicas:
        often = len(replica.ended) > MOST_ENDS
        course.verdict.faults.require(not often, "dispatcher ends again and again", replica.ended)


async def _ask(scenario: Scenario, appender: Appender, world: World) -> None:
    now = world.clock.wall()
    entries = [_stop(recipient, iso(now)) for recipient in sorted(scenario.opted_out)]
    if entries:
        await appender.append_all(entries)
    await appender.append_all([
        Entry(
            topics.CAMPAIGN_REQUESTS,
            chunk_key(campaign.campaign_id, chunk),
            encode(
                CampaignRequested(
                    event_id=derived_id(campaign.campaign_id, chunk), occurred_at=iso(now),
                    campaign_id=campaign.campaign_id, chunk=chunk, chunks=len(campaign.chunks), actor="chaos",
                    body="Hello", recipients=list(recipients), retry_delays=list(campaign.retry_delays),
                    expire_at=iso(now + timedelta(seconds=campaign.expires)) if campaign.expires else None,
                )
            ),
        )
        for campaign in scenario.campaigns
        for chunk, recipients in enumerate(campaign.chunks)
    ])  # fmt: skip


def _stop(recipient: str, now: str) -> Entry:
    event = RecipientOptedOut(
        event_id=derived_id(recipient), occurred_at=now, recipient=recipient, received_at=now, source="reply"
    )
    return Entry(topics.CONSENT, recipient[-4:], encode(event))


Decision = type[CampaignPaused] | type[CampaignResumed] | type[CampaignCancelled]


def _decisions(scenario: Scenario) -> list[tuple[float, Decision, str]]:
    words: list[tuple[float, Decision, str]] = []
    if scenario.paused:
        campaign, begin, end = scenario.paused
        words += [(begin, CampaignPaused, campaign), (end, CampaignResumed, campaign)]
    if scenario.cancelled:
        words.append((scenario.cancelled[1], CampaignCancelled, scenario.cancelled[0]))
    return words


async def _settled(scenario: Scenario, kafka: KafkaConnection, dsn: str) -> None:
    """Tables that were restored show nothing that is left until they have folded the log again."""
    connection = await asyncpg.connect(dsn)
    wanted = sum(len(campaign.chunks) for campaign in scenario.campaigns)

    async def nothing_left() -> bool:
        return bool(await connection.fetchval(ASKED) == wanted and await connection.fetchval(LEFT) == 0)

    async def settled() -> bool:
        return await nothing_left() and await caught_up(kafka, dsn) and await nothing_left()

    try:
        await until(settled, "all is over", within=WITHIN_SECONDS)
    except AssertionError:
        pass  # the judge names what is left
    finally:
        await connection.close()
