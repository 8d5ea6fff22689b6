"""Reports under offers that nobody made count for nothing, until the log says that somebody did (FAULTS C7)."""

import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from contracts import events as e
from contracts.identity import derived_id
from services.projector.store import Store
from tests.integration.projector.events import CAMPAIGN, CHUNKS, MOMENTS, requests
from tests.integration.projector.test_tables import COUNTS, Applied

WHO, OTHER = CHUNKS[0]
SHOWN = "SELECT attempt, part, status, final FROM live.messages WHERE recipient = $1"
MARKS = "SELECT status, mark FROM live.message_events WHERE type = 'DeliveryReported'"
OFFERS = "SELECT attempt, part FROM live.batches WHERE chunk = 0 ORDER BY 1, 2"
INCIDENTS = "SELECT recipient::text, first_attempt, second_attempt FROM live.incidents"
EARLY = "SELECT attempt, part, status FROM early_reports ORDER BY 1, 2"


def _about(kind: type[Any], attempt: int, part: str = "", **more: Any) -> Any:
    return kind(
        event_id=derived_id(kind.__name__, attempt, part, *map(str, more.values())), occurred_at=MOMENTS[1],
        campaign_id=CAMPAIGN, chunk=0, attempt=attempt, part=part, **more,
    )  # fmt: skip


def _report(word: str, attempt: int, part: str = "", **more: Any) -> e.DeliveryReported:
    given: dict[str, Any] = {"recipient": WHO, "code": 0, "at": MOMENTS[2], "batch_id": f"01B{attempt}{part}"} | more
    reference = f"{CAMPAIGN}.0.{attempt}" + (part and f".{part}")
    report: e.DeliveryReported = _about(
        e.DeliveryReported, attempt, part, status=word, client_reference=reference, **given
    )
    return report


def _offered(attempt: int, part: str = "") -> e.SendAttempted:
    offered: e.SendAttempted = _about(
        e.SendAttempted, attempt, part, recipients=[WHO], sender="1", client_reference="r"
    )
    return offered


async def _applied(store: Store, *parts: Sequence[e.AnyEvent]) -> Applied:
    applied = Applied(store)
    await applied.reset()
    for part in parts:
        await applied.apply(part)
    return applied


async def _shown(applied: Applied) -> tuple[Any, ...]:
    (row,) = await applied.connection.fetch(SHOWN, int(WHO))
    return tuple(row)


@pytest.mark.parametrize(("attempt", "part"), [(9999, ""), (40_000, ""), (2, ""), (1, "ab"), (0, ""), (-5, "")])
async def test_a_report_under_an_offer_that_nobody_made_changes_nothing(store: Store, attempt: int, part: str) -> None:
    """Neither the message, nor a count, nor the offers shown, nor an incident; the history has it, with a mark."""
    made: list[e.AnyEvent] = [*requests(), _offered(1), _report("Queued", 1)]
    applied = await _applied(store, made, [_report("Delivered", attempt, part)])
    assert await _shown(applied) == (1, "", "queued", False)
    assert await applied.pairs(COUNTS) == {"queued": 1, "attempted": 1, "pending": 1}
    assert await applied.rows(INCIDENTS) == []
    assert await applied.pairs(MARKS) == {"Queued": "", "Delivered": "unmade"}
    assert [tuple(row) for row in await applied.rows(OFFERS)] == [(1, "")]
    assert [tuple(row) for row in await applied.rows(EARLY)] == [(attempt, part, "delivered")]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=lambda order: "".join(map(str, order)))
async def test_it_counts_once_its_offer_is_known_in_whatever_order(store: Store, order: Sequence[int]) -> None:
    """Reports of the first and the second attempt and the word that the second was made: one end, one incident."""
    said: list[e.AnyEvent] = [_report("Dispatched", 1), _report("Delivered", 2), _offered(2)]
    applied = await _applied(store, requests(), *([said[n]] for n in order))
    assert await _shown(applied) == (2, "", "delivered", True)
    assert await applied.pairs(COUNTS) == {"delivered": 1, "pending": 2}
    assert [tuple(row) for row in await applied.rows(INCIDENTS)] == [(WHO, 1, 2)]
    assert await applied.pairs(MARKS) in ({"Dispatched": m, "Delivered": ""} for m in ("", "late"))
    assert await applied.rows(EARLY) == []


@pytest.mark.parametrize("kind", [e.BatchAccepted, e.DoubtSettled])
async def test_that_sinch_took_it_makes_an_offer_known(store: Store, kind: type[Any]) -> None:
    """A log that has lost SendAttempted still says that the offer was there."""
    more = {"verdict": "accepted", "actor": "a", "why": "w"} if kind is e.DoubtSettled else {}
    taken = _about(kind, 2, "ab", client_reference="r", batch_id="01B2ab", **more)
    applied = await _applied(store, requests(), [_report("Delivered", 2, "ab")], [taken])
    assert await _shown(applied) == (2, "ab", "delivered", True)


async def test_a_summary_makes_no_offer(store: Store) -> None:
    """It comes from outside, as a report does."""
    summary = _about(e.BatchReported, 9999, batch_id="01X", total=1, statuses=[])
    applied = await _applied(store, [*requests(), _report("Delivered", 9999)], [summary])
    assert await _shown(applied) == (1, "", "pending", False)
    assert [tuple(row) for row in await applied.rows(OFFERS)] == [(1, "")]


@pytest.mark.parametrize("kind", [e.FollowUpScheduled, e.FollowUpGivenUp])
async def test_a_word_about_the_follow_up_of_an_attempt_nobody_made_moves_no_message(
    store: Store, kind: type[Any]
) -> None:
    """An earlier version said such; the message stays where it is, and its own end stands."""
    more = {"due_at": MOMENTS[3]} if kind is e.FollowUpScheduled else {"reason": "none left"}
    word = _about(kind, 9999, recipients=[WHO], **more)
    applied = await _applied(store, requests(), [word], [_report("Delivered", 1)])
    assert await _shown(applied) == (1, "", "delivered", True)
    assert await applied.pairs(MARKS) == {"Delivered": ""}


@pytest.mark.parametrize("asked", ["together", "last"])
async def test_the_first_attempt_is_heard_also_where_a_word_of_ours_is_greater(store: Store, asked: str) -> None:
    """`Queued` of the first, then our word that no report came, then the second attempt: both were heard of."""
    never = _about(e.ReportNeverCame, 1, batch_id="01B1", recipients=[WHO])
    said: list[e.AnyEvent] = [_report("Queued", 1), never, _offered(2), _report("Delivered", 2)]
    for order in itertools.permutations(said):
        parts = [[*order, *requests()]] if asked == "together" else [*([one] for one in order), requests()]
        applied = await _applied(store, *parts)
        assert [tuple(row) for row in await applied.rows(INCIDENTS)] == [(WHO, 1, 2)]


async def test_a_true_duplicate_is_told_while_its_second_attempt_is_to_be_followed_up(store: Store) -> None:
    """That a third attempt is due does not hide that the second was none of ours to make (FAULTS C12)."""
    followed = _about(e.FollowUpScheduled, 2, recipients=[WHO], due_at=MOMENTS[3])
    said: list[e.AnyEvent] = [_report("Queued", 1), _offered(2), _report("Failed", 2, code=404), followed]
    for order in itertools.permutations(said):
        applied = await _applied(store, requests(), *([one] for one in order))
        assert [tuple(row) for row in await applied.rows(INCIDENTS)] == [(WHO, 1, 2)]
