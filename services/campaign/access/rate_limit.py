"""Requests a minute, by key: told in every answer (draft-ietf-httpapi-ratelimit-headers-10), refused beyond.

Counted in this process alone, without a round trip: of several replicas each allows as many. What must hold over all of
them is counted in message parts (`parts_used.py`).
"""

import math
from http import HTTPStatus
from typing import NamedTuple

from aiohttp import web

from infra.process import metrics
from infra.process.world import Clock
from services.campaign.access.callers import Caller
from services.campaign.problems import TryLater

WINDOW_SECONDS = 60
POLICY = "requests"


class Share(NamedTuple):
    """What a key has left of its window."""

    limit: int
    left: int
    seconds: int
    is_used_up: bool

    @property
    def headers(self) -> dict[str, str]:
        """For the answer."""
        return {
            "RateLimit-Policy": f'"{POLICY}";q={self.limit};w={WINDOW_SECONDS}',
            "RateLimit": f'"{POLICY}";r={self.left};t={self.seconds}',
        }


SHARE = web.RequestKey("rate_limit_share", Share)
"""What is left to the key of a request."""


async def tell_share(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Say it in the answer, whatever that is."""
    if isinstance(request, web.Request) and (share := request.get(SHARE)) is not None:
        response.headers.update(share.headers)


class RateLimit:
    """A window a key; it begins with the first request after the last one's end. `usual`: for keys without a limit."""

    def __init__(self, clock: Clock, usual: int) -> None:
        self._clock = clock
        self._usual = usual
        self._windows: dict[str, tuple[float, int]] = {}  # by key: when it ends, and the requests in it

    def take(self, caller: Caller) -> Share:
        """Count one request of this key."""
        now, limit = self._clock.boot(), caller.limits.requests_per_minute or self._usual
        ends, count = self._windows.get(caller.id, (0.0, 0))
        if now >= ends:
            ends, count = now + WINDOW_SECONDS, 0
        count += 1
        self._windows[caller.id] = ends, count
        return Share(limit, max(0, limit - count), math.ceil(ends - now), count > limit)


def too_many(caller: Caller, share: Share) -> TryLater:
    """The refusal (429) of a request that its key had no share for."""
    metrics.REQUESTS_LIMITED.inc()
    detail = (
        f"The key {caller.id} may make {share.limit:,} requests a minute, and has made them. "
        f"Nothing was changed. Try again in {share.seconds} s."
    )
    return TryLater(
        detail, status=HTTPStatus.TOO_MANY_REQUESTS, code="too_many_requests", retry_after=max(1, share.seconds)
    )
