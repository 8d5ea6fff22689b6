"""What records mean to the ledger."""

from typing import Any

import pytest

from contracts import events as e
from contracts.identity import Reference, derived_id
from infra.kafka.records import Partition
from infra.process.world import iso
from services.dispatcher.from_log.facts import Sum
from services.dispatcher.taken import Taken

CAMPAIGN = "01930000-0000-7000-8000-000000000001"
REPORTS = Partition("delivery-reports", 0)
AT = "2026-03-01T12:00:00.000Z"


def report(**more: Any) -> e.DeliveryReported:
    """A report about one message of the campaign."""
    values: dict[str, Any] = {
        "event_id": derived_id(str(more)), "occurred_at": AT, "batch_id": "B", "recipient": "15550000001",
        "status": "Failed", "code": 203, "campaign_id": CAMPAIGN, "chunk": 0, "attempt": 1,
    }  # fmt: skip
    return e.DeliveryReported(**(values | more))


@pytest.mark.parametrize(
    ("status", "code", "passes"),
    [("Failed", 203, True), ("Aborted", 404, True), ("Expired", 153, True), ("Aborted", 402, False), ("Failed", 15, False),
     ("Unknown", 203, False), ("Delivered", 203, False), ("Dispatched", 401, False), ("Failed", 0, False),
     ("Failed", 9999, False), ("Teleported", 203, False)],
)  # fmt: skip
def test_which_failures_are_followed_up(status: str, code: int, passes: bool) -> None:
    """Temporary ones only; Unknown may have been delivered, a code nobody documents is never retried."""
    taken = Taken()
    taken.take(report(status=status, code=code), b"", REPORTS, 0)
    assert bool(Sum.of(taken.facts).failed) is passes


EARLIER, LATER = "2026-03-01T11:59:00.000Z", "2026-03-01T12:01:00.000Z"
OURS = Reference(CAMPAIGN, 0, 1)


@pytest.mark.parametrize(
    ("more", "blocked"),
    [
        ({"at": EARLIER}, {OURS: EARLIER}),
        ({"at": None}, {OURS: AT}),
        ({"at": LATER}, {OURS: AT}),  # nothing is known before it happened: that clock is wrong
        ({"at": "soon"}, {OURS: AT}),
        ({"at": "0001-01-01T00:00:00+14:00"}, {OURS: AT}),
        ({"at": EARLIER, "campaign_id": None, "chunk": None, "attempt": None}, {}),
        ({"at": EARLIER, "code": 412}, {}),
    ],
)  # fmt: skip
def test_a_code_413_tells_of_a_blocked_account(more: dict[str, Any], blocked: dict[Reference, str]) -> None:
    """By offers of ours only, and as of the report's own time, which is never later than its record's."""
    taken = Taken()
    taken.take(report(**({"status": "Aborted", "code": 413} | more)), b"", REPORTS, 0)
    assert {reference: iso(at) for reference, at in taken.blocked.items()} == blocked


def test_a_report_without_a_reference_of_ours_is_an_orphan() -> None:
    """Until its batch is known."""
    taken, orphan = Taken(), report(campaign_id=None, chunk=None, attempt=None)
    taken.take(orphan, b"raw", REPORTS, 0)
    assert (taken.orphans, taken.facts) == ([(orphan, b"raw")], [])
