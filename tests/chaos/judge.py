"""A run's verdict: Sinch's record, the log, the tables and the ledger, each held against the others."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import asyncpg

from contracts.events import decode
from contracts.topics import TOPICS
from infra.kafka.connection import KafkaConnection
from infra.kafka.log import scan
from infra.sinch.simulator.plan import Plan
from tests.chaos.scenario import Scenario
from tests.oracle.sends import Logged, Sent, Wanted, judge_sends
from tests.oracle.tables import judge_ledger, judge_tables
from tests.oracle.verdicts import Faults

READ = tuple(topic.name for topic in TOPICS if topic.name not in {"projection-control", "dead-letters"})


@dataclass(slots=True)
class Verdict:
    """What a run showed. `deaths` are those that happened."""

    seed: int
    faults: Faults = field(default_factory=Faults)
    deaths: int = 0
    doubts: int = 0
    restores: int = 0
    follow_ups: int = 0

    @property
    def good(self) -> bool:
        """Everybody once, nobody left open, and log and tables say so."""
        return not self.faults


async def judge(scenario: Scenario, kafka: KafkaConnection, dsn: str, plan: Plan, verdict: Verdict) -> None:
    """Add to the verdict what does not hold. The tables have folded the log to its end."""
    log = [
        Logged(decode(record.value), record.timestamp / 1000)
        async for batch in scan(kafka, READ)
        for some in batch.values()
        for record in some
    ]
    log.sort(key=lambda one: one.at)
    names = [type(one.event).__name__ for one in log]
    verdict.doubts, verdict.follow_ups = names.count("BatchInDoubt"), names.count("FollowUpScheduled")
    judge_sends(_sent(plan), log, _wanted(scenario), verdict.faults)
    connection = await asyncpg.connect(dsn)
    try:
        await judge_tables(connection, [one.event for one in log], verdict.faults)
        await judge_ledger(connection, verdict.faults)
    finally:
        await connection.close()


def _sent(plan: Plan) -> Sequence[Sent]:
    found = []
    for batch in plan.store.oldest_first():
        outcomes = [plan.store.outcomes[state] for state in batch.states]
        fates = {str(r): (outcome.status, outcome.code) for r, outcome in zip(batch.to, outcomes, strict=True)}
        found.append(Sent(str(batch.fields.get("client_reference")), batch.id, batch.created, fates))
    return found


def _wanted(scenario: Scenario) -> Wanted:
    """Who must get it: not who is refused, who opted out, or whose campaign may end before."""
    refused = scenario.cursed | set(scenario.rules["refused_numbers"])
    may_miss = scenario.opted_out | refused | {who for who, _ in scenario.stops}
    cancelled = scenario.cancelled[0] if scenario.cancelled else ""
    everybody = {
        (campaign.campaign_id, recipient)
        for campaign in scenario.campaigns
        if campaign.campaign_id != cancelled and campaign.expires is None
        for recipient in campaign.recipients - may_miss
    }
    nobody = {(c.campaign_id, r) for c in scenario.campaigns for r in scenario.opted_out | refused}
    return Wanted({c.campaign_id: len(c.retry_delays) for c in scenario.campaigns}, everybody, nobody)
