"""Nothing that comes from outside ends the dispatcher: what cannot be taken in is a dead letter, all else goes on (FAULTS B1)."""

import random
import string
from collections import Counter
from typing import Any

import pytest

from contracts import topics
from contracts.events import (
    BatchAccepted,
    BatchReported,
    CampaignRequested,
    DeadLetter,
    DeliveryReported,
    Event,
    FollowUpScheduled,
    RecipientOptedOut,
    SendAttempted,
    decode,
    encode,
)
from contracts.identity import chunk_key, derived_id
from infra.kafka.log import Entry
from infra.process.world import World, iso
from services.dispatcher.fits import misfit
from tests.integration.dispatcher.parts import CAMPAIGN, NUMBERS, Parts, dispatching
from tests.waiting import until

OTHER = CAMPAIGN[:-2] + "bb"
FOREIGN = "01930000-0000-7000-8000-0000000000ff"
NOW = iso(World().clock.wall())
ENDLESS = "".join(random.Random(7).choices(string.ascii_letters + string.digits, k=4_096))
"""4 KB that no compression makes short enough for an index."""
SINCH_S = "SELECT batch_id FROM dispatch.batches WHERE batch_id IS NOT NULL"


def report(name: str, **more: Any) -> DeliveryReported:
    """A report of a failure that may pass."""
    values: dict[str, Any] = {
        "event_id": derived_id(name), "occurred_at": NOW, "batch_id": "B", "recipient": NUMBERS[0], "status": "Failed",
        "code": 203,
    }  # fmt: skip
    return DeliveryReported(**(values | more))


def request(name: str, **more: Any) -> CampaignRequested:
    """A campaign of one message."""
    values: dict[str, Any] = {
        "event_id": derived_id(name), "occurred_at": NOW, "campaign_id": FOREIGN, "chunk": 0, "chunks": 1, "actor": "a",
        "body": "Hello", "recipients": [NUMBERS[9]],
    }  # fmt: skip
    return CampaignRequested(**(values | more))


BAD: dict[str, tuple[str, Event]] = {
    "an index row of 4 KB": (topics.DELIVERY_REPORTS, report("1", batch_id=ENDLESS)),
    "a NUL in a text": (topics.DELIVERY_REPORTS, report("2", batch_id="B\0")),
    "a chunk of 40 bits": (topics.DELIVERY_REPORTS, report("3", campaign_id=FOREIGN, chunk=2**40, attempt=1)),
    "an attempt of 70 bits": (topics.DELIVERY_REPORTS, report("4", campaign_id=FOREIGN, chunk=0, attempt=2**70)),
    "an id that is none": (topics.DELIVERY_REPORTS, report("5", event_id="x" * 36)),
    "a campaign that is none": (topics.DELIVERY_REPORTS, report("6", campaign_id="x" * 36, chunk=0, attempt=1)),
    "an opt-out of nobody": (topics.DELIVERY_REPORTS, report("7", recipient="nobody", code=257)),
    "a priority of 16 bits": (topics.CAMPAIGN_REQUESTS, request("8", priority=40_000)),
    "a delay of 40 bits": (topics.CAMPAIGN_REQUESTS, request("9", retry_delays=[2**40])),
    "a moment that is none": (topics.CAMPAIGN_REQUESTS, request("10", send_at="9999-99-99T99:99:99.999Z")),
    "more than Sinch takes": (topics.CAMPAIGN_REQUESTS, request("11", recipients=[NUMBERS[9]] * 1_001)),
    "a chunk beyond the last": (topics.CAMPAIGN_REQUESTS, request("12", chunk=1)),
    "a word in place of a number": (topics.CONSENT, RecipientOptedOut(
        event_id=derived_id("13"), occurred_at=NOW, recipient="nobody", received_at=NOW, source="reply")),
    "a word for ever": (topics.CONSENT, RecipientOptedOut(
        event_id=derived_id("14"), occurred_at=NOW, recipient=NUMBERS[9], received_at="infinity" + " " * 16,
        source="reply")),
    "an attempt that leaves no other": (topics.DISPATCHES, SendAttempted(
        event_id=derived_id("15"), occurred_at=NOW, campaign_id=CAMPAIGN, chunk=0, attempt=2**31 - 1, client_reference="r",
        recipients=[NUMBERS[0]], sender="1")),
    "an attempt before time began": (topics.DISPATCHES, SendAttempted(
        event_id=derived_id("16"), occurred_at="0001-01-01T00:00:00.000Z", campaign_id=CAMPAIGN, chunk=0, attempt=2,
        client_reference="r", recipients=[NUMBERS[0]], sender="1")),
}  # fmt: skip


async def test_what_cannot_be_taken_in_is_a_dead_letter_and_the_rest_goes_on(these: Parts) -> None:
    """Sixteen kinds of it between two campaigns and a STOP, in the same batch: each is named, with its place and bytes."""
    await these.ask(NUMBERS[:3])
    stop = RecipientOptedOut(
        event_id=derived_id("s"), occurred_at=NOW, recipient=NUMBERS[4], received_at=NOW, source="reply"
    )
    await these.appender.append_all(
        [Entry(topic, chunk_key(CAMPAIGN, n), encode(event)) for n, (topic, event) in enumerate(BAD.values())]
        + [Entry(topics.CONSENT, "a key", encode(stop))]
        + [Entry(topics.DELIVERY_REPORTS, "B", encode(report("orphan")))]
    )
    await these.ask(NUMBERS[3:6], campaign=OTHER)
    async with dispatching(these, in_doubt_settle=0.1):

        async def all_named() -> bool:
            return len(await these.events(DeadLetter, topics.DEAD_LETTERS)) >= len(BAD)

        await until(all_named, "every one is a dead letter", within=60.0)
        await these.settled(chunks=2)
    letters = await these.events(DeadLetter, topics.DEAD_LETTERS)
    assert sorted(letter.raw for letter in letters) == sorted(encode(event) for _, event in BAD.values())
    assert all(letter.offset is not None and letter.partition is not None for letter in letters)
    assert {letter.origin for letter in letters} == {topic for topic, _ in BAD.values()}
    assert await these.sent() == dict.fromkeys([*NUMBERS[:4], NUMBERS[5]], 1)
    assert await these.ledger.fetchval("SELECT count(*) FROM dispatch.orphans") == 1
    assert await these.ledger.fetchval("SELECT opted_out FROM dispatch.consent WHERE recipient = $1", int(NUMBERS[4]))


