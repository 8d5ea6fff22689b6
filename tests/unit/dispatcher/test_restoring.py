"""What the log is told after a loss: by the batches that Sinch has, and by the ledger."""

from datetime import UTC, datetime

import pytest

from contracts import events as e
from contracts.events import decode, encode
from contracts.identity import Reference
from services.dispatcher.restoring import chunk as of_ledger
from services.dispatcher.restoring.chunk import Chunk, Failed, Row
from services.dispatcher.restoring.from_sinch import Found, by_chunk, lacking
from services.dispatcher.restoring.known import Known

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CAMPAIGN = "01930000-0000-7000-8000-0000000000aa"
KEY = CAMPAIGN, 0


def _numbers(digits: str) -> list[str]:
    return [f"1555000000{digit}" for digit in digits]


def _digits(numbers: list[str]) -> str:
    return "".join(number[-1] for number in numbers)


EVERYONE = _numbers("12345")


def _known(*more: e.Event) -> Known:
    """A log that has the request, and these."""
    request = e.CampaignRequested(
        event_id=CAMPAIGN, occurred_at="2026-03-01T11:00:00.000Z", campaign_id=CAMPAIGN, chunk=0, chunks=1, actor="test",
        body="Hello", recipients=EVERYONE,
    )  # fmt: skip
    known = Known({KEY})
    for event in (request, *more):
        known.take(encode(event))
    return known


def _reference(text: str) -> Reference:
    attempt, _, part = text.partition(".")
    return Reference(CAMPAIGN, 0, int(attempt), part)


def _said(found: dict[str, str], known: Known) -> list[str]:
    batches = [Found(_reference(name), f"B{name}", _numbers(who), NOW) for name, who in found.items()]
    chunks = by_chunk(batches)
    return [_line(decode(entry.value)) for entry in lacking(KEY, chunks[KEY], known, NOW)]


def _line(event: e.AnyEvent) -> str:
    assert isinstance(event, e.Dispatch)
    name = f"{event.attempt}.{event.part}".rstrip(".")
    match event:
        case e.SendAttempted():
            return f"{name} attempted {_digits(event.recipients)} {event.reason}"
        case e.BatchAccepted():
            return f"{name} accepted"
        case e.RecipientsRefused() | e.RecipientsSuppressed():
            return f"{name} without {_digits(event.recipients)}"
        case _:
            return f"{name} {type(event).__name__}"


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"1": "12345"}, ["1 attempted 12345 first", "1 accepted"]),
        ({"1": "1234"}, ["1 attempted 1234 first", "1 accepted", "2 attempted 5 absent"]),
        ({"3": "12345"}, ["3 attempted 12345 absent", "3 accepted"]),
        ({"1": "12345", "2": "4"},
         ["1 attempted 12345 first", "1 accepted", "2 attempted 4 follow_up", "2 accepted"]),
        ({"1": "1234", "2": "4"},
         ["1 attempted 1234 first", "1 accepted", "2 attempted 4 follow_up", "2 accepted", "3 attempted 5 absent"]),
        ({"1.a": "12", "1.b": "345"},
         ["1 attempted 12345 first", "1.a attempted 12 split", "1.a accepted", "1.b attempted 345 split", "1.b accepted"]),
        ({"1.ab": "2"},
         ["1 attempted 12345 first", "1.ab attempted 2 split", "1.ab accepted", "1.aa BatchExpired", "1.b BatchExpired",
          "2 attempted 1345 absent"]),
        ({"2.b": "345"},
         ["2 attempted 12345 absent", "2.b attempted 345 split", "2.b accepted", "2.a BatchExpired", "3 attempted 12 absent"]),
    ],
)  # fmt: skip
def test_the_batches_at_sinch_tell_who_was_sent_to(found: dict[str, str], said: list[str]) -> None:
    """Each batch is said with its own recipients; whoever is in none is offered once more, after a look."""
    assert _said(found, _known()) == said


def _event(entry_type: type[e.Dispatch], **more: object) -> e.Event:
    values = {
        "event_id": CAMPAIGN,
        "occurred_at": "2026-03-01T11:00:00.000Z",
        "campaign_id": CAMPAIGN,
        "chunk": 0,
        "attempt": 1,
    }
    return entry_type(**(values | more))  # type: ignore[arg-type]


ATTEMPTED = _event(e.SendAttempted, client_reference="r", recipients=EVERYONE, sender="1")
ACCEPTED = _event(e.BatchAccepted, client_reference="r", batch_id="B1")


def test_what_the_log_knows_is_not_said_again() -> None:
    """Accepted in the log: nothing. Only attempted: accepted. Attempted for more than Sinch has: the next claim, and the rest."""
    assert _said({"1": "12345"}, _known(ATTEMPTED, ACCEPTED)) == []
    assert _said({"1": "12345"}, _known(ATTEMPTED)) == ["1 accepted"]
    assert _said({"1": "1345"}, _known(ATTEMPTED)) == ["1 attempted 1345 first", "1 accepted", "2 attempted 2 absent"]


def test_who_was_taken_out_before_stays_out() -> None:
    """The log knows that he opted out: he is in no batch, and in no further offer."""
    gone = _event(e.RecipientsSuppressed, recipients=_numbers("2"), reason="opted out")
    assert _said({"1": "1345"}, _known(gone)) == ["1 attempted 1345 first", "1 accepted"]


def test_of_two_batches_of_one_reference_the_first_counts() -> None:
    """As recovery does it; the second is for `audit`."""
    twice = [Found(_reference("1"), name, EVERYONE, NOW) for name in ("B2", "B1")]
    assert [one.batch_id for one in by_chunk(twice)[KEY]] == ["B1"]


def _row(name: str, state: str, who: str, *, reason: str = "first", claims: int = 1) -> Row:
    return Row(_reference(name), state, reason, claims, 0, _numbers(who), NOW, NOW, f"B{name}")


def _of_ledger(rows: list[Row], failures: list[Failed], known: Known, opted_out: str = "") -> list[str]:
    chunk = Chunk(EVERYONE, rows, failures, None, "")
    entries = of_ledger.missing(chunk, known, set(_numbers(opted_out)), "restore", NOW)
    return [_line(decode(entry.value)) for entry in entries]


def test_the_ledger_says_what_became_of_each_offer() -> None:
    """Attempts with who was in them, their ends, and who was taken out; what was never offered is not said."""
    rows = [
        _row("1", "split", "1345"), _row("1.a", "accepted", "13", reason="split"), _row("1.b", "refused", "4", reason="split"),
        _row("2", "due", "1", reason="follow_up", claims=0),
    ]  # fmt: skip
    failures = [
        Failed(_numbers("1")[0], 1, "2026-03-01T13:00:00.000Z", done=True),
        Failed(_numbers("3")[0], 1, "2026-03-01T13:00:00.000Z", done=True),
    ]
    assert _of_ledger(rows, failures, _known(), "2") == [
        "1 without 2", "1 without 5", "1 attempted 1345 first", "1.a attempted 13 split", "1.a accepted",
        "1.b attempted 4 split", "1.b BatchRefused", "1 FollowUpScheduled", "1 FollowUpGivenUp",
    ]  # fmt: skip


def test_the_ledger_says_nothing_that_the_log_has() -> None:
    """The same offer, with the same claim, accepted in both."""
    assert _of_ledger([_row("1", "accepted", "12345")], [], _known(ATTEMPTED, ACCEPTED)) == []
    assert _of_ledger([_row("1", "in_doubt", "12345", claims=2)], [], _known(ATTEMPTED)) == ["1 attempted 12345 first"]
