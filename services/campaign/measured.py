"""Counting and timing every answer."""

from aiohttp import web
from aiohttp.typedefs import Middleware

from infra.http.callback_paths import is_callback
from infra.process import metrics
from infra.process.world import Clock
from services.campaign.problems import Handler, route_of


def measured(clock: Clock) -> Middleware:
    """A middleware that counts and times answers by route; the webhook gateway counts its own."""

    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        if is_callback(request.path):
            return await handler(request)
        began = clock.boot()
        response = await handler(request)
        route = route_of(request)
        metrics.HTTP_REQUESTS.labels(route, str(response.status)).inc()
        metrics.HTTP_SECONDS.labels(route).observe(clock.boot() - began)
        return response

    return count
