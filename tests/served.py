"""An application behind the server that it has when it runs."""

from typing import Any

from aiohttp.test_utils import TestServer

from infra.process.lane import LaneRunner


class ServedAsRun(TestServer):
    """Serves as `infra.process.health.serving` does: connections begin in the lane, bodies stay as they come."""

    __test__ = False

    async def _make_runner(self, **more: Any) -> LaneRunner:
        return LaneRunner(self.app, **more)
