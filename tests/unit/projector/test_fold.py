"""Reports folded many at once are what they are one by one."""

import random
from typing import Any, NamedTuple

import pytest

from contracts import events as e
from services.projector import fold
from services.projector.fold import Changes
from tests.integration.projector.other_facts import other_facts
from tests.integration.projector.traffic import traffic


class Logged(NamedTuple):
    """A record, as far as the fold looks at it."""

    offset: int
    timestamp: int


def _log(seed: int) -> tuple[list[Logged], list[e.AnyEvent | None]]:
    said = [*traffic(60, chunk_size=10, seed=seed), *other_facts(seed=seed)]
    random.Random(seed).shuffle(said)
    return [Logged(n, 1_772_366_400_000 + n // 7) for n in range(len(said))], [s.event for s in said]


def _compared(changes: Changes) -> dict[str, Any]:
    """All that is written; the order of what is told of a chunk does not matter."""
    return {
        "messages": {
            key: (facts.greatest, facts.requested, facts.follow, sorted(facts.history))
            for key, facts in changes.messages.items()
        },
        "orphans": changes.orphans,
        "adopted": changes.adopted,
        "later": (changes.later.reported, changes.later.followed),
        "batches": changes.batches,
        "of": changes.partition_of,
    }


@pytest.mark.parametrize("kept", [1, 3, 10_000])
@pytest.mark.parametrize("at_once", [1, 7, 100])
def test_many_at_once_are_folded_as_one_by_one(kept: int, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when what is alike is forgotten all the time, and with records that are to have no effect among them."""
    records, events = _log(7)
    alone = Changes()
    for record, event in zip(records, events, strict=True):
        if event is not None:
            alone.take(event, 0, record.timestamp, record.offset)
    monkeypatch.setattr(fold, "MOST_ALIKE", kept)
    together: Any = Changes()
    for at in range(0, len(events), at_once):
        together.take_all(0, [*records[at : at + at_once], *records[:1]], [*events[at : at + at_once], None])
    assert _compared(together) == _compared(alone)
    assert any(isinstance(event, e.DeliveryReported) and event.campaign_id is None for event in events)
    assert alone.orphans
    assert alone.later.reported
    assert alone.later.followed


def test_reports_only_are_folded_as_reports_among_others() -> None:
    """The way for reports alone gives what the way for all gives."""
    records, events = _log(8)
    reports = [(r, v) for r, v in zip(records, events, strict=True) if isinstance(v, e.DeliveryReported)]
    alone, together = Changes(), Changes()
    for record, report in reports:
        alone.take(report, 0, record.timestamp, record.offset)
    some: Any = [r for r, _ in reports]
    together.take_all(0, some, [v for _, v in reports])
    assert _compared(together) == _compared(alone)
    named = [*(c.greatest for c in together.messages.values()), *together.later.reported.values()]
    assert together.weight == len(reports) + fold.FIRST_WEIGHT * sum(map(len, named))
