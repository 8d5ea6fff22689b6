"""A worker's word about itself, beside its work: that it lives, what it waits for, and how it ended."""

import asyncio

from infra.postgres.presence import Presence
from infra.process.masking import mask_loose, secret_masker
from infra.process.metrics import CONSUMER_LAG_SECONDS, DISPATCH_PAUSED
from infra.process.settings import Settings
from infra.process.world import World
from services.cli.service import Work

BEHIND_SECONDS = 60.0


def with_presence(service: str, work: Work) -> Work:
    """The work of a process with its row in `heliograph.services` beside it."""

    async def both(settings: Settings, world: World) -> None:
        assert settings.database_url is not None
        presence = Presence(settings.database_url.get_secret_value(), service, settings.replica)
        await presence.begins()
        try:
            async with world.tasks.running("presence", presence.run(world, waits_for)):
                await work(settings, world)
        except asyncio.CancelledError:
            failed = world.tasks.failed
            if failed is not None and failed.done():  # another task of ours, which takes the process down
                await presence.ends(_in_words(failed.result(), settings))
            else:
                await presence.stops()
            raise
        except Exception as error:
            await presence.ends(_in_words(error, settings))
            raise

    return both


def _in_words(error: BaseException, settings: Settings) -> str:
    return secret_masker(settings.secret_values())(mask_loose(f"{type(error).__name__}: {error}"))


def waits_for() -> str:
    """What this process's own metrics say that it waits for, '' for nothing."""
    paused = [s.labels["reason"] for metric in DISPATCH_PAUSED.collect() for s in metric.samples if s.value]
    behind = max((s.value for metric in CONSUMER_LAG_SECONDS.collect() for s in metric.samples), default=0.0)
    lag = ["it is more than a minute behind the log"] if behind > BEHIND_SECONDS else []
    return "; ".join([*paused, *lag])
