"""What of the parked records says that this is the wrong code."""

import pytest

from contracts.events import RecordDropped, RecordParked
from contracts.identity import derived_id
from services.projector.parking import MOST_KINDS, MOST_UNKNOWN, REFUSED, UNKNOWN, Decisions, described, kind_of

AT = "2026-03-01T12:00:00.000Z"


def decisions(*reasons: str) -> Decisions:
    """What the log says after records were parked for these reasons."""
    known = Decisions()
    for offset, reason in enumerate(reasons):
        known.learn(RecordParked(event_id=derived_id("RecordParked", "t", 0, offset, ""), occurred_at=AT, topic="t", partition=0, offset=offset,
                                 reason=reason))  # fmt: skip
    return known


@pytest.mark.parametrize(
    ("value", "reason", "kind"),
    [(b'{"type":"DeliveryReported.v1","x":1}', "Object missing required field `code`",
      "DeliveryReported.v1: Object missing required field `code`"),
     (b'{"type": "SendAttempted.v1"}', "event_id '15550001111' is not a UUID", None),
     (b'{"type": "SendAttempted.v1"}', "Expected `int`, got `str` - at `$.claim`",
      "SendAttempted.v1: Expected `int`, got `str` - at `$.claim`"),
     (b"garbage", "JSON is malformed: invalid character (byte 17)", "JSON is malformed: invalid character (byte …)"),
     (b'{"type":"DeliveryReported.v2"}', "Invalid value 'DeliveryReported.v2' - at `$.type`", UNKNOWN),
     (b'{"type":"DeliveryReported.v1"}', f"{REFUSED}: DataError: out of range", None),
     (b"", f"{REFUSED}: DataError: out of range", None), (None, "the record has no value", "the record has no value")],
)  # fmt: skip
def test_a_kind_is_a_type_and_a_class_of_reasons(value: bytes | None, reason: str, kind: str | None) -> None:
    """Without what is this record's own; what the database refuses is none."""
    assert kind_of(described(value, reason)) == kind


def test_what_stops_is_the_number_of_kinds() -> None:
    """Not of records, and not of values that only the database refuses."""
    kinds = [f"Type.v1: Object missing required field `{letter}`" for letter in "abcdefghijklmnopqrstuvwxyz"]
    assert not decisions(*kinds[:MOST_KINDS] * 50, *[f"Type.v1: {REFUSED}: {n}" for n in kinds]).too_many()
    assert "kinds" in decisions(*kinds[: MOST_KINDS + 1]).too_many()


def test_unknown_types_are_counted_one_by_one() -> None:
    """A program that is older than the log would put all that is new aside."""
    unknown = [f"Type.v{n}: Invalid value 'Type.v{n}' - at `$.type`" for n in range(2, MOST_UNKNOWN + 3)]
    assert not decisions(*unknown[:MOST_UNKNOWN]).too_many()
    assert "types" in decisions(*unknown).too_many()


def test_what_was_decided_counts_no_more() -> None:
    """Neither its kind nor it."""
    known = decisions("a reason")
    known.learn(RecordDropped(event_id=derived_id("d"), occurred_at=AT, topic="t", partition=0, offset=0))
    assert (known.parked, known.dropped) == ({}, {("t", 0, 0)})
