"""A sender that is frozen between the log and the socket."""

import os
import signal
import sys
from pathlib import Path

from infra.process.children import start_child
from infra.process.world import SystemClock
from tests.chaos.run import FAST
from tests.integration.dispatcher.parts import NUMBERS, Parts
from tests.waiting import until


def is_stopped(pid: int) -> bool:
    """Whether the kernel has the process stopped (state T, proc(5))."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


async def test_a_frozen_sender_that_wakes_after_its_deadline_does_not_send(these: Parts, tmp_path: Path) -> None:
    """SIGSTOP right before the POST, SIGCONT after the deadline: the body does not leave; the offer goes later, once."""
    output = tmp_path / "dispatcher.log"
    environment = dict(os.environ) | FAST | {
        "KAFKA_BOOTSTRAP_SERVERS": these.kafka.bootstrap_servers, "KAFKA_TOPIC_PREFIX": these.kafka.topic_prefix,
        "DATABASE_URL": these.database, "SINCH_BASE_URL": these.simulator.url, "BASE_URL": these.gateway,
        "HELIOGRAPH_CRASH_AT": "stop:post.before:1",
    }  # fmt: skip
    await these.ask(NUMBERS[:3])
    child = await start_child(
        [sys.executable, "-m", "services.cli", "dispatcher"], name="dispatcher", env=environment, output=output
    )
    try:
        await until(lambda: is_stopped(child.pid), "the sender is frozen", within=20.0)
        awake = SystemClock().boot() + float(FAST["DISPATCH_DEADLINE"]) + 0.2
        await until(lambda: SystemClock().boot() > awake, "its deadline has passed")
        assert await these.sent() == {}
        os.kill(child.pid, signal.SIGCONT)
        await these.settled()
    finally:
        await child.stop(within=6.0)
    assert await these.sent() == dict.fromkeys(NUMBERS[:3], 1)
    assert "not_sent" in output.read_text()
