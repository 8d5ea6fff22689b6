"""Strategies for the events of one small campaign: two chunks, four attempts of which not all are made, every kind of fact."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from contracts import events as e
from contracts.identity import derived_id

CAMPAIGN = "01930000-0000-7000-8000-000000000001"
CHUNKS = (["15550000001", "15550000002"], ["15550000004"])
STRANGERS = ("15559999990", "15550000001")  # never requested in chunk 1; the second is another chunk's
MOMENTS = [f"2026-03-01T12:00:0{n}.000Z" for n in range(4)]
ATTEMPTS = [1, 1, 2, 2, 3, 9999]
PARTS = ["", "", "", "ab"]
WORDS = ["Queued", "Dispatched", "Unknown", "Failed", "Delivered", "delivered", "rejected", "Weird\tnew \\ word"]


def _id(name: str, *what: object) -> str:
    return derived_id(name, *map(str, what))


@st.composite
def campaign_events(draw: st.DrawFn) -> list[e.AnyEvent]:
    """Both chunks requested, and any facts about them, each any number of times, in any order."""
    asked = requests(draw(st.sampled_from([[], [60]])))
    facts = draw(st.lists(st.one_of(_reports(), _dispatches(), _recipient_facts()), min_size=4, max_size=25))
    again = draw(st.lists(st.sampled_from([*asked, *facts]), max_size=5))
    return draw(st.permutations([*asked, *facts, *again]))


def requests(retry_delays: Sequence[int] = ()) -> list[e.AnyEvent]:
    """What was asked for."""
    return [
        e.CampaignRequested(
            event_id=_id("requested", n), occurred_at=MOMENTS[0], campaign_id=CAMPAIGN, chunk=n, chunks=len(CHUNKS),
            actor="test", body="Hello", recipients=recipients, retry_delays=list(retry_delays),
        )
        for n, recipients in enumerate(CHUNKS)
    ]  # fmt: skip


@st.composite
def _reports(draw: st.DrawFn) -> e.AnyEvent:
    chunk = draw(st.integers(0, 1))
    at, word = draw(st.one_of(st.none(), st.sampled_from(MOMENTS))), draw(st.sampled_from(WORDS))
    recipient = draw(st.sampled_from([*CHUNKS[chunk], STRANGERS[chunk]]))
    code, attempt, part = (
        draw(st.sampled_from([0, 401, 15, 404])),
        draw(st.sampled_from(ATTEMPTS)),
        draw(st.sampled_from(PARTS)),
    )
    return e.DeliveryReported(
        event_id=_id("report", chunk, at, word, recipient, code, attempt, part), occurred_at=at or MOMENTS[0],
        campaign_id=CAMPAIGN, chunk=chunk, attempt=attempt, part=part, batch_id="01BATCH-1", recipient=recipient,
        status=word, code=code, at=at, client_reference=f"{CAMPAIGN}.{chunk}.{attempt}" + (part and f".{part}"),
    )  # fmt: skip


@st.composite
def _dispatches(draw: st.DrawFn) -> e.AnyEvent:
    chunk, attempt, at = draw(st.integers(0, 1)), draw(st.integers(1, 3)), draw(st.sampled_from(MOMENTS))
    part = draw(st.sampled_from(PARTS))
    kinds = (
        e.SendAttempted,
        e.BatchAccepted,
        e.BatchInDoubt,
        e.BatchRefused,
        e.BatchCancelled,
        e.BatchExpired,
        e.DoubtSettled,
    )
    kind, verdict = draw(st.sampled_from(kinds)), draw(st.sampled_from(["accepted", "absent", "given_up"]))
    named = draw(st.sampled_from([[], CHUNKS[chunk], CHUNKS[chunk][:1]]))
    said = draw(st.sampled_from(["", "Queued"]))
    more: dict[type, dict[str, Any]] = {
        e.SendAttempted: {"recipients": CHUNKS[chunk][:1], "sender": "1", "client_reference": "r"},
        e.BatchAccepted: {"batch_id": draw(st.sampled_from(["01BATCH", f"01BATCH{attempt}"])), "client_reference": "r"},
        e.BatchInDoubt: {"why": "", "client_reference": "r"},
        e.BatchRefused: {"http_status": 400, "client_reference": "r"},
        e.BatchCancelled: {"actor": "test", "provider_said": said, "recipients": named},
        e.BatchExpired: {"reason": "", "recipients": named},
        e.DoubtSettled: {"client_reference": "r", "verdict": verdict, "actor": "", "why": "", "recipients": named},
    }
    event: e.AnyEvent = kind(
        event_id=_id(kind.__name__, chunk, attempt, part, at, said, verdict, *named), occurred_at=at, campaign_id=CAMPAIGN,
        chunk=chunk, attempt=attempt, part=part, **more[kind],
    )  # fmt: skip
    return event


@st.composite
def _recipient_facts(draw: st.DrawFn) -> e.AnyEvent:
    chunk, attempt, at = draw(st.integers(0, 1)), draw(st.sampled_from(ATTEMPTS)), draw(st.sampled_from(MOMENTS))
    kind, more = draw(
        st.sampled_from(
            [
                (e.RecipientsSuppressed, {"reason": "opted out"}),
                (e.ReportNeverCame, {"batch_id": "b"}),
                (e.FollowUpScheduled, {"due_at": MOMENTS[3]}),
                (e.FollowUpGivenUp, {"reason": "no delay is left"}),
            ]
        )
    )
    event: e.AnyEvent = kind(
        event_id=_id(kind.__name__, chunk, attempt, at), occurred_at=at, campaign_id=CAMPAIGN, chunk=chunk,
        attempt=attempt, recipients=CHUNKS[chunk][:1], **more,
    )  # fmt: skip
    return event
