"""kill -9 at every named point and at random times: every recipient exactly once."""

from pathlib import Path

import pytest

from infra.kafka.connection import KafkaConnection
from tests.chaos.run import run
from tests.chaos.scenario import scenario

RUNS = 25


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(RUNS))
async def test_every_recipient_gets_exactly_one_message(
    seed: int, kafka: KafkaConnection, database: str, tmp_path: Path
) -> None:
    """Whatever dies, hangs, is cut, refused or lost: once, and the log says so."""
    verdict = await run(scenario(seed), kafka, database, tmp_path)
    assert verdict.good, verdict
