"""Made keys in PostgreSQL: schema `campaign`, tables `api_keys…`. The key itself is never there, only its hash."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import asyncpg
import msgspec

from infra.postgres.pool import Connection
from infra.process.access import key_hash, key_id, make_key
from services.campaign.access.callers import Caller, Limits
from services.campaign.access.scopes import Scope


class NewKey(msgspec.Struct, frozen=True):
    """What is asked for."""

    name: str
    scopes: frozenset[Scope]
    created_by: str
    default_region: str | None = None
    limits: Limits = Limits()
    expires_at: datetime | None = None


class ListedKey(msgspec.Struct, frozen=True):
    """A key as its list shows it."""

    caller: Caller
    name: str
    created_at: datetime
    created_by: str
    used_at: datetime | None


_SCOPES = {scope.value for scope in Scope}  # a newer version may know more


def _caller(row: asyncpg.Record) -> Caller:
    countries = row["countries"]
    limits = Limits(
        row["requests_per_minute"],
        row["parts_per_request"],
        row["parts_per_day"],
        None if countries is None else tuple(countries),
    )
    scopes = frozenset(Scope(scope) for scope in row["scopes"] if scope in _SCOPES)
    return Caller(row["id"], scopes, row["default_region"], limits, row["expires_at"], row["revoked_at"])


class KeyStore:
    """The tables, through one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    VERSION = "select version from campaign.api_keys_version"

    async def version(self) -> int:
        """A number that grows with every change of the keys."""
        return int(await self._connection.fetchval(self.VERSION))

    EVERY = "select * from campaign.api_keys"

    async def by_hash(self) -> dict[bytes, Caller]:
        """Every key that was ever made, also what was revoked or has expired."""
        return {row["hash"]: _caller(row) for row in await self._connection.fetch(self.EVERY)}

    ADD = """
    insert into campaign.api_keys (id, name, hash, scopes, default_region, requests_per_minute, parts_per_request,
        parts_per_day, countries, created_at, created_by, expires_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, clock_timestamp(), $10, $11)
    on conflict do nothing returning true
    """

    async def create(self, new: NewKey) -> str:
        """Make a key and keep its hash. Gives the key, which nobody can see a second time."""
        while True:
            secret, limits = make_key(), new.limits
            added = await self._connection.fetchval(
                self.ADD, key_id(secret), new.name, key_hash(secret), sorted(new.scopes), new.default_region,
                limits.requests_per_minute, limits.parts_per_request, limits.parts_per_day, limits.countries,
                new.created_by, new.expires_at,
            )  # fmt: skip
            if added:  # else another key has this id: one of four billion
                return secret

    LIST = """
    select k.*, u.used_at from campaign.api_keys k left join campaign.api_keys_used u using (id) order by k.created_at
    """

    async def listed(self) -> list[ListedKey]:
        """Every key, the oldest first."""
        rows = await self._connection.fetch(self.LIST)
        return [
            ListedKey(_caller(row), row["name"], row["created_at"], row["created_by"], row["used_at"]) for row in rows
        ]

    IDS_OF = "select id from campaign.api_keys where (id = $1 or name = $1) and revoked_at is null order by created_at"

    async def live_ids(self, id_or_name: str) -> list[str]:
        """The keys with this id or name that are not revoked."""
        return [row["id"] for row in await self._connection.fetch(self.IDS_OF, id_or_name)]

    REVOKE = """
    update campaign.api_keys set revoked_at = clock_timestamp(), revoked_by = $2
    where id = $1 and revoked_at is null returning true
    """

    async def revoke(self, key: str, by: str) -> bool:
        """Take a key back. False when there is none with this id, or it was taken back before."""
        return bool(await self._connection.fetchval(self.REVOKE, key, by))

    USED = """
    insert into campaign.api_keys_used as u (id, used_at)
    select id, date_trunc('minute', at) from unnest($1::text[], $2::timestamptz[]) as used(id, at)
    on conflict (id) do update set used_at = greatest(u.used_at, excluded.used_at)
    """

    async def used(self, moments: Mapping[str, datetime]) -> None:
        """Keys were used then."""
        ids: Sequence[str] = sorted(moments)
        await self._connection.execute(self.USED, ids, [moments[key] for key in ids])
