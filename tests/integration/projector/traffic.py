"""A log of campaigns as the services write it, made from a seed: for the tests with real processes, and the benchmark."""

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from contracts import events as e
from contracts import topics
from contracts.events import encode
from contracts.identity import chunk_key, derived_id
from infra.kafka.log import Entry

START = "2026-03-01T12:00:00.000Z"
FIRST_NUMBER = 15_550_000_000


class Said(NamedTuple):
    """An event and where it belongs."""

    topic: str
    key: str
    event: e.AnyEvent

    @property
    def entry(self) -> Entry:
        """As it is appended."""
        return Entry(self.topic, self.key, encode(self.event))


def campaign_id(number: int) -> str:
    """The id of the test's nth campaign."""
    return f"01930000-0000-7000-8000-{number:012x}"


def moment(second: float) -> str:
    """A moment some seconds after the start, below an hour."""
    whole, milli = divmod(int(second * 1000), 1000)
    return f"2026-03-01T12:{whole // 60:02d}:{whole % 60:02d}.{milli:03d}Z"


def reports(
    number: int, chunk: int, recipients: Sequence[str], chance: random.Random, attempt: int = 1
) -> Iterator[Said]:
    """Three reports for each: queued, dispatched, and its end, one in ten a failure."""
    campaign, batch = campaign_id(number), f"01B{number:05d}C{chunk:05d}A{attempt}"
    reference, key = f"{campaign}.{chunk}.{attempt}", chunk_key(campaign, chunk)
    for recipient in recipients:
        end, code = ("Delivered", 0) if chance.random() < 0.9 else ("Failed", chance.choice((402, 404)))
        for step, (word, number_of) in enumerate((("Queued", 400), ("Dispatched", 401), (end, code))):
            at = moment(min(attempt, 9) * 100 + step * 10 + chance.random())
            yield Said(
                topics.DELIVERY_REPORTS,
                key,
                e.DeliveryReported(
                    event_id=derived_id(reference, recipient, word), occurred_at=at, batch_id=batch, recipient=recipient,
                    status=word, code=number_of, at=at, campaign_id=campaign, chunk=chunk, attempt=attempt,
                    client_reference=reference, parts=1, operator="310260", operator_status_at=at,
                ),
            )  # fmt: skip


def chunk(
    number: int, chunk: int, chunks: int, recipients: Sequence[str], retry_delays: Sequence[int] = ()
) -> Iterator[Said]:
    """A chunk asked for, attempted and accepted."""
    campaign, key = campaign_id(number), chunk_key(campaign_id(number), chunk)
    reference = f"{campaign}.{chunk}.1"
    yield Said(
        topics.CAMPAIGN_REQUESTS,
        key,
        e.CampaignRequested(
            event_id=derived_id("requested", key), occurred_at=START, campaign_id=campaign, chunk=chunk, chunks=chunks,
            actor="test", body="Hello", recipients=list(recipients), retry_delays=list(retry_delays),
        ),
    )  # fmt: skip
    yield Said(
        topics.DISPATCHES,
        key,
        e.SendAttempted(
            event_id=derived_id("attempted", key), occurred_at=moment(1), campaign_id=campaign, chunk=chunk, attempt=1,
            client_reference=reference, recipients=list(recipients), sender="15550100000",
        ),
    )  # fmt: skip
    yield Said(
        topics.DISPATCHES,
        key,
        e.BatchAccepted(
            event_id=derived_id("accepted", key), occurred_at=moment(2), campaign_id=campaign, chunk=chunk, attempt=1,
            client_reference=reference, batch_id=f"01B{number:05d}C{chunk:05d}A1",
        ),
    )  # fmt: skip


def traffic(messages: int, *, campaigns: int = 3, chunk_size: int = 100, seed: int = 1) -> list[Said]:
    """Campaigns with all their facts, shuffled, one record in fifty twice."""
    chance = random.Random(seed)
    said: list[Said] = []
    for number in range(campaigns):
        numbers = [str(FIRST_NUMBER + n) for n in range(messages // campaigns)]
        parts = [numbers[at : at + chunk_size] for at in range(0, len(numbers), chunk_size)]
        retry_delays = [60] if number % 2 else []
        for nth, recipients in enumerate(parts):
            said += chunk(number, nth, len(parts), recipients, retry_delays)
            told = list(reports(number, nth, recipients, chance))
            said += told
            if retry_delays:
                said += _followed_up(number, nth, told, chance)
    said += chance.sample(said, len(said) // 50)
    chance.shuffle(said)
    return said


def _followed_up(number: int, nth: int, told: Sequence[Said], chance: random.Random) -> Iterator[Said]:
    """Of the failures that may pass, half are sent again and half given up."""
    failed = [s.event.recipient for s in told if isinstance(s.event, e.DeliveryReported) and s.event.code == 404]
    again, given_up = failed[::2], failed[1::2]
    campaign, key = campaign_id(number), chunk_key(campaign_id(number), nth)
    place = {"campaign_id": campaign, "chunk": nth}
    if given_up:
        yield Said(topics.DISPATCHES, key, e.FollowUpGivenUp(
            event_id=derived_id("given up", key), occurred_at=moment(90), attempt=1, recipients=given_up,
            reason="no delay is left", **place))  # type: ignore[arg-type]  # fmt: skip
    if again:
        yield Said(topics.DISPATCHES, key, e.FollowUpScheduled(
            event_id=derived_id("scheduled", key), occurred_at=moment(90), attempt=1, recipients=again,
            due_at=moment(95), **place))  # type: ignore[arg-type]  # fmt: skip
        yield Said(topics.DISPATCHES, key, e.SendAttempted(
            event_id=derived_id("again", key), occurred_at=moment(96), attempt=2, recipients=again, reason="follow_up",
            sender="15550100000", client_reference=f"{campaign}.{nth}.2", **place))  # type: ignore[arg-type]  # fmt: skip
        yield from reports(number, nth, again, chance, attempt=2)
