"""One play: a dispatcher that lives and dies, what is asked of it, and the end, at which everything is judged."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from contracts import topics
from contracts.events import (
    CampaignCancelled,
    CampaignPaused,
    CampaignRequested,
    CampaignResumed,
    DeliveryReported,
    Event,
    RecipientOptedOut,
    decode,
    encode,
)
from contracts.identity import chunk_key, derived_id, parse_reference
from contracts.statuses import standing_of
from infra.kafka.log import Entry
from infra.postgres import marks
from infra.process.settings import Settings
from infra.process.world import World, iso
from services.dispatcher import app, readers
from services.projector.fold import Changes
from services.projector.store import Store
from tests.chaos.backups import Backups
from tests.chaos.scenario import Restore
from tests.machine.clock import JumpingClock
from tests.machine.log import MemoryAppender, MemoryLog, MemoryReader, MemoryScanner
from tests.machine.sinch import PlayedSinch, Taken
from tests.oracle.sends import Logged, Sent, Wanted, judge_sends
from tests.oracle.tables import judge_ledger, judge_tables
from tests.oracle.verdicts import Faults

LEFT = """
SELECT (SELECT count(*) FROM dispatch.batches WHERE state IN ('due', 'attempting', 'in_doubt'))
     + (SELECT count(*) FROM dispatch.follow_ups WHERE NOT done)
     + (SELECT count(*) FROM dispatch.campaigns WHERE cancelled AND NOT cancel_done)
     + (SELECT count(*) FROM live.messages WHERE NOT final)
