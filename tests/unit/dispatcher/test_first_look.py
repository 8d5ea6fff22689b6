"""When missing reports are asked for."""

from datetime import UTC, datetime, timedelta

import pytest

from infra.process.world import iso
from services.dispatcher.offers import POLL_SECONDS, Sending

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = 86_400.0


@pytest.mark.parametrize(
    ("patience", "expires_in", "seconds"),
    [
        (6 * 3600.0, None, 6 * 3600.0),
        (6 * 3600.0, 3600.0, 3600.0 + 600.0),
        (0.0, None, 3 * DAY + 600.0),
        (0.0, 3600.0, 3600.0 + 600.0),
        (0.0, -60.0, 600.0),
        (6 * 3600.0, -60.0, 600.0),
    ],
)
def test_after_the_silence_or_the_end_whichever_is_first(
    patience: float, expires_in: float | None, seconds: float
) -> None:
    """Without `expire_at` Sinch keeps a message three days; a patience of 0 waits for the end."""
    sending = Sending("1555", "http://here", margin=600.0, patience=patience)
    expire_at = None if expires_in is None else iso(NOW + timedelta(seconds=expires_in))
    assert sending.first_look(expire_at, NOW) == seconds


def test_without_callbacks_they_are_asked_for_soon() -> None:
    """Nothing else brings them."""
    assert Sending("1555", None, patience=6 * 3600.0).first_look(None, NOW) == POLL_SECONDS
