"""The outbox: what was accepted, kept in PostgreSQL until all of it is in the log. Methods are whole transactions."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from infra.kafka.log import LogError
from infra.postgres.pool import Connection, Pool
from infra.postgres.trouble import PASSES
from services.campaign.access.caps import Counted
from services.campaign.access.parts_used import DayOfKey
from services.campaign.options import Options
from services.campaign.recipients import Names

CHUNKS_A_PAGE = 32  # read and appended together: at most 16 MB
MANY_CHUNKS = 100  # 50 MB: written in more time than a look may take
COPY_SECONDS = 60.0


class PerhapsRecorded(Exception):  # noqa: N818  named by what it says
    """The connection was lost while the commit was under way: it may have happened."""


class Campaign(msgspec.Struct, frozen=True):
    """One accepted campaign. `published`: all of its chunks are in the log."""

    campaign_id: UUID
    name: str | None
    body: str
    sender: str | None
    actor: str
    duplicates: int
    chunk_recipients: list[int]
    created_at: datetime
    published: bool = False

    @property
    def recipients(self) -> int:
        """How many messages it has."""
        return sum(self.chunk_recipients)


class RepeatKey(msgspec.Struct, frozen=True):
    """An `Idempotency-Key`, whose it is, and the hash of the body it came with."""

    actor: str
    key: str
    body_hash: bytes


class Earlier(msgspec.Struct, frozen=True):
    """The campaign that an earlier request with the same key made, and the hash of that request's body."""

    campaign: Campaign
    body_hash: bytes


class NewCampaign(msgspec.Struct, frozen=True):
    """Everything that is written when a campaign is accepted. `events` are the log's records, by chunk number.

    `people`: the phones that have names, in pages, in one order for all requests: they must not lock each other out.
    """

    campaign: Campaign
    events: Sequence[bytes]
    names: Mapping[str, Names]
    key: RepeatKey | None = None
    options: Options = Options()
    people: Sequence[Sequence[str]] = ()
    counted: Counted = Counted(0, None)


Append = Callable[[Sequence[tuple[int, bytes]]], Awaitable[None]]
"""Appends (chunk number, event) pairs to the log; returns when all are acknowledged, else raises."""

_COLUMNS = """c.campaign_id, c.name, c.body, c.sender, c.actor, c.duplicates, c.chunk_recipients, c.created_at,
c.published_at is not null as published"""


def _campaign(row: asyncpg.Record) -> Campaign:
    return Campaign(**{name: row[name] for name in Campaign.__struct_fields__})


