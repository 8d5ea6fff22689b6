"""Saying one thing in the log: a decision of a client, answered only when the log has it."""

from collections.abc import Awaitable, Callable

import structlog

from infra.kafka.log import Appender, Entry, LogError
from services.campaign.problems import TryLater

log = structlog.get_logger(__name__)

APPEND_SECONDS = 3.0


class Voice:
    """Appends decisions. `appender` gives a started Appender or raises LogUnavailable."""

    def __init__(self, appender: Callable[[], Awaitable[Appender]]) -> None:
        self._appender = appender

    async def say(self, entry: Entry) -> None:
        """Return when the log has it. Raises TryLater; then it is perhaps there all the same."""
        try:
            appender = await self._appender()
            await appender.append(entry, within=APPEND_SECONDS)
        except LogError as error:
            log.warning("decision_not_said", topic=entry.topic, error=repr(error))
            detail = (
                "The log cannot be reached at the moment, so it is not known whether this was recorded. "
                "Send it again: twice is the same as once."
            )
            raise TryLater(detail, code="log_away") from error
