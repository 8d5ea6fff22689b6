"""What `traffic.py` has not: whole batches that end otherwise, single recipients, consent, replies, orphans, controls."""

import random
from collections.abc import Iterator
from typing import Any

from contracts import events as e
from contracts import topics
from contracts.identity import chunk_key, derived_id
from tests.integration.projector.traffic import FIRST_NUMBER, START, Said, campaign_id, chunk, moment, reports

FIRST_CAMPAIGN = 900
SIZE = 20  # recipients of a chunk


def other_facts(campaigns: int = 4, *, seed: int = 1) -> list[Said]:
    """Some campaigns in which every kind of fact occurs, shuffled, one record in ten twice."""
    chance = random.Random(seed)
    said = [*_people(chance), *_orphans(chance)]
    for number in range(FIRST_CAMPAIGN, FIRST_CAMPAIGN + campaigns):
        said += _campaign(number, chance)
    said += chance.sample(said, len(said) // 10)
    chance.shuffle(said)
    return said


def _campaign(number: int, chance: random.Random) -> Iterator[Said]:
    """A chunk for each way in which a batch can end, and what was decided about the campaign."""
    ends: list[tuple[type[e.AnyEvent], dict[str, Any]]] = [
        (e.BatchRefused, {"http_status": 400, "code": "syntax_invalid_json", "client_reference": "r"}),
        (e.BatchExpired, {"reason": "its time had passed"}),
        (e.BatchCancelled, {"actor": "test"}),
        (e.BatchCancelled, {"actor": "test", "provider_said": "Dispatched"}),
        (e.BatchInDoubt, {"why": "a\ttab and a \\", "client_reference": "r"}),
    ]
    for nth, (kind, more) in enumerate(ends):
        recipients = [str(FIRST_NUMBER + nth * SIZE + n) for n in range(SIZE)]
        yield from chunk(number, nth, len(ends), recipients)
        yield _about(number, nth, kind, **more)
        yield _about(number, nth, e.RecipientsSuppressed, recipients=recipients[:2], reason="opted out")
        yield _about(number, nth, e.RecipientsRefused, recipients=recipients[2:4], code="c", text="no such number")
        yield _about(number, nth, e.ReportNeverCame, recipients=recipients[4:6], batch_id="01B")
        yield from reports(number, nth, recipients[6 : chance.randrange(7, SIZE)], chance)
        for attempt in (2, 9999):  # which nobody made, except in every second chunk the second
            yield from reports(number, nth, recipients[8:12], chance, attempt)
        if nth % 2:
            yield _about(number, nth, e.BatchAccepted, attempt=2, client_reference="r", batch_id="01B2")
    controls: tuple[type[e.ControlEvent], ...] = (e.CampaignPaused, e.CampaignResumed, e.CampaignCancelled)
    for kind in chance.choices(controls, [6, 6, 1], k=5):
        event: e.ControlEvent = kind(
            event_id=derived_id("control", str(number), str(chance.random())), occurred_at=moment(chance.randrange(9)),
            campaign_id=campaign_id(number), actor="test", decision=chance.randrange(3),
        )  # fmt: skip
        yield Said(topics.CAMPAIGN_CONTROL, campaign_id(number), event)


def _about(number: int, nth: int, kind: type[Any], **more: Any) -> Said:
    """A fact about an offer of a chunk, the first unless another is given."""
    key = chunk_key(campaign_id(number), nth)
    event = kind(
        event_id=derived_id(kind.__name__, key), occurred_at=moment(50), campaign_id=campaign_id(number), chunk=nth,
        **{"attempt": 1} | more,
    )  # fmt: skip
    return Said(topics.DELIVERY_REPORTS if kind is e.ReportNeverCame else topics.DISPATCHES, key, event)


def _people(chance: random.Random) -> Iterator[Said]:
    """STOP and START of forty phones, many in the same second, and replies."""
    for n in range(200):
        phone = str(FIRST_NUMBER + chance.randrange(40))
        kinds: tuple[type[e.RecipientOptedOut | e.RecipientOptedIn], ...] = (e.RecipientOptedOut, e.RecipientOptedIn)
        kind = chance.choice(kinds)
        received = moment(chance.randrange(6))
        word = kind(
            event_id=derived_id("consent", str(n)), occurred_at=received, recipient=phone, received_at=received,
            source="reply",
        )  # fmt: skip
        yield Said(topics.CONSENT, phone, word)
        reply = e.InboundReceived(
            event_id=derived_id("reply", str(n)), occurred_at=START, inbound_id=f"01I{n:05d}", sender=phone,
            originator="15550100000", kind="text", received_at=received, body=f"STOP\tit\n{n} \\N",
        )  # fmt: skip
        yield Said(topics.INBOUND_MESSAGES, phone, reply)


def _orphans(chance: random.Random) -> Iterator[Said]:
    """Reports without a reference of ours; half of them come again under their chunk."""
    number = FIRST_CAMPAIGN - 1
    recipients = [str(FIRST_NUMBER + n) for n in range(SIZE)]
    yield from chunk(number, 0, 1, recipients)
    for nth, recipient in enumerate(recipients):
        at = moment(chance.randrange(50))
        report: dict[str, Any] = {
            "event_id": derived_id("orphan", recipient), "occurred_at": at, "at": at, "batch_id": "01F", "code": 0,
            "recipient": recipient, "status": "Delivered", "client_reference": "theirs",
        }  # fmt: skip
        yield Said(topics.DELIVERY_REPORTS, "01F", e.DeliveryReported(**report))
        if nth % 2:
            place: dict[str, Any] = {"campaign_id": campaign_id(number), "chunk": 0, "attempt": 1}
            key = chunk_key(campaign_id(number), 0)
            yield Said(topics.DELIVERY_REPORTS, key, e.DeliveryReported(**report, **place))
