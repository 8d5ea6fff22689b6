"""kill -9 at every named point and at random times: every recipient exactly once."""

from pathlib import Path

import pytest

from tests.chaos.many import run_many

RUNS = 25


@pytest.mark.faults
async def test_every_recipient_gets_exactly_one_message(
    kafka_bootstrap: str, postgres_dsn: str, template: str, tmp_path: Path
) -> None:
    """Whatever dies, hangs, is cut, refused or lost: once, and the log says so. 25 seeds; more by `make chaos`."""
    verdicts = await run_many(range(RUNS), kafka_bootstrap, postgres_dsn, template, tmp_path, tell=print)
    assert [verdict for verdict in verdicts if not verdict.good] == []
    assert sum(verdict.deaths for verdict in verdicts) > RUNS / 2
