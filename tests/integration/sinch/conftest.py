"""A simulated Sinch for these tests: one in a thread for blocking clients, one in the test's own loop for the rest."""

from collections.abc import AsyncIterator, Iterator

import pytest

from infra.sinch.simulator.fixture import sinch_simulator, sinch_simulator_server
from infra.sinch.simulator.settings import SimulatorSettings
from tests.integration.sinch.catcher import Catcher
from tests.integration.sinch.desk import Desk, at_desk

__all__ = ["sinch_simulator", "sinch_simulator_server"]


@pytest.fixture(scope="session")
def catcher() -> Iterator[Catcher]:
    """Where the shared simulator's callbacks go."""
    catcher = Catcher()
    yield catcher
    catcher.close()


@pytest.fixture(scope="session")
def sinch_simulator_settings(catcher: Catcher) -> SimulatorSettings:
    """The shared simulator signs, and has an address of its own for inbound messages."""
    return SimulatorSettings(webhook_secret="secret", callback_url=catcher.url)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """A simulator of this test's own, and everything to talk to it."""
    async with at_desk() as desk:
        yield desk
