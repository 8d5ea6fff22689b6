"""One callback: is it Sinch's, what does it say, is it in the log; only then 200."""

import hmac
from collections.abc import Sequence

import structlog
from aiohttp import web

from infra.kafka.log import Appender, Entry, LogError
from infra.process.metrics import DEAD_LETTERS, REPORTS_ACCEPTED, REPORTS_REFUSED
from infra.process.world import Clock, iso
from services.webhook_gateway.body import read_body
from services.webhook_gateway.translate import Translator, dead_letter

log = structlog.get_logger(__name__)

APPEND_SECONDS = 3.0
"""Our own deadline: Sinch's is not documented, and an answer within it is worth more than a queue."""
RETRY_AFTER_SECONDS = "5"

ACCEPTED = b'{"message":"Webhook received successfully."}'


class Handler:
    """Answers callbacks. 503 is the only way to say no to what may be Sinch's: any other 4xx is never retried."""

    def __init__(self, appender: Appender, translator: Translator, clock: Clock, tokens: Sequence[str]) -> None:
        self._appender = appender
        self._translator = translator
        self._clock = clock
        self._tokens = [token.encode() for token in tokens]

    async def __call__(self, request: web.Request) -> web.Response:
        """POST /api/webhooks/delivery-reports."""
        if not self._token_fits(request):
            REPORTS_REFUSED.labels("token").inc()
            log.warning("callback_token_wrong", remote=request.remote)
            return web.json_response({"message": "The callback's token is missing or wrong."}, status=401)
        raw, cut = await read_body(request)
        now = iso(self._clock.wall())
        if cut:
            kind, entries = "oversized", [dead_letter(raw, f"longer than {len(raw)} bytes: cut", now, truncated=True)]
        else:
            kind, entries = self._translator.entries(raw, now)
        try:
            await self._append(entries)
        except LogError as error:
            REPORTS_REFUSED.labels("log").inc()
            log.error("callback_not_in_the_log", type=kind, why=str(error))
            return _try_again()
        REPORTS_ACCEPTED.labels(kind).inc()
        if entries and entries[0].topic == "dead-letters":
            DEAD_LETTERS.labels(kind).inc()
            log.warning("callback_unreadable", type=kind, bytes=len(raw))
        return web.Response(body=ACCEPTED, content_type="application/json")

    async def _append(self, entries: Sequence[Entry]) -> None:
        if len(entries) == 1:
            await self._appender.append(entries[0], within=APPEND_SECONDS)
        elif entries:
            await self._appender.append_all(entries, within=APPEND_SECONDS)

    def _token_fits(self, request: web.Request) -> bool:
        """Whether the callback's address carries one of our tokens; with none set, any does. In constant time."""
        if not self._tokens:
            return True
        given, fits = request.query.get("token", "").encode(errors="surrogateescape"), False
        for token in self._tokens:
            fits |= hmac.compare_digest(given, token)
        return fits


def _try_again() -> web.Response:
    body = {"message": "The log cannot take it at this moment; try again."}
    return web.json_response(body, status=503, headers={"Retry-After": RETRY_AFTER_SECONDS})
