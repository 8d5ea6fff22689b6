"""One chunk: what the ledger knows of it and the log does not, as events. Pure."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from contracts.identity import Reference
from infra.kafka.log import Entry
from services.dispatcher import offers
from services.dispatcher.restoring import saying
from services.dispatcher.restoring.known import Known, Offered

OPTED_OUT = "opted out"
NOTHING = Offered()


@dataclass(frozen=True, slots=True)
class Row:
    """An offer as the ledger has it. `at`: its latest attempt, else now; `recipients`: whoever is in it now."""

    reference: Reference
    state: str
    reason: str
    claims: int
    follows: int
    recipients: list[str]
    at: datetime
    accepted_at: datetime | None
    batch_id: str | None


@dataclass(frozen=True, slots=True)
class Failed:
    """A failure that the ledger noted for a follow-up."""

    recipient: str
    attempt: int
    due_at: str
    done: bool


@dataclass(frozen=True, slots=True)
class Chunk:
    """All that the ledger has of one chunk. `rows` in the order of their attempts and parts."""

    everyone: list[str]
    rows: Sequence[Row]
    failures: Sequence[Failed]
    confirms: str | None
    cancelled_by: str


def missing(chunk: Chunk, known: Known, opted_out: Collection[str], actor: str, now: datetime) -> list[Entry]:
    """What the log lacks, in an order in which it could have been said."""
    return [
        *_left_out(chunk, known, opted_out, now),
        *(entry for row in chunk.rows for entry in _of_row(row, chunk, known.offers.get(row.reference, NOTHING), actor, now)),
        *_follow_ups(chunk, known, now),
    ]  # fmt: skip


def _of_row(row: Row, chunk: Chunk, said: Offered, actor: str, now: datetime) -> Iterator[Entry]:
    r = row.reference
    if row.claims > said.claim:
        yield saying.attempted(
            r, row.recipients, row.at, claim=row.claims, reason=row.reason, confirms=chunk.confirms
        )  # fmt: skip
    if row.state == "accepted" and row.batch_id and not said.batch_id:
        yield offers.accepted(r, row.batch_id, row.accepted_at or now, recovered=True)
    if said.ended or not row.recipients:
        return
    match row.state:
        case "refused":
            yield offers.refused(r, 0, "", saying.WHY, now)
        case "expired":
            yield offers.expired(r, saying.WHY, now, row.recipients)
        case "cancelled":
            yield offers.cancelled(r, chunk.cancelled_by or actor, now, named=row.recipients)
        case "given_up":
            yield offers.doubt_settled(
                r, now, verdict="given_up", actor=actor, why=saying.WHY, named=row.recipients
            )  # fmt: skip


def _left_out(chunk: Chunk, known: Known, opted_out: Collection[str], now: datetime) -> Iterator[Entry]:
    """Who was taken out of an offer, by comparing it with what it was made of."""
    said = set().union(*(known.offers.get(row.reference, NOTHING).gone for row in chunk.rows))
    for reference, gone in _gone(chunk):
        left = [recipient for recipient in gone if recipient not in said]
        out = [recipient for recipient in left if recipient in opted_out]
        others = [recipient for recipient in left if recipient not in opted_out]
        if out:
            yield offers.suppressed(reference, out, OPTED_OUT, now)
        if others:
            yield saying.refused(reference, others, now)


def _gone(chunk: Chunk) -> Iterator[tuple[Reference, list[str]]]:
    of = {row.reference: row for row in chunk.rows}
    for row in chunk.rows:
        r = row.reference
        if r.attempt == 1 and not r.part:
            yield r, _without(chunk.everyone, row.recipients)
        elif row.reason == "absent":
            before = [
                other for other in chunk.rows
                if other.reference.attempt < r.attempt and other.reference.part == r.part
                and other.follows == row.follows and other.state == "absent"
            ]  # fmt: skip
            if before:
                yield r, _without(before[-1].recipients, row.recipients)
        if row.state == "split":
            halves = [of.get(Reference(r.campaign_id, r.chunk, r.attempt, r.part + half)) for half in "ab"]
            yield r, _without(row.recipients, [who for half in halves if half for who in half.recipients])


def _without(some: Sequence[str], others: Collection[str]) -> list[str]:
    gone = set(others)
    return [recipient for recipient in some if recipient not in gone]


def _follow_ups(chunk: Chunk, known: Known, now: datetime) -> Iterator[Entry]:
    """What was said of failures: those that were, or will be, followed up by the next attempt; the others were given up."""
    r = chunk.rows[0].reference
    scheduled: dict[tuple[int, str], list[str]] = {}
    given_up: dict[int, list[str]] = {}
    for failed in chunk.failures:
        place = r.campaign_id, r.chunk, failed.attempt, failed.recipient
        goes_on = not failed.done or any(
            row.reference.attempt > failed.attempt and failed.recipient in row.recipients for row in chunk.rows
        )
        if goes_on and place not in known.scheduled:
            scheduled.setdefault((failed.attempt, failed.due_at), []).append(failed.recipient)
        elif not goes_on and place not in known.given_up:
            given_up.setdefault(failed.attempt, []).append(failed.recipient)
    for (attempt, due_at), recipients in scheduled.items():
        yield offers.follow_up_scheduled(Reference(r.campaign_id, r.chunk, attempt), recipients, due_at, now)
    for attempt, recipients in given_up.items():
        yield offers.follow_up_given_up(Reference(r.campaign_id, r.chunk, attempt), recipients, saying.WHY, now)
