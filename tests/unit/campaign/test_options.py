"""Options of a request to send."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.http.campaigns import SendRequest
from services.campaign.options import (
    LONG_AGO,
    NOT_A_MOMENT,
    NOT_AFTER,
    PAST,
    TOO_FAR,
    TOO_LATE,
    Options,
    notes_of,
    read_options,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _read(**options: Any) -> tuple[Options, list[tuple[str, str]]]:
    request = SendRequest.model_validate({"recipients": ["+15551231234"], "message": "Hello", **options})
    found, faults = read_options(request, NOW)
    return found, [(fault.pointer, fault.detail) for fault in faults]


def test_without_options_there_are_none() -> None:
    """A plain request is sent now, once, with the least priority."""
    assert _read() == (Options(), [])


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2026-03-01T13:00:00Z", "2026-03-01T13:00:00.000Z"),
        ("2026-03-01T13:00:00", "2026-03-01T13:00:00.000Z"),
        ("2026-03-01T15:30:00.1239+02:30", "2026-03-01T13:00:00.123Z"),
        ("2026-03-01T13:00", "2026-03-01T13:00:00.000Z"),
        ("2026-02-28T23:59:59-05:00", "2026-03-01T04:59:59.000Z"),
        ("2027-03-02T12:00:00Z", "2027-03-02T12:00:00.000Z"),
    ],
)
def test_times_are_normalised(text: str, read: str) -> None:
    """With an offset or without one, which is UTC; a past time to send is kept and means at once."""
    assert _read(send_at=text) == (Options(send_at=read), [])


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"send_at": "tomorrow"}, ("/send_at", NOT_A_MOMENT)),
        ({"send_at": "2026-02-30T12:00:00Z"}, ("/send_at", NOT_A_MOMENT)),
        ({"send_at": "0001-01-01T00:00:00+05:00"}, ("/send_at", NOT_A_MOMENT)),
        ({"expire_at": ""}, ("/expire_at", NOT_A_MOMENT)),
        ({"expire_at": "2026-03-01T12:00:00Z"}, ("/expire_at", PAST)),
        ({"send_at": "2026-03-01T10:00:00Z", "expire_at": "2026-03-01T11:00:00Z"}, ("/expire_at", PAST)),
        ({"send_at": "0001-01-01T00:00:00Z"}, ("/send_at", LONG_AGO)),
        ({"send_at": "2026-02-28T11:59:59Z"}, ("/send_at", LONG_AGO)),
        ({"send_at": "2027-03-02T12:00:01Z"}, ("/send_at", TOO_FAR)),
        ({"send_at": "9999-12-31T23:59:59Z"}, ("/send_at", TOO_FAR)),
        ({"send_at": "2026-03-02T12:00:00Z", "expire_at": "2026-03-02T12:00:00Z"}, ("/expire_at", NOT_AFTER)),
        ({"expire_at": "2026-03-04T12:00:00.001Z"}, ("/expire_at", TOO_LATE)),
        ({"send_at": "2026-03-01T10:00:00Z", "expire_at": "2026-03-04T12:00:01Z"}, ("/expire_at", TOO_LATE)),
        ({"send_at": "2026-03-02T12:00:00Z", "expire_at": "9999-12-31T23:59:59Z"}, ("/expire_at", TOO_LATE)),
    ],
)
def test_a_time_that_makes_no_sense_is_named(options: dict[str, str], fault: tuple[str, str]) -> None:
    """Which one, and what is wrong with it."""
    assert _read(**options)[1] == [fault]


@pytest.mark.parametrize("send_at", ["2026-03-01T11:59:58Z", "2026-02-28T12:00:00Z"])
def test_a_time_that_has_just_passed_means_at_once_and_is_said(send_at: str) -> None:
    """A clock that is seconds behind, or a request that waited in a queue, sends; the answer says how it was read."""
    assert _read(send_at=send_at)[1] == []
    request = SendRequest.model_validate({"recipients": ["+15551231234"], "message": "Hello", "send_at": send_at})
    (note,) = notes_of(request, NOW)
    assert send_at in note
    assert "sent at once" in note


@pytest.mark.parametrize("send_at", [None, "2026-03-01T12:00:00Z", "2026-03-01T12:00:01Z"])
def test_of_a_time_to_come_nothing_is_said(send_at: str | None) -> None:
    """Nor where there is none."""
    request = SendRequest.model_validate({"recipients": ["+15551231234"], "message": "Hello", "send_at": send_at})
    assert notes_of(request, NOW) == []


def test_a_campaign_may_live_three_days_from_its_start() -> None:
    """Sinch's own limit, from send_at where that is later than now."""
    options, faults = _read(send_at="2026-03-05T12:00:00Z", expire_at="2026-03-08T12:00:00Z")
    assert (options.expire_at, faults) == ("2026-03-08T12:00:00.000Z", [])


@given(st.text() | st.datetimes().map(str), st.text() | st.datetimes().map(str))
def test_any_text_is_read_or_refused(send_at: str, expire_at: str) -> None:
    """Whatever stands there, it is a moment in the form of the log, or a fault."""
    options, faults = _read(send_at=send_at, expire_at=expire_at)
    assert all(text is None or len(text) == 24 for text in (options.send_at, options.expire_at))
    assert (options.send_at is None) == (("/send_at", NOT_A_MOMENT) in faults)