"""
FOLDED = frozenset(topic.name for topic in topics.TOPICS if "projector" in topic.read_by)
MOST_ROUNDS = 40
ROUND_SECONDS = 30.0
A_MOMENT = 0.08
ENDS = {"Delivered": 0, "Failed": 112, "Rejected": 402, "Dispatched": 401}


class Play:
    """What the rules do. Every method is whole: the dispatcher may work between two of them, and during each."""

    def __init__(self, dsn: str, seed: int) -> None:
        self.clock = JumpingClock()
        self.log = MemoryLog(self.clock, random.Random(seed))
        self.sinch = PlayedSinch(self.clock)
        self.faults = Faults()
        self.requests: list[CampaignRequested] = []
        self.held: list[Entry] = []
        self._dsn = dsn
        self._world = World(clock=self.clock)
        self._backups = Backups(dsn, self._world)
        self._main: asyncio.Task[None] | None = None
        self._folded = 0
        self._patch = pytest.MonkeyPatch()
        self._numbers = 0
        self._stopped: set[str] = set()
        self._nobody: set[tuple[str, str]] = set()
        self._words = 0
        self.connection: asyncpg.Connection
        self.store: Store

    async def open(self) -> None:
        """The first dispatcher."""
        self.connection = await asyncpg.connect(self._dsn)
        await self.connection.execute("UPDATE clock.ahead SET seconds = 0")
        self.store = await Store.connect(self._dsn)
        for where in (app, marks, readers):
            self._patch.setattr(where, "Scanner", lambda *_, **__: MemoryScanner(self.log), raising=False)
        self._patch.setattr(app, "Appender", lambda *_, **__: MemoryAppender(self.log))
        self._patch.setattr(
            app, "Reader", lambda *_, topics, load_offsets, **__: MemoryReader(self.log, topics, load_offsets)
        )
        self._patch.setattr(app, "SinchClient", _Client(self.sinch))
        await self.backup()
        self.live()

    def live(self) -> None:
        """A dispatcher."""
        values: dict[str, Any] = {
            "_env_file": None,
            "kafka_bootstrap_servers": "nowhere",
            "database_url": self._dsn,
            "sinch_api_token": "t",
            "privacy_key": "k" * 16,
        }
        settings = Settings(
            **values, sinch_service_plan_id="p", sinch_number="15550009999", sinch_mps=100_000,
            base_url="http://127.0.0.1:9", dispatch_deadline=5, sinch_http_timeout=5,
            dispatch_margin=1, in_doubt_looks=2, in_doubt_settle=10, follow_up_gather=0, pull_after_silence=600,
            dispatch_in_flight=4, reader_lag=10,
        )  # fmt: skip
        self._world = World(clock=self.clock)
        self._main = asyncio.get_running_loop().create_task(app.run(settings, self._world))

    async def kill(self) -> None:
        """All its tasks end where they are; its sessions are gone."""
        if self._main is None:
            return
        main, self._main = self._main, None
        tasks = [main, *self._world.tasks._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=20)

    async def moment(self) -> None:
        """The dispatcher works for a moment; one that ended by an error is started again, as by the supervisor."""
        await asyncio.sleep(A_MOMENT)
        if self._main is not None and (self._main.done() or self._world.tasks.any_failed):
            await self.kill()
            self.live()
        await self._fold()

    async def backup(self) -> None:
        """A copy of the ledger as it stands."""
        await self._backups.take()

    async def restore(self, age: float) -> None:
        """Killed; the ledger as it was; a new dispatcher."""
        await self.kill()
        await self._backups.restore(Restore(0.0, age, whole=False))
        self.live()

    def ask(self, sizes: Sequence[int], *, retries: Sequence[int], expires: float | None) -> None:
        """A campaign of chunks of these sizes."""
        campaign = f"01930000-0000-7000-8000-{len(self.requests):012x}"
        now = self.clock.wall()
        for chunk, size in enumerate(sizes):
            recipients = [str(15550000000 + self._numbers + n) for n in range(size)]
            self._numbers += size
            self._nobody |= {(campaign, recipient) for recipient in recipients if recipient in self._stopped}
            event = CampaignRequested(
                event_id=derived_id(campaign, chunk), occurred_at=iso(now), campaign_id=campaign, chunk=chunk,
                chunks=len(sizes), actor="play", body="Hello", recipients=recipients, retry_delays=list(retries),
                expire_at=iso(now + timedelta(seconds=expires)) if expires else None,
            )  # fmt: skip
            self.requests.append(event)
            self._say(topics.CAMPAIGN_REQUESTS, chunk_key(campaign, chunk), event)

    def decide(self, kind: type[CampaignPaused | CampaignResumed | CampaignCancelled], campaign: str) -> None:
        """Pause, resume or cancel; each a little later than the one before."""
        self._words += 1
        now = iso(self.clock.wall() + timedelta(milliseconds=self._words))
        event = kind(event_id=derived_id("word", self._words), occurred_at=now, campaign_id=campaign, actor="play")
        self._say(topics.CAMPAIGN_CONTROL, campaign, event)

    def stop(self, recipient: str) -> None:
        """STOP."""
        self._stopped.add(recipient)
        now = iso(self.clock.wall())
        event = RecipientOptedOut(
            event_id=derived_id("stop", recipient),
            occurred_at=now,
            recipient=recipient,
            received_at=now,
            source="reply",
        )
        self._say(topics.CONSENT, recipient[-4:], event)

    def unended(self) -> list[tuple[Taken, str]]:
        """Messages that Sinch has and that have no end."""
        return [(one, who) for one in self.sinch.taken for who, (word, _) in one.fates.items()
                if not standing_of(word).final]  # fmt: skip

    def report(self, one: Taken, who: str, word: str, *, late: bool = False, twice: bool = False) -> None:
        """Sinch's word about a message; a late one reaches the log only at the end, or when `late` ones are let go."""
        code = 407 if word == "Cancelled" else ENDS[word]
        one.fates[who] = word, code
        reference = parse_reference(one.reference)
        assert reference is not None
        now = iso(self.clock.wall())
        event = DeliveryReported(
            event_id=derived_id(one.batch_id, who, word), occurred_at=now, batch_id=one.batch_id, recipient=who,
            status=word, code=code, at=now, campaign_id=reference.campaign_id, chunk=reference.chunk,
            attempt=reference.attempt, part=reference.part, client_reference=one.reference,
        )  # fmt: skip
        entry = Entry(topics.DELIVERY_REPORTS, reference.key, encode(event))
        for _ in range(2 if twice else 1):
            self.held.append(entry) if late else self.log.append(entry)

    def let_go(self) -> None:
        """The late ones come, in any order."""
        self.log.chance.shuffle(self.held)
        for entry in self.held:
            self.log.append(entry)
        self.held.clear()

    async def end(self, most_rounds: int = MOST_ROUNDS) -> None:
        """Everything that waits comes to pass; then all is judged."""
        self.sinch.answers.clear()
        for campaign in {request.campaign_id for request in self.requests}:
            self.decide(CampaignResumed, campaign)
        for _ in range(most_rounds):
            self.let_go()
            for one, who in self.unended():
                self.report(one, who, "Cancelled" if one.canceled else "Delivered")
            await self.moment()
            await self.moment()
            quiet = not self.unended() and await self.connection.fetchval(LEFT) == 0
            if quiet and await self.connection.fetchval("SELECT count(*) FROM dispatch.chunks") == len(self.requests):
                break
            await self.clock.jump(self.connection, ROUND_SECONDS)
        await self.moment()
        await self._judge()

    async def close(self) -> None:
        """Nothing of it is left."""
        await self.kill()
        await self.store.close()
        await self._backups.restore(Restore(0.0, 1e9, whole=True))
        await self.connection.close()
        self._patch.undo()

    def _say(self, topic: str, key: str, event: Event) -> None:
        self.log.append(Entry(topic, key, encode(event)))

    async def _fold(self) -> None:
        """The real fold of what is new in the log, as one batch."""
        new, self._folded = self.log.everything[self._folded :], len(self.log.everything)
        changes = Changes()
        for record in new:
            changes.take(decode(record.value), 0, record.timestamp, record.offset)
        if new:
            await self.store.apply(changes, {})

    async def _judge(self) -> None:
        await self._fold()
        log = [Logged(decode(record.value), record.timestamp / 1000) for record in self.log.everything]
        sent = [Sent(one.reference, one.batch_id, one.at, one.fates) for one in self.sinch.taken]
        retries = {request.campaign_id: len(request.retry_delays) for request in self.requests}
        judge_sends(sent, log, Wanted(retries, set(), self._nobody), self.faults)
        await judge_tables(self.connection, [one.event for one in log], self.faults)
        await judge_ledger(self.connection, self.faults)
        if self.faults:
            await self._tell()

    async def _tell(self) -> None:
        """For whoever looks for the fault: the log in short, and the ledger's offers."""
        for record in self.log.everything:
            event: Any = decode(record.value)
            place = [
                getattr(event, name, "")
                for name in (
                    "campaign_id",
                    "chunk",
                    "attempt",
                    "part",
                    "recipients",
                    "recipient",
                    "status",
                    "reason",
                    "why",
                    "claim",
                )
            ]
            print(record.timestamp % 10_000_000, type(event).__name__, *[str(p)[-24:] for p in place])
        for row in await self.connection.fetch("SELECT * FROM dispatch.batches ORDER BY 1, 2, 3, 4"):
            print([str(value)[-24:] for value in row.values()])


class _Client:
    """In the place of the class SinchClient."""

    def __init__(self, sinch: PlayedSinch) -> None:
        self._sinch = sinch

    @asynccontextmanager
    async def open(self, *_: Any, **__: Any) -> Any:
        """The played one."""
        yield self._sinch
