"""What of a fetched report is said."""

import pytest

from contracts.events import DeliveryReported, decode
from contracts.identity import Reference, derived_id
from infra.sinch.wire.callbacks import BatchReport, StatusCount
from services.dispatcher.pulled import Shown, is_complete, is_news, news

REFERENCE = Reference("01930000-0000-7000-8000-000000000001", 0, 1)
NOW = "2026-03-01T12:00:00.000Z"
ADA, BOB, CID = "15550000001", "15550000002", "15550000003"


def report(**recipients: list[str]) -> BatchReport:
    """A full report: status → recipients."""
    lines = [
        StatusCount(status=status, code=0, count=len(some), recipients=some) for status, some in recipients.items()
    ]
    return BatchReport(type="delivery_report_sms", batch_id="B", total_message_count=3, statuses=lines)


@pytest.mark.parametrize(
    ("word", "shown", "new"),
    [
        ("Dispatched", None, True),
        ("Queued", Shown(1, None), True),
        ("Dispatched", Shown(1, "Queued"), True),
        ("Dispatched", Shown(1, "Dispatched"), False),
        ("dispatched", Shown(1, "Dispatched"), False),
        ("Queued", Shown(1, "Dispatched"), False),
        ("Dispatched", Shown(1, "Delivered"), False),
        ("Delivered", Shown(1, "Dispatched"), True),
        ("Delivered", Shown(1, "Delivered"), False),
        ("Delivered", Shown(1, "Failed"), True),
        ("Failed", Shown(1, "Delivered"), False),
        ("Failed", Shown(1, "Expired"), False),
        ("Teleported", Shown(1, "Queued"), True),
        ("Teleported", Shown(1, "Teleported"), False),
        ("Queued", Shown(0, "Delivered"), True),
        ("Failed", Shown(2, None), False),
        ("Delivered", Shown(2, "Dispatched"), True),
        ("Delivered", Shown(2, "Delivered"), False),
    ],
)
def test_what_is_news_to_the_tables(word: str, shown: Shown | None, new: bool) -> None:
    """What is greater than what they have; everything while they are behind the log; of a past attempt a delivery."""
    assert is_news(word, 1, shown) is new


def test_a_report_that_is_fetched_again_says_nothing_twice() -> None:
    """Once the tables show what it said."""
    first = report(Delivered=[ADA], Dispatched=[BOB, CID])
    assert len(news(first, REFERENCE, {ADA: Shown(1, "Delivered")}, NOW)) == 2
    shown = {ADA: Shown(1, "Delivered"), BOB: Shown(1, "Dispatched"), CID: Shown(1, "Dispatched")}
    assert news(first, REFERENCE, shown, NOW) == []
    (entry,) = news(report(Delivered=[ADA, BOB], Dispatched=[CID]), REFERENCE, shown, NOW)
    event = decode(entry.value)
    assert isinstance(event, DeliveryReported)
    assert (event.recipient, event.status, event.source, entry.key) == (BOB, "Delivered", "pull", REFERENCE.key)


def test_a_status_has_one_id_however_often_it_is_fetched() -> None:
    """From batch, recipient, status and code, as `heliograph audit --repair` makes it too."""
    first, later = (decode(news(report(Failed=[ADA]), REFERENCE, {}, at)[0].value) for at in (NOW, NOW[:-2] + "1Z"))
    assert first.event_id == later.event_id == derived_id("pull", "B", ADA, "Failed", 0)


@pytest.mark.parametrize(
    ("statuses", "complete"),
    [({"Delivered": [ADA], "Failed": [BOB]}, True), ({"Delivered": [ADA], "Queued": [BOB]}, False), ({}, False)],
)
def test_when_nothing_more_is_expected(statuses: dict[str, list[str]], complete: bool) -> None:
    """Every status is final, and there is one."""
    assert is_complete(report(**statuses)) is complete
