"""The operator's commands as they are typed."""

import asyncio
import sys
from subprocess import PIPE, STDOUT

from infra.kafka.log import KafkaConnection
from tests.integration.projector.processes import ROOT, environment

WITHIN_SECONDS = 60.0


async def heliograph(kafka: KafkaConnection, dsn: str, *words: str) -> tuple[int, str]:
    """Exit code and output of `heliograph <words>`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", *words, env=environment(kafka, dsn), cwd=ROOT, stdout=PIPE, stderr=STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(), WITHIN_SECONDS)
    return process.returncode or 0, output.decode()
