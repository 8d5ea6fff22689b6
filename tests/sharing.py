"""Two tests at a time: how the worker processes of `make test` share the tests and the machine.

Each worker has a Kafka and a PostgreSQL of its own. The tests of a file stay in one worker, in their order. Those marked
`alone` come last, and while one of them runs no other worker runs a test.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the tests marked `alone` behind the others, so that workers seldom wait for each other."""
    if unlike := [item.nodeid for item in items if " at 0x" in item.nodeid]:
        raise pytest.UsageError(f"The name of a test holds an address, other workers call it otherwise: {unlike[0]}")
    items.sort(key=_is_alone)


@pytest.fixture(autouse=True)
def machine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The machine, shared with the other workers' tests, or this test's own where it is marked `alone`."""
    if not hasattr(request.config, "workerinput"):  # one process runs one test at a time
        yield
        return
    run = tmp_path_factory.getbasetemp().parent  # a worker's is below the run's
    with held(run / "machine.lock", alone=_is_alone(request.node)):
        yield


@contextmanager
def held(file: Path, *, alone: bool) -> Iterator[None]:
    """The lock that this file is, together with others or alone; waits for it as long as it takes."""
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


def _is_alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None