class Outbox:
    """Schema `campaign`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    FIND_EARLIER = f"""
    select {_COLUMNS}, k.body_hash
    from campaign.idempotency_keys k join campaign.campaigns c using (campaign_id)
    where k.actor = $1 and k.key = $2
    """

    async def earlier(self, key: RepeatKey) -> Earlier | None:
        """What an earlier request with this key made; None when there was none."""
        row = await self._pool.fetchrow(self.FIND_EARLIER, key.actor, key.key)
        return None if row is None else Earlier(_campaign(row), row["body_hash"])

    TAKE_KEY = """
    insert into campaign.idempotency_keys (actor, key, body_hash, campaign_id, created_at)
    values ($1, $2, $3, $4, $5) on conflict do nothing returning true
    """
    ADD_CAMPAIGN = """
    insert into campaign.campaigns
        (campaign_id, name, body, sender, actor, recipients, duplicates, chunk_recipients, created_at, options,
         parts)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    """

    async def record(self, new: NewCampaign) -> bool:
        """Write all of it, or nothing where its key is already taken: then False. Waits for an equal request's end.

        Raises PerhapsRecorded; after any other error nothing of it is there.
        """
        written = False
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                if not await self._take_key(connection, new):
                    return False
                await self._write_counted(connection, new)
                written = True
        except PASSES as error:
            if written:
                raise PerhapsRecorded from error
            raise
        return True

    async def _take_key(self, connection: Connection, new: NewCampaign) -> bool:
        key, campaign = new.key, new.campaign
        return key is None or bool(
            await connection.fetchval(
                self.TAKE_KEY, key.actor, key.key, key.body_hash, campaign.campaign_id, campaign.created_at
            )
        )

    async def _write_counted(self, connection: Connection, new: NewCampaign) -> None:
        """Write it, and count its parts where its key has a limit: last, so that others of this key wait for a moment."""
        campaign, counted = new.campaign, new.counted
        if counted.parts_per_day is None:
            return await self._write(connection, new)
        day = DayOfKey(connection, campaign.actor, campaign.created_at, counted.parts_per_day)
        await day.check(counted.parts)
        await self._write(connection, new)
        return await day.take(counted.parts, campaign.campaign_id)

    async def _write(self, connection: Connection, new: NewCampaign) -> None:
        campaign = new.campaign
        if len(new.events) > MANY_CHUNKS:
            await connection.execute(f"set local statement_timeout = '{COPY_SECONDS:g}s'")
        await connection.execute(
            self.ADD_CAMPAIGN,
            campaign.campaign_id,
            campaign.name,
            campaign.body,
            campaign.sender,
            campaign.actor,
            campaign.recipients,
            campaign.duplicates,
            campaign.chunk_recipients,
            campaign.created_at,
            msgspec.to_builtins(new.options),
            new.counted.parts,
        )
        await connection.copy_records_to_table(
            "chunks",
            schema_name="campaign",
            columns=("campaign_id", "chunk", "event"),
            records=[(campaign.campaign_id, number, event) for number, event in enumerate(new.events)],
            timeout=COPY_SECONDS,
        )
        await self._remember_names(connection, new)

    REMEMBER_NAMES = """
    insert into campaign.people as p (phone, first_name, last_name, updated_at)
    select phone, first_name, last_name, $4 from unnest($1::bigint[], $2::text[], $3::text[])
        as given(phone, first_name, last_name)
    on conflict (phone) do update set
        first_name = coalesce(excluded.first_name, p.first_name),
        last_name = coalesce(excluded.last_name, p.last_name),
        updated_at = excluded.updated_at
    """

    async def _remember_names(self, connection: Connection, new: NewCampaign) -> None:
        for page in new.people:
            first_names, last_names = zip(*(new.names[phone] for phone in page), strict=True)
            phones = [int(phone) for phone in page]
            await connection.execute(self.REMEMBER_NAMES, phones, first_names, last_names, new.campaign.created_at)

    TAKE_UNPUBLISHED = """
    select true from campaign.campaigns where campaign_id = $1 and published_at is null for update skip locked
    """
    NEXT_CHUNKS = """
    select chunk, event from campaign.chunks where campaign_id = $1 and chunk > $2 order by chunk limit $3
    """
    DROP_CHUNKS = "delete from campaign.chunks where campaign_id = $1 and chunk <= $2"
    MARK_PUBLISHED = "update campaign.campaigns set published_at = clock_timestamp() where campaign_id = $1"

    async def publish(self, campaign_id: UUID, append: Append) -> bool:
        """Append all chunks of one campaign and mark it published; False when it is, or somebody else is at it.

        Where `append` fails, or there is no more time, the next one goes on with that page. A crash leaves everything
        as it was, so that all of it is appended again: the records are the same to the byte, and their readers know
        them by their `event_id`.
        """
        failed: BaseException | None = None
        async with self._pool.acquire() as connection, connection.transaction():
            if not await connection.fetchval(self.TAKE_UNPUBLISHED, campaign_id):
                return False
            last = -1
            while page := await connection.fetch(self.NEXT_CHUNKS, campaign_id, last, CHUNKS_A_PAGE):
                try:
                    await append([(row["chunk"], row["event"]) for row in page])
                except (LogError, asyncio.CancelledError) as error:
                    failed = error
                    break
                last = page[-1]["chunk"]
            await connection.execute(self.DROP_CHUNKS, campaign_id, last)
            if failed is None:
                await connection.execute(self.MARK_PUBLISHED, campaign_id)
        if failed is not None:
            raise failed
        return True

    IS_PUBLISHED = "select published_at is not null from campaign.campaigns where campaign_id = $1"

    async def is_published(self, campaign_id: UUID) -> bool:
        """Whether all of the campaign's chunks are known to be in the log."""
        return bool(await self._pool.fetchval(self.IS_PUBLISHED, campaign_id))

    UNPUBLISHED = """
    select campaign_id from campaign.campaigns where published_at is null order by created_at limit 100
    """

    async def unpublished(self) -> list[UUID]:
        """Campaigns that still have to be published, the oldest first, at most 100."""
        return [row["campaign_id"] for row in await self._pool.fetch(self.UNPUBLISHED)]

    WAITING_CHUNKS = "select count(*) from campaign.chunks"

    async def waiting_chunks(self) -> int:
        """How many records still have to be published: for the metric."""
        return int(await self._pool.fetchval(self.WAITING_CHUNKS))