async def test_an_orphan_too_large_for_its_place_is_a_dead_letter(these: Parts) -> None:
    """A report that filled a record came before we knew its batch: with its place beside it, it is larger than a record."""
    await these.ask(NUMBERS[:2])
    async with dispatching(these):
        await these.settled()
        batch_id = await these.ledger.fetchval(SINCH_S)
        whole = report("large", batch_id=batch_id, status="Delivered", code=0)
        whole = report("large", batch_id=batch_id, status="Delivered", code=0,
                       extra={"x": "x" * (999_930 - len(encode(whole)) - len(batch_id) * 4)})  # fmt: skip
        small = report("small", batch_id=batch_id, status="Delivered", code=0, recipient=NUMBERS[1])
        for event in (whole, small):
            await these.appender.append(Entry(topics.DELIVERY_REPORTS, batch_id, encode(event)))

        async def none_waits() -> bool:
            found = await these.events(DeadLetter, topics.DEAD_LETTERS)
            return bool(found) and await these.ledger.fetchval("SELECT count(*) FROM dispatch.orphans") == 0

        await until(none_waits, "both orphans are settled", within=60.0)
    (letter,) = await these.events(DeadLetter, topics.DEAD_LETTERS)
    assert (letter.origin, letter.offset, letter.truncated) == (topics.DELIVERY_REPORTS, None, True)
    assert len(letter.raw) == 500_000
    placed = [e for e in await these.events(DeliveryReported, topics.DELIVERY_REPORTS) if e.event_id == small.event_id]
    assert Counter(event.campaign_id for event in placed) == {None: 1, CAMPAIGN: 1}  # read from two partitions


async def test_a_stop_that_was_sent_to_an_endless_number_is_confirmed(these: Parts) -> None:
    """The opt-out holds, and its confirmation comes from the usual number: a record of twice the size is not made."""
    stop = RecipientOptedOut(
        event_id=derived_id("stop"), occurred_at=NOW, recipient=NUMBERS[0], received_at=iso(World().clock.wall()),
        source="reply", keyword="STOP", originator="9" * 998_000,
    )  # fmt: skip
    await these.say(topics.CONSENT, "a key", stop)
    async with dispatching(these, consent_opt_out_confirmation="Nothing more comes."):
        await these.settled()
    assert await these.sent() == {NUMBERS[0]: 1}
    (asked,) = await these.events(CampaignRequested, topics.CAMPAIGN_REQUESTS)
    assert asked.sender is None


async def test_a_bad_fact_that_waits_for_its_chunk_does_not_take_it_along(these: Parts) -> None:
    """It came first, and would be applied when the chunk comes: it is the dead letter, and the chunk is sent."""
    place: dict[str, Any] = {"campaign_id": CAMPAIGN, "chunk": 0, "attempt": 1}
    early: list[tuple[str, Event]] = [
        (topics.DISPATCHES, FollowUpScheduled(event_id=derived_id("e1"), occurred_at=NOW, recipients=[NUMBERS[0]],
                                              due_at="x" * 24, **place)),
        (topics.DISPATCHES, BatchAccepted(event_id=derived_id("e2"), occurred_at=NOW, client_reference="r",
                                          batch_id=ENDLESS, **place)),
        (topics.DELIVERY_REPORTS, report("e3", occurred_at="x" * 24, **place)),
        (topics.DELIVERY_REPORTS, report("e4", batch_id=ENDLESS, **place)),
    ]  # fmt: skip
    await these.appender.append_all([Entry(topic, chunk_key(CAMPAIGN, 0), encode(event)) for topic, event in early])
    async with dispatching(these):

        async def all_named() -> bool:
            return len(await these.events(DeadLetter, topics.DEAD_LETTERS)) >= len(early)

        await until(all_named, "every one is a dead letter", within=60.0)
        await these.ask(NUMBERS[:2])
        await these.settled()
    assert await these.sent() == dict.fromkeys(NUMBERS[:2], 1)


@pytest.mark.parametrize("example", BAD.values(), ids=BAD)
def test_every_one_of_them_is_a_valid_event(example: tuple[str, Event]) -> None:
    """Else it would be a dead letter for another reason."""
    assert decode(encode(example[1])) == example[1]


def test_what_fits_is_let_through() -> None:
    """The bounds themselves, and what nobody looks at."""
    assert misfit(request("ok", send_at="9999-12-31T23:59:59.999Z", expire_at="0001-01-01T00:00:00.000Z")) is None
    assert misfit(report("ok", status="", code=-5, recipient="nobody")) is None
    assert misfit(BatchReported(event_id="x" * 36, occurred_at=NOW, batch_id="", total=-1, statuses=[])) is None
