"""kill -9 at every named point and at random times, ledgers restored: everybody once, every message at its end."""

from pathlib import Path

import pytest

from tests.chaos.many import run_many

RUNS = 25


@pytest.mark.faults
async def test_every_recipient_gets_exactly_one_message(
    kafka_bootstrap: str, postgres_dsn: str, template: str, tmp_path: Path
) -> None:
    """Whatever dies, hangs, is cut, refused, restored or lost: once, and Sinch, log, tables and ledger agree. 25 seeds."""
    verdicts = await run_many(range(RUNS), kafka_bootstrap, postgres_dsn, template, tmp_path, tell=print)
    assert [f"seed {verdict.seed}: {verdict.faults}" for verdict in verdicts if not verdict.good] == []
    assert sum(verdict.deaths for verdict in verdicts) > RUNS / 2
    assert sum(verdict.restores for verdict in verdicts) >= 3
    assert sum(verdict.follow_ups for verdict in verdicts) >= 3
