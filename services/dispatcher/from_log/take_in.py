"""All that facts of the log mean for the ledger, in the transaction that moves the offsets."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from contracts.events import SendAttempted
from contracts.identity import Reference
from infra.postgres.pool import Connection
from services.dispatcher.from_log import early
from services.dispatcher.from_log.attempts import raise_attempts, take_attempts
from services.dispatcher.from_log.endings import take_endings
from services.dispatcher.from_log.facts import ChunkKey, Fact, Sum, divide, is_unknown
from services.dispatcher.from_log.follow_ups import FollowUp, take_deliveries, take_failures, take_said
from services.dispatcher.from_log.proofs import take_proofs


@dataclass(frozen=True, slots=True)
class Learned:
    """What the log does not say yet: offers that Sinch has, with its ids; failures that are followed up, or not."""

    recovered: list[tuple[Reference, str]] = field(default_factory=list)
    follow_ups: list[FollowUp] = field(default_factory=list)


async def take_facts(
    connection: Connection, facts: Sequence[Fact], new: Collection[ChunkKey], first_look: float
) -> Learned:
    """Apply them, with those that waited for the `new` chunks or for an attempt that these name; keep what is early.

    `first_look`: seconds until the reports are asked for of an offer that turns out to be accepted.
    """
    standings = await early.look(connection, facts)
    awake = {*new}
    for fact in facts:
        if isinstance(fact.event, SendAttempted) and is_unknown(fact.event, standings[fact.reference]):
            awake.add(fact.chunk)
    waited = await early.take(connection, awake)
    if waited:
        facts = early.in_order([*waited, *facts])
        standings = await early.look(connection, facts)
    now, later = divide(facts, standings)
    await early.keep(connection, later)
    if not now:
        return Learned()
    total = Sum.of(now)
    await raise_attempts(connection, total, standings)
    await take_said(connection, total)
    doubted = await take_attempts(connection, total, standings)
    await take_endings(connection, total, standings, doubted)
    recovered = await take_proofs(connection, total, standings, doubted, first_look)
    await take_deliveries(connection, total, standings)
    return Learned(recovered, await take_failures(connection, total, standings))
