"""Waits that grow."""

import pytest

from infra.process.backoff import growing


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0.1), (1, 0.1), (2, 0.2), (4, 0.8), (8, 10.0), (1_080, 10.0), (10**9, 10.0)]
)
def test_wait_doubles_up_to_its_limit(failures: int, seconds: float) -> None:
    """However often a program has failed, three hours every ten seconds say, the wait is a number."""
    assert growing(failures, 0.1, 10.0) == seconds
