"""When a send breaks an opt-out."""

from types import SimpleNamespace
from typing import Any

import pytest

from contracts.events import Event, InboundReceived, RecipientOptedIn, RecipientOptedOut, SendAttempted, encode
from services.cli.audit_consent import Audit, Said, known_opt_out

ADA = "15551231234"
ID = "01a209a3-e982-704d-ba49-2ddcb550edc8"
MARGIN_MS = 11_000


def _at(second: int) -> str:
    return f"2026-03-01T12:00:{second:02d}.000Z"


def out(logged_ms: int, received: int = 0) -> Said:
    """An opt-out."""
    return Said(logged_ms, _at(received), out=True)


def in_(logged_ms: int, received: int = 0) -> Said:
    """An opt-in."""
    return Said(logged_ms, _at(received), out=False)


@pytest.mark.parametrize(
    ("said", "sent_ms", "broken"),
    [
        ([], 50_000, False),
        ([out(10_000)], 50_000, True),
        ([out(50_000)], 10_000, False),
        ([out(10_000)], 21_000, False),
        ([out(10_000)], 21_001, True),
        ([out(10_000, 1), in_(20_000, 2)], 50_000, False),
        ([in_(20_000, 2), out(10_000, 1)], 50_000, False),
        ([out(10_000, 1), in_(60_000, 2)], 50_000, True),
        ([out(10_000, 3), in_(20_000, 2)], 50_000, True),
        ([out(10_000, 2), in_(20_000, 2)], 50_000, True),
        ([out(10_000, 1), in_(20_000, 2), out(45_000, 3)], 50_000, False),
        ([out(10_000, 1), in_(20_000, 2), out(30_000, 3)], 50_000, True),
    ],
)
def test_a_known_opt_out_counts_unless_taken_back(said: list[Said], sent_ms: int, broken: bool) -> None:
    """Known for longer than the margin; taken back by a later `received_at` that was in the log before; a tie is out."""
    assert (known_opt_out(said, sent_ms, MARGIN_MS) is not None) == broken


def reply(logged_ms: int, received: int, event_id: str) -> Said:
    """A reply that opts out."""
    return Said(logged_ms, _at(received), out=True, reply=event_id)


@pytest.mark.parametrize(
    ("said", "broken"),
    [
        ([reply(10_000, 1, "A")], False),
        ([reply(10_000, 1, "A"), reply(11_000, 2, "B")], False),
        ([reply(10_000, 1, "B")], True),
        ([out(9_000, 0), reply(10_000, 1, "A")], False),
        ([reply(10_000, 1, "A"), out(11_000, 2)], True),
        ([reply(10_000, 1, "A"), in_(11_000, 2), reply(12_000, 3, "B")], True),
    ],
)
def test_a_confirmation_passes_only_the_reply_that_it_confirms(said: list[Said], broken: bool) -> None:
    """A repetition of it by another reply is no other decision; an opt-out by any other way is."""
    assert (known_opt_out(said, 50_000, MARGIN_MS, "A") is not None) == broken


def _record(event: Event, logged_ms: int) -> Any:
    return SimpleNamespace(value=encode(event), timestamp=logged_ms)


def test_a_breach_is_found_among_the_recipients_of_a_batch() -> None:
    """The others of the batch are none."""
    audit = Audit(MARGIN_MS)
    common: dict[str, Any] = {"event_id": ID, "occurred_at": _at(5)}
    audit.take(_record(RecipientOptedOut(**common, recipient=ADA, received_at=_at(1), source="reply"), _ms(10)))
    audit.take(_record(RecipientOptedOut(**common, recipient="15551256344", received_at=_at(1), source="api"), _ms(10)))
    audit.take(_record(RecipientOptedIn(**common, recipient="15551256344", received_at=_at(2), source="api"), _ms(11)))
    attempt = SendAttempted(
        **common, campaign_id=ID, chunk=0, attempt=1, client_reference=f"{ID}.0.1", sender="1",
        recipients=["15550000001", ADA, "15551256344"],
    )  # fmt: skip
    audit.take(_record(attempt, _ms(50)))
    assert [(breach.recipient, breach.client_reference) for breach in audit.breaches] == [(ADA, f"{ID}.0.1")]
    assert audit.attempts == 1


def test_an_unreadable_record_is_counted() -> None:
    """It is no reason to stop, and none to be silent."""
    audit = Audit(MARGIN_MS)
    audit.take(SimpleNamespace(value=b"{", timestamp=0))
    assert audit.unreadable == 1


def _taken(*records: tuple[Event, int]) -> Audit:
    audit = Audit(MARGIN_MS)
    for event, logged_ms in records:
        audit.take(_record(event, logged_ms))
    return audit


def _ms(second: int) -> int:
    return 1_772_366_400_000 + 1_000 * second


def _attempt(second: int) -> tuple[Event, int]:
    event = SendAttempted(
        event_id=ID, occurred_at=_at(0), campaign_id=ID, chunk=0, attempt=1, client_reference=f"{ID}.0.1",
        recipients=[ADA], sender="",
    )  # fmt: skip
    return event, _ms(second)


def _reply(body: str, second: int, verdict: str | None = None) -> tuple[Event, int]:
    event = InboundReceived(
        event_id=ID, occurred_at=_at(second), inbound_id=f"01{second}", sender=ADA, originator="", kind="text",
        received_at=_at(second), body=body, verdict=verdict,
    )  # fmt: skip
    return event, _ms(second)


def _word(
    kind: type[RecipientOptedOut | RecipientOptedIn], second: int, source: str, dated: str = ""
) -> tuple[Event, int]:
    event = kind(
        event_id=ID, occurred_at=_at(second), recipient=ADA, received_at=dated or _at(second), source=source
    )  # fmt: skip
    return event, _ms(second)


def test_a_stop_that_the_words_of_then_took_for_nothing_is_told_apart() -> None:
    """Sent to after "Stop please" by a version that did not know it: told, and a fault only since the rules are in force."""
    audit = _taken(_reply("Stop please", 1), _attempt(30))
    assert [breach.by_today for breach in audit.breaches] == [True]
    assert audit.faults() == []
    audit = _taken(_reply("Stop please", 1), _reply("Hello", 2, "none"), _attempt(30))
    assert len(audit.faults()) == 1


@pytest.mark.parametrize("body", ["Hello", "don't stop", "Who is this?"])
def test_a_reply_that_is_no_opt_out_is_none_for_the_audit(body: str) -> None:
    """Also one that is only probably one: it is held back, and is no known STOP."""
    assert _taken(_reply(body, 1), _attempt(30)).breaches == []


@pytest.mark.parametrize(
    ("stop", "source"), [(RecipientOptedOut, "reply"), (RecipientOptedOut, "api"), (RecipientOptedOut, "operator")]
)
def test_a_start_of_2099_hides_no_stop(stop: type[RecipientOptedOut], source: str) -> None:
    """FAULTS D1: by the rules of then the number was in for good."""
    start = _word(RecipientOptedIn, 1, "reply", "2099-01-01T00:00:00.000Z")
    audit = _taken(start, _word(stop, 5, source), _attempt(30))
    assert [breach.by_today for breach in audit.breaches] == [True]


def test_an_old_stop_that_is_taken_back_later_is_no_breach() -> None:
    """A START after it opens again."""
    assert _taken(_reply("Stop please", 1), _word(RecipientOptedIn, 5, "reply"), _attempt(30)).breaches == []
