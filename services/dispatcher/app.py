"""The dispatcher as a process: what it is made of, in the order in which it starts; it stops in the reverse."""

from contextlib import AsyncExitStack
from urllib.parse import quote, urlsplit

import structlog

from contracts import topics
from infra.kafka.connection import connection_from
from infra.kafka.log import Appender, Reader
from infra.postgres.pool import create_pool
from infra.process.access import is_loopback
from infra.process.settings import Settings
from infra.process.world import World
from infra.sinch.client import SinchClient
from infra.sinch.transport import Account, Timeouts
from services.dispatcher.dispatch import Dispatch, Limits
from services.dispatcher.doubt import Rule
from services.dispatcher.doubts import Doubts
from services.dispatcher.intake import Intake, IntakeStore
from services.dispatcher.ledger import Ledger
from services.dispatcher.offers import Sending
from services.dispatcher.recovery import Recovery

log = structlog.get_logger(__name__)

SERVICE = "dispatcher"
CALLBACK_PATH = "/api/webhooks/delivery-reports"
MARGIN_SECONDS = 2.0
"""Added to deadline + HTTP timeout before a silent sender counts as unheard: scheduling, and clocks that drift."""
MAX_PARTITION_FETCH_BYTES = 4 * 1024 * 1024


def callback_url(settings: Settings) -> str | None:
    """Where Sinch reports to: BASE_URL, or this machine when Sinch itself (the simulator) is on it; else nowhere."""
    base = settings.base_url
    if base is None and is_loopback(urlsplit(settings.sinch_base_url).hostname or ""):
        base = f"http://{settings.host}:{settings.port}"
    if base is None:
        return None
    token = settings.webhook_token[0].get_secret_value() if settings.webhook_token else ""
    return base.rstrip("/") + CALLBACK_PATH + (f"?token={quote(token, safe='')}" if token else "")


async def run(settings: Settings, world: World) -> None:
    """Dispatch until cancelled. An error ends it; whoever runs it starts it again."""
    assert settings.database_url is not None
    assert settings.sinch_service_plan_id is not None
    assert settings.sinch_api_token is not None
    connection, dsn = connection_from(settings), settings.database_url.get_secret_value()
    member = f"{SERVICE}-{settings.replica}"
    account = Account(
        settings.sinch_base_url, settings.sinch_service_plan_id, settings.sinch_api_token.get_secret_value()
    )
    timeouts = Timeouts(connect=min(5.0, settings.sinch_http_timeout), total=settings.sinch_http_timeout)
    limits = Limits(
        settings.dispatch_in_flight,
        settings.dispatch_deadline,
        settings.dispatch_deadline + settings.sinch_http_timeout + MARGIN_SECONDS,
    )
    sending = Sending(settings.sinch_number, callback_url(settings))
    if sending.callback_url is None:
        log.warning(
            "no_callback_url", hint="set BASE_URL to the public address of this service to get delivery reports"
        )
    async with AsyncExitStack() as stack:
        pool = await create_pool(dsn, SERVICE, max_size=limits.in_flight + 4)
        stack.push_async_callback(pool.close)
        appender = Appender(connection, world, name=member)
        await appender.start()
        stack.push_async_callback(appender.stop)
        client = await stack.enter_async_context(SinchClient.open(account, world.clock, timeouts=timeouts))
        ledger = await Ledger.open(pool, dsn)
        stack.push_async_callback(ledger.close)
        intake: Intake
        reader = Reader(
            connection,
            world,
            topics=[topics.CAMPAIGN_REQUESTS],
            group=SERVICE,
            member=member,
            load_offsets=lambda partitions: intake.load_offsets(partitions),  # noqa: PLW0108 - made from the reader
            max_partition_fetch_bytes=MAX_PARTITION_FETCH_BYTES,
        )
        intake = Intake(reader, IntakeStore(pool), appender, world.clock)
        recovery = Recovery(
            doubts=Doubts(pool),
            appender=appender,
            client=client,
            world=world,
            owner=ledger.owner,
            grace=limits.grace,
            rule=Rule(settings.in_doubt_looks, settings.in_doubt_settle),
        )
        dispatch = Dispatch(
            ledger=ledger, appender=appender, client=client, world=world, sending=sending, limits=limits
        )
        await stack.enter_async_context(world.tasks.running("recovery", recovery.run()))
        await stack.enter_async_context(world.tasks.running("dispatch", dispatch.run()))
        stack.push_async_callback(dispatch.drain)
        await reader.start()
        stack.push_async_callback(reader.stop)
        await intake.run()
