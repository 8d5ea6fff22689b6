"""The small parts of the gateway: what it holds, remembers, counts and logs."""

import io
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from contracts.consent import Keywords
from infra.process.byte_budget import Budget, Share, TooMuchHeld
from infra.process.logs import LineWriter
from infra.process.metrics import REGISTRY
from infra.process.sparing import Sparing
from services.webhook_gateway.access_line import json_lines
from services.webhook_gateway.counting import Counting
from services.webhook_gateway.replays import Replays
from services.webhook_gateway.translate import Translator

SAMPLES = Path(__file__).parents[1] / "sinch" / "samples" / "callbacks"


@dataclass
class StillClock:
    """A clock that stands until it is moved."""

    now: float = 100.0

    def wall(self) -> datetime:
        """Some moment."""
        return datetime(2026, 3, 1, tzinfo=UTC)

    def unix(self) -> float:
        """The same moment."""
        return self.wall().timestamp()

    def boot(self) -> float:
        """The time it was set to."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Time passes at once."""
        self.now += seconds


def test_no_more_is_held_than_allowed() -> None:
    """What does not fit is refused whole, and what is given back is free again."""
    budget = Budget(100)
    one, two = Share(budget), Share(budget)
    one.grow(60)
    with pytest.raises(TooMuchHeld):
        two.grow(41)
    assert (budget.held, two.size) == (60, 0)
    one.give_back()
    two.grow(100)
    assert budget.held == 100


def test_a_signature_is_known_once_it_was_accepted() -> None:
    """And not before."""
    replays = Replays()
    assert not replays.knows("a")
    replays.accepted("a")
    assert replays.knows("a")


def test_the_memory_of_signatures_is_bounded() -> None:
    """The newest ones are known, the oldest forgotten."""
    replays = Replays(most=10)
    for number in range(100):
        replays.accepted(str(number))
    known = [number for number in range(100) if replays.knows(str(number))]
    assert known == list(range(90, 100))


def test_a_flood_of_the_same_line_is_one_a_second() -> None:
    """With the number of those left out."""
    clock, lines = StillClock(), []

    def write(event: str, **keys: Any) -> None:
        lines.append((event, keys))

    sparing = Sparing(clock)
    for _ in range(50):
        sparing(write, "flood", n=1)
    clock.now += 1.0
    sparing(write, "flood", n=2)
    assert lines == [("flood", {"n": 1}), ("flood", {"n": 2, "more_like_it": 49})]


def test_a_callbacks_line_is_json_with_its_number_masked() -> None:
    """One line, with the keys that every line has."""
    stream = io.BytesIO()
    writer = LineWriter(stream)
    json_lines(writer)("2026-03-01T12:00:05.000Z", "mo_text", {"sender": "1201•••5555"}, 0.00234)
    writer.flush()
    assert orjson.loads(stream.getvalue()) == {
        "at": "2026-03-01T12:00:05.000Z", "service": "webhook-gateway", "level": "info", "event": "callback",
        "type": "mo_text", "sender": "1201•••5555", "ms": 2.34,
    }  # fmt: skip


HOSTILE = ("15551231234", "+15551231234", "x15551231234", "1-555-123-1234", "1555 1231234")


@pytest.mark.parametrize("number", HOSTILE)
@pytest.mark.parametrize("sample", sorted(path.name for path in SAMPLES.glob("*.json")))
def test_a_number_in_any_field_of_a_callback_is_masked_in_its_line(sample: str, number: str) -> None:
    """Whatever word of a callback is a number instead, its log line does not show it (FAULTS I9)."""
    callback: dict[str, Any] = orjson.loads((SAMPLES / sample).read_bytes())
    translator = Translator(lambda digits: f"p{digits[-2:]}", Keywords())
    for field in [name for name, value in callback.items() if isinstance(value, str) and name not in ("type", "at")]:
        stream = io.BytesIO()
        writer = LineWriter(stream)
        said = translator.read(orjson.dumps({**callback, field: number}), "2026-03-01T12:00:05.000Z")
        json_lines(writer)("2026-03-01T12:00:05.000Z", said.kind, said.about, 0.00234)
        writer.flush()
        line = stream.getvalue().decode()
        assert number not in line, field
        assert "5551231234" not in line, field


def test_what_is_counted_arrives_in_the_metrics() -> None:
    """Counts, seconds and the bucket that fits, once each."""
    kind = "test_of_counting"
    names = {
        "heliograph_reports_accepted_total": {"type": kind},
        "heliograph_report_seconds_count": {},
        "heliograph_report_seconds_bucket": {"le": "0.0025"},
    }
    before = {name: REGISTRY.get_sample_value(name, labels) or 0.0 for name, labels in names.items()}
    counting = Counting()
    counting.accepted(kind, 0.002)
    counting.accepted(kind, 0.004)
    counting.hand_over()
    counting.hand_over()
    after = {name: REGISTRY.get_sample_value(name, labels) or 0.0 for name, labels in names.items()}
    assert [after[name] - before[name] for name in names] == [2, 2, 1]
