"""The dispatcher as a process: what it is made of, in the order in which it starts; it stops in the reverse."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from urllib.parse import quote, urlsplit

import structlog

from contracts.consent import Keywords
from contracts.events import CampaignRequested
from infra.kafka.connection import connection_from
from infra.kafka.log import Appender, Reader, Scanner
from infra.postgres.pool import create_pool
from infra.process.access import is_loopback
from infra.process.settings import Settings
from infra.process.world import World
from infra.sinch.client import SinchClient
from infra.sinch.transport import Account, Timeouts
from infra.sinch.wire.batches import MAX_BODY_CHARS, MAX_RECIPIENTS
from infra.sinch.wire.parts import parts
from services.dispatcher.cancelling import Cancelling
from services.dispatcher.confirmations import Confirmations
from services.dispatcher.dispatch import Dispatch, Limits
from services.dispatcher.doubt import Rule
from services.dispatcher.doubts import Doubts
from services.dispatcher.fencing.fence import look_on
from services.dispatcher.follow_ups import FollowUps
from services.dispatcher.guard import Guard
from services.dispatcher.intake import READ, Intake
from services.dispatcher.intake_store import IntakeStore
from services.dispatcher.ledger import Ledger, Pacing
from services.dispatcher.offers import Sending
from services.dispatcher.orphans import Orphans
from services.dispatcher.outcomes import Outcomes
from services.dispatcher.plan import LONGEST_SLOW_SECONDS, Plan
from services.dispatcher.rate import Rate
from services.dispatcher.readers import CONSENT, FENCING, Readers, ends_of, fencing_ends
from services.dispatcher.recovery import Recovery
from services.dispatcher.say import Voice
from services.dispatcher.settlement import Settlement
from services.dispatcher.silence import Silence
from services.dispatcher.taking_back import TakingBack
from services.dispatcher.watch import Watch

log = structlog.get_logger(__name__)

MOST_PARTS = parts("\N{GRINNING FACE}" * MAX_BODY_CHARS).count
SERVICE = "dispatcher"
CALLBACK_PATH = "/api/webhooks/delivery-reports"
MAX_PARTITION_FETCH_BYTES = 4 * 1024 * 1024


async def run(settings: Settings, world: World) -> None:
    """Dispatch until cancelled. An error ends it; whoever runs it starts it again."""
    async with AsyncExitStack() as stack:
        intake = await _start(settings, world, stack)
        await intake.run()


async def _start(settings: Settings, world: World, stack: AsyncExitStack) -> Intake:
    assert settings.database_url is not None
    dsn, kafka = settings.database_url.get_secret_value(), connection_from(settings)
    member = f"{SERVICE}-{settings.replica}"
    pool = await create_pool(dsn, SERVICE, max_size=min(settings.dispatch_in_flight, 24) + 8)
    stack.push_async_callback(pool.close)
    appender = Appender(kafka, world, name=member)
    await appender.start()
    stack.push_async_callback(appender.stop)
    voice = Voice(appender, world.clock)
    timeouts = Timeouts(connect=min(5.0, settings.sinch_http_timeout), total=settings.sinch_http_timeout)
    client = await stack.enter_async_context(SinchClient.open(_account(settings), world.clock, timeouts=timeouts))
    ledger = await Ledger.open(
        pool, dsn, _pacing(settings), lambda: _owner(world), lambda: fencing_ends(kafka), clock=world.clock
    )  # fmt: skip
    stack.push_async_callback(ledger.close)
    readers = Readers(pool, world.clock)
    scanner = await stack.enter_async_context(Scanner(kafka))
    await readers.register(await scanner.partitions(FENCING))

    sending = _sending(settings)
    first_look = sending.first_look(None, world.clock.wall())
    settlement = Settlement(pool, ledger.owner, voice, world)
    grace = _grace(settings)
    recovery = Recovery(
        doubts=Doubts(pool), voice=voice, client=client, world=world, owner=ledger.owner, grace=grace,
        rule=Rule(settings.in_doubt_looks, settings.in_doubt_settle), first_look=first_look,
        most_apart=settings.sinch_max_clock_skew,
    )  # fmt: skip
    outcomes = Outcomes(
        client=client, plan=Plan(pool, settings.sinch_max_retry_after), settlement=settlement, voice=voice, world=world, sending=sending, grace=grace,
        slots=asyncio.Semaphore(settings.dispatch_in_flight), guard=Guard(pool, ledger.owner, world),
    )  # fmt: skip
    dispatch = Dispatch(
        ledger=ledger, settlement=settlement, outcomes=outcomes, appender=appender, voice=voice, world=world,
        limits=Limits(settings.dispatch_in_flight, settings.dispatch_deadline),
    )  # fmt: skip
    loops = (
        ("recovery", recovery.run()),
        ("taking back", TakingBack(pool, voice, world).run()),
        ("cancelling", Cancelling(pool, voice, client, world, settings.in_doubt_settle).run()),
        ("follow-ups", FollowUps(pool, voice, world, settings.follow_up_gather).run()),
        ("orphans", Orphans(pool, voice, world).run()),
        ("silence", Silence(pool, voice, client, world, settings.pull_margin).run()),
    )
    for name, loop in loops:
        await stack.enter_async_context(world.tasks.running(name, _once(ledger.fenced, loop)))
    for name, loop in (
        ("dispatch", dispatch.run()), ("watch", Watch(pool, world).run()), ("owner", ledger.run()),
        ("looks", look_on(ledger.fence, ledger.draw_look, lambda: ends_of(scanner, CONSENT), world.clock)),
    ):  # fmt: skip
        await stack.enter_async_context(world.tasks.running(name, loop))
    stack.push_async_callback(dispatch.drain)

    reader, intake = _intake(settings, world, IntakeStore(pool, settings.sinch_mps, first_look), readers, voice)
    await reader.start()
    stack.push_async_callback(reader.stop)
    return intake


async def _once(fenced: asyncio.Event, loop: Coroutine[None, None, None]) -> None:
    """Run it once the ledger holds what the log held: what it does rests on all of it."""
    try:
        await fenced.wait()
    except asyncio.CancelledError:
        loop.close()  # it never ran
        raise
    await loop


def _owner(world: World) -> int:
    """A number by chance, of 31 bits: one that was counted would come again on another server."""
    return int.from_bytes(world.ids.uuid7().bytes[-4:]) >> 1


def _intake(
    settings: Settings, world: World, store: IntakeStore, readers: Readers, voice: Voice
) -> tuple[Reader, Intake]:
    intake: Intake
    connection = connection_from(settings)
    reader = Reader(
        connection,
        world,
        topics=READ,
        group=SERVICE,
        member=f"{SERVICE}-{settings.replica}",
        load_offsets=lambda partitions: intake.load_offsets(partitions),  # noqa: PLW0108 - made from the reader
        max_partition_fetch_bytes=MAX_PARTITION_FETCH_BYTES,
    )
    key = settings.privacy_key.get_secret_value() if settings.privacy_key else ""
    confirmations = Confirmations(settings.consent_opt_out_confirmation, settings.consent_opt_in_confirmation)
    intake = Intake(
        connection=connection, reader=reader, store=store, readers=readers, voice=voice, world=world, privacy_key=key,
        confirmations=confirmations,
        keywords=Keywords(settings.consent_languages, settings.consent_opt_out_words, settings.consent_opt_in_words),
    )  # fmt: skip
    return reader, intake


def _account(settings: Settings) -> Account:
    assert settings.sinch_service_plan_id is not None
    assert settings.sinch_api_token is not None
    token = settings.sinch_api_token.get_secret_value()
    return Account(settings.sinch_base_url, settings.sinch_service_plan_id, token)


def _pacing(settings: Settings) -> Pacing:
    by_parts = settings.sinch_mps_counts == "parts"
    cost: Callable[[CampaignRequested, int], float] = _parts if by_parts else _recipients
    longest_slow = max(settings.sinch_max_retry_after, LONGEST_SLOW_SECONDS)
    rate = Rate(settings.sinch_mps, MAX_RECIPIENTS * (MOST_PARTS if by_parts else 1), longest_slow)
    return Pacing(rate, cost, settings.reader_lag, _grace(settings), settings.consent_hold_probable)


def _grace(settings: Settings) -> float:
    """Seconds from a claim until its sender can no longer be heard."""
    return settings.dispatch_deadline + settings.sinch_http_timeout + settings.dispatch_margin


def _recipients(_request: CampaignRequested, recipients: int) -> float:
    return float(recipients)


def _parts(request: CampaignRequested, recipients: int) -> float:
    """Message parts of the text as it stands; parameters may lengthen it for some."""
    return float(recipients * parts(request.body).count)


def _sending(settings: Settings) -> Sending:
    address = callback_url(settings)
    if address is None:
        log.warning(
            "no_callback_url", hint="set BASE_URL to the public address of this service to get delivery reports"
        )
    return Sending(settings.sinch_number, address, margin=settings.pull_margin, patience=settings.pull_after_silence)


def callback_url(settings: Settings) -> str | None:
    """Where Sinch reports to: BASE_URL, or this machine when Sinch itself (the simulator) is on it; else nowhere."""
    base = settings.base_url
    if base is None and is_loopback(urlsplit(settings.sinch_base_url).hostname or ""):
        base = f"http://{settings.host}:{settings.port}"
    if base is None:
        return None
    token = settings.webhook_token[0].get_secret_value() if settings.webhook_token else ""
    return base.rstrip("/") + CALLBACK_PATH + (f"?token={quote(token, safe='')}" if token else "")
