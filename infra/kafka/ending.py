"""Ending what may not want to end: aiokafka's `stop()` and `close()` wait for ever for a frozen broker."""
# ruff: noqa: SLF001 - the private names of aiokafka 0.14 that are needed to end a consumer by force

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer

log = structlog.get_logger(__name__)

FORCE_SECONDS = 1.0  # for closing sockets, which waits for nobody


def consume_failure(future: asyncio.Future[Any]) -> None:
    """Keep asyncio from complaining about a failure that nobody waits for any more."""
    future.add_done_callback(lambda done: done.cancelled() or done.exception())


async def end_within(ending: Coroutine[Any, Any, Any], within: float) -> bool:
    """Run an ending for at most `within` seconds. False when it did not come to its end, or failed."""
    try:
        async with asyncio.timeout(within):
            await ending
    except TimeoutError:
        return False
    except asyncio.CancelledError:
        # aiokafka waits for a task that it cancelled before its first step: that is its end, not ours
        if (task := asyncio.current_task()) is None or task.cancelling():
            raise
        return False
    except Exception as error:  # noqa: BLE001 - whatever a dying client says, the caller goes on ending
        log.debug("ending_failed", error=repr(error))
        return False
    return True


async def end_consumer(consumer: AIOKafkaConsumer, within: float) -> None:
    """Stop a consumer; by force when `within` seconds are not enough."""
    if await end_within(consumer.stop(), within):
        return
    log.warning("consumer_given_up", after_seconds=within)
    consumer._closed = True
    for task in _tasks_of(consumer):
        task.cancel()
    await end_within(consumer._client.close(), FORCE_SECONDS)
    if tasks := _tasks_of(consumer):
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=FORCE_SECONDS)


def _tasks_of(consumer: AIOKafkaConsumer) -> list[asyncio.Task[Any]]:
    found: list[asyncio.Task[Any] | None] = []
    with contextlib.suppress(AttributeError):  # a consumer that never started has neither
        found += [consumer._fetcher._fetch_task, *consumer._fetcher._pending_tasks]
    with contextlib.suppress(AttributeError):  # one without a group has no such tasks
        coordinator = consumer._coordinator
        found += [coordinator._heartbeat_task, coordinator._commit_refresh_task, coordinator._coordination_task]
    return [task for task in found if task is not None and not task.done()]
