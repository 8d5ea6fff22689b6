"""What Sinch has and the log does not know of, as events: nobody gets a second time what was sent before the loss. Pure.

Every batch at Sinch carries our reference and its recipients. A batch that the log does not know becomes SendAttempted and
BatchAccepted. Where the log knows nothing of a chunk but its request and its first, whole offer, the batches tell who is in
none of them: these become one more offer, in doubt, which is looked for and then made.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from contracts.identity import Reference, parse_reference
from infra.kafka.log import Entry
from infra.sinch.wire.batches import Batch
from services.dispatcher import offers
from services.dispatcher.from_log.facts import ChunkKey
from services.dispatcher.restoring import saying
from services.dispatcher.restoring.known import Known, Offered

OF_A_PART = "what became of this half is not in the log: whoever of it has no message is offered anew"
NOTHING = Offered()


@dataclass(frozen=True, slots=True)
class Found:
    """A batch of ours at Sinch."""

    reference: Reference
    batch_id: str
    recipients: list[str]
    at: datetime


def found_in(batches: Iterable[Batch], now: datetime) -> Iterator[Found]:
    """Those that carry a reference of ours."""
    for batch in batches:
        reference = parse_reference(batch.client_reference)
        if reference is not None:
            yield Found(reference, batch.id, [number.removeprefix("+") for number in batch.to], _moment(batch, now))


def _moment(batch: Batch, now: datetime) -> datetime:
    try:
        at = datetime.fromisoformat(batch.created_at or "")
    except ValueError:
        return now
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def by_chunk(found: Iterable[Found]) -> dict[ChunkKey, list[Found]]:
    """The batches of each chunk, in the order of their attempts and parts; the first of two of one reference."""
    chunks: dict[ChunkKey, dict[Reference, Found]] = {}
    for one in sorted(found, key=lambda one: one.batch_id):
        r = one.reference
        chunks.setdefault((r.campaign_id, r.chunk), {}).setdefault(r, one)
    return {
        chunk: sorted(some.values(), key=lambda one: (one.reference.attempt, one.reference.part))
        for chunk, some in chunks.items()
    }


def lacking(chunk: ChunkKey, found: Sequence[Found], known: Known, now: datetime) -> list[Entry]:
    """What the log lacks of one chunk, of which Sinch has these batches."""
    said = {reference: known.offers[reference] for reference in known.of_chunk.get(chunk, ())}
    if all(said.get(one.reference, NOTHING).batch_id for one in found):
        return []
    first = Reference(*chunk, 1)
    known_first = said.get(first, NOTHING)
    is_simple = said.keys() <= {first} and not known_first.batch_id and not known_first.ended
    request = known.requests.get(chunk)
    followed = _follow_ups(found, said)
    entries = list[Entry]()
    if is_simple:
        wanted = request.recipients if request else [who for one in found for who in one.recipients]
        left = [who for who in wanted if who not in known_first.gone]
        entries += _wholes(found, followed, said, left)
    for one in found:
        entries += _of_batch(one, said.get(one.reference, NOTHING), follows=one.reference in followed)
    if is_simple and request:
        made = [one for one in found if one.reference not in followed]
        highest = max(one.reference.attempt for one in found)
        entries += _rest(made, left, Reference(*chunk, highest + 1), now)
    return entries


def _follow_ups(found: Sequence[Found], said: Mapping[Reference, Offered]) -> set[Reference]:
    """Batches with somebody who is in an earlier attempt that Sinch has: made because that one failed."""
    accepted = [(one.reference, one.recipients) for one in found]
    accepted += [(reference, offered.recipients) for reference, offered in said.items() if offered.batch_id]
    return {
        one.reference
        for one in found
        if any(r.attempt < one.reference.attempt and not set(one.recipients).isdisjoint(some) for r, some in accepted)
    }


def _wholes(
    found: Sequence[Found], followed: set[Reference], said: Mapping[Reference, Offered], left: list[str]
) -> Iterator[Entry]:
    """Parts were made of an offer that was whole: that it was made, and of whom."""
    there = {one.reference for one in found}
    for attempt in sorted({one.reference.attempt for one in found if one.reference.part}):
        parts = [one for one in found if one.reference.attempt == attempt]
        r = parts[0].reference
        whole = Reference(r.campaign_id, r.chunk, attempt)
        if whole in said or whole in there:
            continue
        follows = any(one.reference in followed for one in parts)
        recipients = [who for one in parts for who in one.recipients] if follows else left
        reason = "first" if attempt == 1 else "follow_up" if follows else "absent"
        yield saying.attempted(whole, recipients, parts[0].at, claim=1, reason=reason)


def _of_batch(one: Found, said: Offered, *, follows: bool) -> Iterator[Entry]:
    r = one.reference
    if set(said.recipients) != set(one.recipients):
        first = "split" if r.part else "first"
        reason = "follow_up" if follows and not r.part else first if r.attempt == 1 or r.part else "absent"
        yield saying.attempted(r, one.recipients, one.at, claim=said.claim + 1, reason=reason)
    if not said.batch_id:
        yield offers.accepted(r, one.batch_id, one.at, recovered=True)


def _rest(found: Sequence[Found], left: Sequence[str], more: Reference, now: datetime) -> Iterator[Entry]:
    """Halves that Sinch does not have are ended; whoever is in no batch is in one more offer, of which nobody knows."""
    parts = {(one.reference.attempt, one.reference.part) for one in found}
    for attempt, half in sorted({(attempt, half) for attempt, part in parts for half in _halves_beside(part)}):
        if not any(of == attempt and part.startswith(half) for of, part in parts):
            yield offers.expired(Reference(more.campaign_id, more.chunk, attempt, half), OF_A_PART, now)
    there = {who for one in found for who in one.recipients}
    rest = [who for who in left if who not in there]
    if rest and found:
        yield saying.attempted(more, rest, now, claim=1, reason="absent")


def _halves_beside(part: str) -> Iterator[str]:
    """The other half at each level."""
    for level, half in enumerate(part):
        yield part[:level] + ("b" if half == "a" else "a")
