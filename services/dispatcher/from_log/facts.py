"""Facts of the log about offers, and what they come to. Pure.

A fact counts once what it names is in the ledger: a word of ours once the chunk is, a report once its offer was attempted.
Until then it is kept. So the order in which topics are read decides nothing, and a report under an attempt that nobody made
counts for nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts import events as e
from contracts.follow_ups import may_pass
from contracts.identity import Reference
from contracts.statuses import standing_of
from infra.kafka.records import Partition

DELIVERED = "delivered"
ChunkKey = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Fact:
    """One event about one offer, with its bytes and its place in the log."""

    event: Any
    raw: bytes
    reference: Reference
    partition: Partition
    offset: int

    @property
    def chunk(self) -> ChunkKey:
        """The chunk that it is about."""
        return self.reference.campaign_id, self.reference.chunk

    @property
    def is_report(self) -> bool:
        """Whether Sinch said it."""
        return isinstance(self.event, e.DeliveryReported | e.BatchReported)


def reference_in(event: Any) -> Reference:
    """The offer that an event is about."""
    return Reference(event.campaign_id, event.chunk, event.attempt, event.part)


@dataclass(frozen=True, slots=True)
class Standing:
    """How the ledger stands to an offer. `known`: it has the chunk; `state` None: not the offer; `retries`: its policy."""

    known: bool
    state: str | None
    claims: int
    retries: bool = False


@dataclass(frozen=True, slots=True)
class Proof:
    """Sinch has the batch. `at`: since when, where one of us said so in the log; None: only a report says so."""

    batch_id: str
    at: str | None


def is_unknown(event: e.SendAttempted, standing: Standing) -> bool:
    """Whether the ledger does not know of this attempt: it was made anew, or is a restored backup."""
    return standing.state is None or standing.claims < event.claim


def divide(facts: Iterable[Fact], standings: Mapping[Reference, Standing]) -> tuple[list[Fact], list[Fact]]:
    """Those that count now, and those that have to wait."""
    some = list(facts)
    attempted = {fact.reference for fact in some if isinstance(fact.event, e.SendAttempted)}
    now, later = list[Fact](), list[Fact]()
    for fact in some:
        standing = standings[fact.reference]
        counts = standing.known and (not fact.is_report or standing.claims > 0 or fact.reference in attempted)
        (now if counts else later).append(fact)
    return now, later


@dataclass(slots=True)
class Sum:
    """What facts come to, each offer by its reference.

    `attempts` by their greatest claim; `removed` with the state of an offer that loses all; `ended` in which state.
    """

    attempts: dict[Reference, e.SendAttempted] = field(default_factory=dict)
    removed: dict[Reference, tuple[set[str], str]] = field(default_factory=dict)
    ended: dict[Reference, str] = field(default_factory=dict)
    absent_by_hand: list[Reference] = field(default_factory=list)
    proofs: dict[Reference, Proof] = field(default_factory=dict)
    scheduled: list[tuple[Reference, str, str]] = field(default_factory=list)
    given_up: list[tuple[Reference, str]] = field(default_factory=list)
    failed: list[e.DeliveryReported] = field(default_factory=list)
    delivered: list[e.DeliveryReported] = field(default_factory=list)
    named: set[Reference] = field(default_factory=set)

    @classmethod
    def of(cls, facts: Iterable[Fact]) -> "Sum":
        """Add them up."""
        total = cls()
        for fact in facts:
            handler = _HANDLERS.get(type(fact.event))
            if handler is not None:
                handler(total, fact.event, fact.reference)
            if not fact.is_report:
                total.named.add(fact.reference)
        return total

    def attempted(self, event: e.SendAttempted, reference: Reference) -> None:
        """It may have reached Sinch."""
        known = self.attempts.get(reference)
        if known is None or known.claim < event.claim:
            self.attempts[reference] = event

    def accepted(self, event: e.BatchAccepted, reference: Reference) -> None:
        """One of us said that Sinch has it."""
        self.proofs[reference] = Proof(event.batch_id, event.occurred_at)

    def cancelled(self, event: e.BatchCancelled, reference: Reference) -> None:
        """Before it was offered that is the end; at Sinch, its reports decide."""
        if not event.provider_said:
            self.ended[reference] = "cancelled"

    def settled(self, event: e.DoubtSettled, reference: Reference) -> None:
        """A doubt's end, by hand or by age."""
        match event.verdict:
            case "accepted":
                self.proofs[reference] = Proof(event.batch_id, event.occurred_at)
            case "given_up":
                self.ended[reference] = "given_up"
            case _:
                self.absent_by_hand.append(reference)

    def left_out(self, event: e.RecipientsSuppressed | e.RecipientsRefused, reference: Reference) -> None:
        """These are not in the offer any more."""
        state = "suppressed" if isinstance(event, e.RecipientsSuppressed) else "refused"
        gone, _ = self.removed.setdefault(reference, (set(), state))
        gone.update(event.recipients)

    def follow_up(self, event: e.FollowUpScheduled, reference: Reference) -> None:
        """These are offered again."""
        self.scheduled += [(reference, recipient, event.due_at) for recipient in event.recipients]

    def no_follow_up(self, event: e.FollowUpGivenUp, reference: Reference) -> None:
        """These are not."""
        self.given_up += [(reference, recipient) for recipient in event.recipients]

    def report(self, event: e.DeliveryReported, reference: Reference) -> None:
        """A report proves that the offer arrived, and says what became of one message."""
        self.proofs.setdefault(reference, Proof(event.batch_id, None))
        if standing_of(event.status).status == DELIVERED:
            self.delivered.append(event)
        elif may_pass(event.status, event.code):
            self.failed.append(event)

    def report_of_batch(self, event: e.BatchReported, reference: Reference) -> None:
        """A summary proves that the offer arrived."""
        self.proofs.setdefault(reference, Proof(event.batch_id, None))

    def end(self, state: str, reference: Reference) -> None:
        """It is never offered again."""
        self.ended[reference] = state


_HANDLERS: dict[type, Callable[[Sum, Any, Reference], None]] = {
    e.SendAttempted: Sum.attempted,
    e.BatchAccepted: Sum.accepted,
    e.BatchRefused: lambda total, _, reference: total.end("refused", reference),
    e.BatchExpired: lambda total, _, reference: total.end("expired", reference),
    e.BatchCancelled: Sum.cancelled,
    e.DoubtSettled: Sum.settled,
    e.RecipientsSuppressed: Sum.left_out,
    e.RecipientsRefused: Sum.left_out,
    e.FollowUpScheduled: Sum.follow_up,
    e.FollowUpGivenUp: Sum.no_follow_up,
    e.DeliveryReported: Sum.report,
    e.BatchReported: Sum.report_of_batch,
}
