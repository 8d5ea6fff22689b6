"""Facts of the log about offers: when they count, and what they come to."""

from typing import Any

from contracts import events as e
from contracts.identity import Reference, derived_id
from infra.kafka.records import Partition
from services.dispatcher.from_log.facts import Fact, Proof, Standing, Sum, divide, reference_in

CAMPAIGN = "01930000-0000-7000-8000-000000000001"
AT = "2026-03-01T12:00:00.000Z"
FIRST = Reference(CAMPAIGN, 0, 1)
NUMBER = "15550000001"


def fact(kind: type[Any], **more: Any) -> Fact:
    """One event about the first offer."""
    values: dict[str, Any] = {
        "event_id": derived_id(kind.__name__, str(more)), "occurred_at": AT, "campaign_id": CAMPAIGN, "chunk": 0, "attempt": 1,
    }  # fmt: skip
    event = kind(**(values | more))
    return Fact(event, b"", reference_in(event), Partition("dispatches", 0), 0)


def attempted(**more: Any) -> Fact:
    """SendAttempted."""
    return fact(e.SendAttempted, **({"client_reference": "r", "recipients": [NUMBER], "sender": "1"} | more))


REPORT = fact(e.DeliveryReported, batch_id="B", recipient=NUMBER, status="Delivered", code=0)
ACCEPTED = fact(e.BatchAccepted, client_reference="r", batch_id="B")


def test_what_is_about_an_unknown_chunk_waits() -> None:
    """The topics may be read in any order."""
    some = [attempted(), ACCEPTED, REPORT]
    assert divide(some, {FIRST: Standing(False, None, 0)}) == ([], some)


def test_a_report_waits_for_its_attempt() -> None:
    """A report under an attempt that nobody made counts for nothing."""
    assert divide([REPORT], {FIRST: Standing(True, "due", 0)}) == ([], [REPORT])
    assert divide([REPORT], {FIRST: Standing(True, "attempting", 1)}) == ([REPORT], [])
    both = [REPORT, attempted()]
    assert divide(both, {FIRST: Standing(True, "due", 0)}) == (both, [])


def test_our_own_word_about_an_acceptance_outranks_a_report() -> None:
    """It carries the moment; the log need not hear of it again."""
    for some in ([REPORT, ACCEPTED], [ACCEPTED, REPORT]):
        assert Sum.of(some).proofs == {FIRST: Proof("B", AT)}
    assert Sum.of([REPORT]).proofs == {FIRST: Proof("B", None)}


def test_the_greatest_claim_says_who_is_in_the_offer() -> None:
    """In whatever order the claims are read."""
    less = attempted(claim=2, recipients=[])
    for some in ([attempted(), less], [less, attempted()]):
        assert Sum.of(some).attempts == {FIRST: less.event}


def test_a_cancel_at_sinch_ends_nothing() -> None:
    """Its reports decide; before the offer it is the end."""
    assert Sum.of([fact(e.BatchCancelled, actor="a", provider_said="canceled")]).ended == {}
    assert Sum.of([fact(e.BatchCancelled, actor="a")]).ended == {FIRST: "cancelled"}
