"""The header Prefer."""

import pytest

from services.campaign.prefer import wanted_wait


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("wait=5", 5),
        ("Wait = 5", 5),
        ('wait="5"', 5),
        ("respond-async, wait=10", 10),
        ("wait=10; foo=bar", 10),
        ("wait=0", 0),
        ("wait=999999", 30),
        ("wait=-1", None),
        ("wait=1.5", None),
        ("wait=\u0665", None),
        ("await=5", None),
    ],
)
def test_the_wait_is_read(header: str | None, seconds: int | None) -> None:
    """At most 30 seconds; a wish that cannot be read is none (RFC 7240, section 2)."""
    assert wanted_wait(header) == seconds
