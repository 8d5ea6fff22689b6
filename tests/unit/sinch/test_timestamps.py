"""Moments, in all the ways Sinch writes them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.sinch.wire.timestamps import NotATimestamp, moment, on_the_wire, timestamp, write


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("2024-06-06T09:22:14.304Z", "2024-06-06T09:22:14.304Z"),
        ("2024-06-06T09:22:14Z", "2024-06-06T09:22:14.000Z"),
        ("2024-06-06T09:22:14", "2024-06-06T09:22:14.000Z"),
        ("2024-06-06T09:22", "2024-06-06T09:22:00.000Z"),
        ("2024-06-06 09:22:14z", "2024-06-06T09:22:14.000Z"),
        ("2024-06-06T09:22:14.3Z", "2024-06-06T09:22:14.300Z"),
        ("2024-06-06T09:22:14.3049999Z", "2024-06-06T09:22:14.304Z"),
        ("2024-06-06T11:22:14.304+02:00", "2024-06-06T09:22:14.304Z"),
        ("2024-06-06T11:22:14+0200", "2024-06-06T09:22:14.000Z"),
        ("2024-06-06T04:22:14-05", "2024-06-06T09:22:14.000Z"),
        ("2024-01-01T00:30:00+01:00", "2023-12-31T23:30:00.000Z"),
    ],
)
def test_every_form_becomes_one(text: str, normal: str) -> None:
    """With and without fraction, with Z, an offset or nothing, which is UTC."""
    assert timestamp(text) == normal


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "2024-06-06", "2024-13-06T09:22:14.304Z", "2024-02-30T09:22:14.304Z", "2024-06-06T25:22:14.304Z",
        "2024-06-06T09:22:14,304Z ", "2024-W23-4T09:22:14.304Z", "0001-01-01T00:00:00+05:00", "٢٠٢٤-06-06T09:22:14Z",
        "2024-02-30T09:22:14Z", "2024-06-06T09:22:14+25:00", "2024-06-06T09:22:60Z",
    ],
)  # fmt: skip
def test_nonsense_is_refused(text: str) -> None:
    """Days that do not exist, week dates, other scripts, words."""
    with pytest.raises(NotATimestamp):
        timestamp(text)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_moment_survives(when: datetime) -> None:
    """What is written is read as the same moment, to the millisecond."""
    text = write(when)
    assert timestamp(text) == text
    assert moment(text) == when.replace(microsecond=when.microsecond // 1000 * 1000)


@given(st.text() | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", fullmatch=True))
def test_any_text_is_a_moment_or_refused(text: str) -> None:
    """The result is always the normal form of 24 characters."""
    try:
        normal = timestamp(text)
    except NotATimestamp:
        return
    assert timestamp(normal) == normal
    assert len(normal) == 24


def test_whole_seconds_leave_without_fraction() -> None:
    """As Sinch writes them."""
    assert on_the_wire("2024-06-06T09:22:14.000Z") == "2024-06-06T09:22:14Z"
    assert on_the_wire("2024-06-06T09:22:14.100Z") == "2024-06-06T09:22:14.100Z"
