"""Tests at a time in several processes: which run beside each other."""

import asyncio
from pathlib import Path

import pytest

from tests.sharing import held
from tests.waiting import until


@pytest.mark.parametrize("first", [False, True])
async def test_a_test_that_is_alone_runs_beside_no_other(first: bool, tmp_path: Path) -> None:
    """It waits for the tests that run, and they for it."""
    ran = []

    def run(*, alone: bool) -> None:
        with held(tmp_path / "lock", alone=alone):
            ran.append(alone)

    with held(tmp_path / "lock", alone=first):
        other = asyncio.create_task(asyncio.to_thread(run, alone=not first))
        await asyncio.sleep(0.05)
        assert not ran
    await until(other.done, "it runs when the first has ended")
    assert ran == [not first]


def test_ordinary_tests_run_beside_each_other(tmp_path: Path) -> None:
    """Neither waits."""
    with held(tmp_path / "lock", alone=False), held(tmp_path / "lock", alone=False):
        pass
