"""The history of a message: what is late, what contradicts, and what was sent twice."""

from typing import Any

import msgspec
import pytest

from contracts import events as e
from contracts.identity import derived_id
from services.projector.store import Store
from tests.integration.projector.events import CAMPAIGN, CHUNKS, MOMENTS, requests
from tests.integration.projector.test_tables import CONTRADICTED, Applied

WHO = CHUNKS[0][0]
MARKS = "SELECT status, mark FROM live.message_events WHERE type = 'DeliveryReported'"
INCIDENTS = "SELECT kind, recipient::text, first_attempt, second_attempt FROM live.incidents"


def _untimed(word: str, learned: int) -> e.DeliveryReported:
    """A report without a time of Sinch's."""
    return msgspec.structs.replace(_report(word, learned), at=None)


def _report(word: str, at: int, attempt: int = 1, code: int = 0) -> e.DeliveryReported:
    return e.DeliveryReported(
        event_id=derived_id(word, at, attempt), occurred_at=MOMENTS[at], campaign_id=CAMPAIGN, chunk=0, attempt=attempt,
        batch_id=f"01B{attempt}", recipient=WHO, status=word, code=code, at=MOMENTS[at],
        client_reference=f"{CAMPAIGN}.0.{attempt}",
    )  # fmt: skip


def _followed(kind: Any, attempt: int, **more: str) -> Any:
    return kind(
        event_id=derived_id(kind.__name__, attempt), occurred_at=MOMENTS[2], campaign_id=CAMPAIGN, chunk=0,
        attempt=attempt, recipients=[WHO], **more,
    )  # fmt: skip


def _offered(*attempts: int, batch: str = "") -> list[e.AnyEvent]:
    """These attempts were made, and accepted: each as a batch of its own, or all as one."""
    place: dict[str, Any] = {"occurred_at": MOMENTS[0], "campaign_id": CAMPAIGN, "chunk": 0, "client_reference": "r"}
    made = [
        e.SendAttempted(event_id=derived_id("made", n), attempt=n, recipients=[WHO], sender="1", **place)
        for n in attempts
    ]
    taken = [
        e.BatchAccepted(event_id=derived_id("taken", n), attempt=n, batch_id=batch or f"01B{n}", **place)
        for n in attempts
    ]
    return [*made, *taken]


@pytest.mark.parametrize(
    ("reports", "marks"),
    [
        ([_report("Queued", 0), _report("Delivered", 1)], {"Queued": "", "Delivered": ""}),
        ([_report("Delivered", 1), _report("Queued", 0)], {"Queued": "late", "Delivered": ""}),
        ([_report("Delivered", 1), _report("Failed", 2)], {"Failed": "contradicts", "Delivered": ""}),
        ([_report("Failed", 1), _report("Delivered", 2)], {"Failed": "overruled", "Delivered": ""}),
        ([_report("Failed", 1, 1), *_offered(2), _report("Queued", 2, 2)], {"Failed": "", "Queued": ""}),
        ([_report("Failed", 1), _untimed("Rejected", 2)], {"Failed": "", "Rejected": "contradicts"}),
        ([_untimed("Rejected", 2), _report("Failed", 1)], {"Failed": "", "Rejected": "overruled"}),
        ([_report("failed", 1), _report("Rejected", 1)], {"failed": "overruled", "Rejected": ""}),
    ],
    ids=[
        "in order", "late", "contradicting", "overruled", "another attempt", "without a time", "with a time after all",
        "in small letters",
    ],
)  # fmt: skip
async def test_losers_are_marked(store: Store, reports: list[e.AnyEvent], marks: dict[str, str]) -> None:
    """Every report stays in the history, and says how it stands to the others, as the tables have it."""
    applied = Applied(store)
    await applied.reset()
    await applied.apply(requests())
    for second, report in enumerate(reports):
        await applied.apply([report], logged_ms=1_772_370_000_000 + second * 1000)
    assert await applied.pairs(MARKS) == marks
    assert await applied.rows(CONTRADICTED) == []


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(
    ("events", "incidents"),
    [
        ([*_offered(1, 2), _report("Queued", 0, 1), _report("Delivered", 1, 2)], [("DuplicateSend", WHO, 1, 2)]),
        (
            [
                *_offered(1, 2), _report("Failed", 0, 1, 404), _followed(e.FollowUpScheduled, 1, due_at=MOMENTS[3]),
                _report("Delivered", 1, 2),
            ],
            [],
        ),
        ([*_offered(1, 2), _report("Delivered", 1, 2)], []),
        (
            [
                *_offered(1, 2, 3), _report("Failed", 0, 1, 404), _followed(e.FollowUpScheduled, 1, due_at=MOMENTS[3]),
                _report("Queued", 1, 2), _report("Delivered", 2, 3),
            ],
            [("DuplicateSend", WHO, 2, 3)],
        ),
        ([_report("Queued", 0, 1), _report("Delivered", 1, 9999)], []),
        ([*_offered(1, 2, batch="01ONE"), _report("Queued", 0, 1), _report("Delivered", 1, 2)], []),
        (
            [
                *_offered(1, 2), _report("Queued", 0, 1), _report("Failed", 1, 2, 404),
                _followed(e.FollowUpScheduled, 2, due_at=MOMENTS[3]),
            ],
            [("DuplicateSend", WHO, 1, 2)],
        ),
    ],
    ids=[
        "absent after all", "follow-up", "only the second", "a follow-up that was absent", "an attempt that nobody made",
        "one batch at Sinch", "the second is to be followed up",
    ],
)  # fmt: skip
async def test_reports_under_two_attempts_are_an_incident_unless_followed_up(
    store: Store, events: list[e.AnyEvent], incidents: list[tuple[object, ...]], backwards: bool
) -> None:
    """A batch thought absent was there after all: in any order, and not for the follow-up of a reported failure."""
    applied = Applied(store)
    await applied.reset()
    for event in reversed(events) if backwards else events:
        await applied.apply([event])
    assert [tuple(row) for row in await applied.rows(INCIDENTS)] == incidents


async def test_a_failure_that_may_pass_is_final_only_when_given_up(store: Store) -> None:
    """With a retry policy the campaign is not completed by it; FollowUpGivenUp completes it, nothing else does."""
    applied = Applied(store)
    await applied.reset()
    asked = [r for r in requests([60]) if isinstance(r, e.CampaignRequested) and r.chunk == 0]
    (request,) = asked
    await applied.apply([request])
    await applied.connection.execute("UPDATE campaigns SET chunks = 1")
    other = msgspec.structs.replace(_report("Delivered", 1), recipient=CHUNKS[0][1])
    await applied.apply([other, _report("Failed", 1, 1, 404)])
    status = "SELECT status, counts FROM live.campaigns"
    assert (await applied.rows(status))[0]["status"] == "sent"
    await applied.apply([_followed(e.FollowUpGivenUp, 1, reason="no delay is left")])
    assert (await applied.rows(status))[0]["status"] == "completed"
