"""A role a service: what it does not need it cannot do, tried on a real PostgreSQL (FAULTS I6)."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from infra.postgres.migrations import migrate
from infra.postgres.pool import connect
from infra.postgres.ready import postgres_check
from infra.postgres.roles import RIGHTS, SERVICES, dsn_of, grant_rights, make_roles, role_of
from infra.postgres.sessions import require_sessions
from infra.postgres.standing import standing_still
from services.projector import builds
from tests.places import administer, own_database

ROOT = Path(__file__).parents[3]
PASSWORDS = {service: f"it's the password of {service}" for service in SERVICES}


@pytest.fixture(scope="module")
async def owned(postgres_dsn: str, template: str) -> AsyncIterator[str]:
    """The owner's DSN of a migrated database with all roles."""
    async with own_database(postgres_dsn, template) as dsn:
        await make_roles(dsn, PASSWORDS)
        yield dsn
    name = dsn.rpartition("/")[2]
    await administer(postgres_dsn, *(f'drop role "{role_of(name, service)}"' for service in SERVICES))


def _as(owned: str, service: str) -> str:
    return dsn_of(owned, service, PASSWORDS[service])


async def _try(dsn: str, statement: str) -> str:
    """'' when the statement is done, else the error's name; what it did is undone."""
    connection = await connect(dsn, "test")
    attempt = connection.transaction()
    try:
        await attempt.start()
        await connection.execute(statement)
    except asyncpg.PostgresError as error:
        return type(error).__name__
    finally:
        await attempt.rollback()
        await connection.close()
    return ""


ANYBODY = (
    "create table live.mine (x integer)",
    "create schema mine",
    "create table public.mine (x integer)",
    "drop table dispatch.batches",
    "alter table heliograph.migrations add x integer",
    "insert into heliograph.migrations values (999, 'x', repeat('0', 64))",
    "delete from heliograph.migrations",
    "create or replace view live.messages as select 1 as x",
    "select live.create_build(99, 99)",
    "drop view live.messages",
    "drop schema build_1 cascade",
    "create role mallory",
    "alter role heliograph password 'x'",
    "copy dispatch.plan to '/tmp/plan'",
    "copy heliograph.tried from program 'id'",
    "select pg_read_file('/etc/passwd')",
    "select rolpassword from pg_authid",
    "set session_replication_role = replica",
)
FORBIDDEN: dict[str, tuple[str, ...]] = {
    "campaign": (
        "select * from dispatch.batches", "update dispatch.plan set blocked_reason = 'x'", "select * from dispatch.consent",
        "delete from dispatch.campaigns", "select * from build_1.messages", "update build_1.messages set status = 'delivered'",
        "delete from live.builds", "insert into heliograph.services values ('x', 'y', now(), now(), true)",
        "create temporary table mine (x integer)", "truncate campaign.campaigns",
    ),
    "dispatcher": (
        "select * from campaign.campaigns", "select * from campaign.idempotency_keys", "update build_1.messages set status = 'x'",
        "delete from live.builds", "create temporary table mine (x integer)", "truncate dispatch.batches",
        "delete from heliograph.tried",
    ),
    "projector": (
        "select * from campaign.campaigns", "select * from dispatch.batches", "update dispatch.plan set blocked_reason = null",
        "delete from dispatch.consent", "update live.builds set is_current = true", "truncate build_1.messages",
        "drop table build_1.messages", "select live.swap_to(1)",
    ),
    "reader": (
        "update campaign.campaigns set name = 'x'", "delete from dispatch.batches", "update dispatch.consent set opted_out = false",
        "delete from build_1.messages", "update live.builds set is_current = true", "update heliograph.tried set tried_at = now()",
        "create temporary table mine (x integer)", "select nextval('dispatch.owners')",
        "insert into heliograph.services values ('x', 'y', now(), now(), true)",
    ),
    "replay": (
        "select * from campaign.campaigns", "select * from dispatch.batches", "update build_1.messages set status = 'x'",
        "insert into build_1.campaigns (campaign_id) values (null)", "update heliograph.tried set tried_at = now()",
        "create temporary table mine (x integer)", "delete from live.builds",
    ),
}  # fmt: skip
ALLOWED: dict[str, tuple[str, ...]] = {
    "campaign": (
        "select * from live.campaigns", "select * from live.recipients", "delete from campaign.chunks",
        "select * from dispatch.campaigns", "select * from campaign.people for update", "update heliograph.tried set tried_at = now()",
    ),
    "dispatcher": (
        "select nextval('dispatch.owners')", "delete from dispatch.batches", "select * from live.messages",
        "delete from heliograph.services", "listen heard", "notify heard", "select pg_advisory_lock(42)",
    ),
    "projector": (
        "create temporary table staged (x integer) on commit drop", "delete from build_1.messages", "select * from live.builds",
        "delete from heliograph.services", "select pg_advisory_xact_lock(42)",
    ),
    "reader": (
        "select * from live.messages", "select * from live.incidents", "select * from build_1.messages", "select * from dispatch.batches",
        "select * from campaign.campaigns", "select * from heliograph.services",
    ),
    "replay": ("select * from live.messages", "select * from build_1.messages"),
}  # fmt: skip


@pytest.mark.parametrize("service", SERVICES)
async def test_what_a_role_must_not_do(owned: str, service: str) -> None:
    """Each of these is refused for want of a right, not for any other reason."""
    tried = [*ANYBODY, *FORBIDDEN[service]]
    results = await asyncio.gather(*(_try(_as(owned, service), statement) for statement in tried))
    wrong = {s: r for s, r in zip(tried, results, strict=True) if r != "InsufficientPrivilegeError"}
    assert wrong == {}


@pytest.mark.parametrize("service", SERVICES)
async def test_what_a_role_needs(owned: str, service: str) -> None:
    """Each of these is done."""
    tried = ALLOWED[service]
    results = await asyncio.gather(*(_try(_as(owned, service), statement) for statement in tried))
    assert dict(zip(tried, results, strict=True)) == dict.fromkeys(tried, "")


@pytest.mark.parametrize("service", ["campaign", "dispatcher", "projector"])
async def test_a_service_can_start(owned: str, service: str) -> None:
    """The looks at every start and for every /readyz are done as its own role."""
    dsn = _as(owned, service)
    await require_sessions(dsn)
    await postgres_check(dsn)()
    connection = await connect(dsn, "test")
    try:
        await standing_still(connection)
    finally:
        await connection.close()


async def test_the_gateway_has_no_role(owned: str) -> None:
    """The webhook gateway is given no database, and no role is made for it."""
    assert "webhook_gateway" not in RIGHTS
    connection = await asyncpg.connect(owned)
    try:
        made = await connection.fetchval("select count(*) from pg_roles where rolname like $1", "%gateway%")
    finally:
        await connection.close()
    assert made == 0


async def test_a_wrong_password_is_refused(owned: str) -> None:
    """A role's name opens nothing."""
    for service in SERVICES:
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(dsn_of(owned, service, "x"))


async def test_roles_hold_no_attributes(owned: str) -> None:
    """None is a superuser, makes roles or databases, replicates or passes row security by."""
    roles = [role_of(owned.rpartition("/")[2], service) for service in SERVICES]
    connection = await asyncpg.connect(owned)
    try:
        found = await connection.fetch("select * from pg_roles where rolname = any($1::text[])", roles)
    finally:
        await connection.close()
    kinds = ("rolsuper", "rolcreaterole", "rolcreatedb", "rolreplication", "rolbypassrls")
    assert [tuple(row[kind] for kind in kinds) for row in found] == [(False,) * len(kinds)] * len(SERVICES)


async def test_new_tables_are_covered(owned: str, tmp_path: Path) -> None:
    """A table that a migration adds is its service's at once, and no other's."""
    number = len(list((ROOT / "infra/postgres/migrations").glob("*.sql"))) + 1
    for path in (ROOT / "infra/postgres/migrations").glob("*.sql"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / f"{number:04d}_new.sql").write_text("create table dispatch.new_one (x serial);")
    await migrate(owned, tmp_path)
    assert await _try(_as(owned, "dispatcher"), "insert into dispatch.new_one default values") == ""
    assert await _try(_as(owned, "projector"), "select * from dispatch.new_one") == "InsufficientPrivilegeError"
    undone = f"delete from heliograph.migrations where number = {number}"
    await administer(owned, "drop table dispatch.new_one", undone)


async def test_new_builds_are_covered(owned: str) -> None:
    """A build that the owner makes is filled by the projector's role, and read through the views after the swap."""
    connection = await asyncpg.connect(owned)
    try:
        number = await builds.create(connection)
        filled = f"insert into build_{number}.projector_offsets select * from build_1.projector_offsets"
        assert await _try(_as(owned, "projector"), filled) == ""
        assert await builds.swap(connection, number)
        assert await _try(_as(owned, "reader"), "select * from live.messages") == ""
        assert await _try(_as(owned, "campaign"), "select * from live.campaigns") == ""
        assert await builds.swap(connection, 1)
        await builds.drop(connection, number)
    finally:
        await connection.close()


async def test_rights_of_before_are_taken_back(owned: str) -> None:
    """What was given by hand or by an earlier version goes with the next migration; doing it twice at once is no harm."""
    role = role_of(owned.rpartition("/")[2], "replay")
    await administer(owned, f'grant usage on schema dispatch to "{role}"', f'grant all on dispatch.batches to "{role}"')
    assert await _try(_as(owned, "replay"), "delete from dispatch.batches") == ""
    await asyncio.gather(migrate(owned), make_roles(owned, PASSWORDS), migrate(owned))
    assert await _try(_as(owned, "replay"), "select * from dispatch.batches") == "InsufficientPrivilegeError"


async def test_without_roles_everything_stays_as_it_was(database: str) -> None:
    """A database of one role only, as before there were others, is migrated and granted nothing."""
    assert await migrate(database) == []
    connection = await asyncpg.connect(database)
    try:
        await grant_rights(connection)
        given = await connection.fetchval(
            "select count(*) from pg_class where relacl is not null and relnamespace = 'live'::regnamespace"
        )
    finally:
        await connection.close()
    assert given == 0


async def _migrate(owner: str, roles: Path) -> tuple[int | None, str]:
    """`heliograph migrate --roles`, as the service `migrate` of docker-compose.yml runs it."""
    environment = {**os.environ, "DATABASE_URL": owner, "HELIOGRAPH_HOME": str(roles)}
    argv = (sys.executable, "-m", "services.cli", "migrate", "--roles", str(roles))
    process = await asyncio.create_subprocess_exec(*argv, cwd=ROOT, env=environment, stdout=PIPE, stderr=STDOUT)
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, said.decode()


async def test_migrate_makes_roles_from_their_secrets(owned: str, tmp_path: Path) -> None:
    """Each file database_url_SERVICE becomes a role that enters by it; one that names another role is refused."""
    dsn = dsn_of(owned, "replay", "from a file: ü/@")
    (tmp_path / "database_url_replay").write_text(dsn + "\n")
    code, said = await _migrate(owned, tmp_path)
    assert (code, "The roles of replay have their rights" in said) == (0, True), said
    assert await _try(dsn, "select * from live.messages") == ""
    (tmp_path / "database_url_reader").write_text(owned)
    code, said = await _migrate(owned, tmp_path)
    assert (code, "database_url_reader must be like postgresql://" in said) == (1, True), said
    await make_roles(owned, PASSWORDS)


async def test_a_directory_without_roles_is_refused(owned: str, tmp_path: Path) -> None:
    """A wrong directory is said, not passed over."""
    code, said = await _migrate(owned, tmp_path)
    assert (code, "has no file database_url_…" in said) == (1, True), said


NAMED = re.compile(
    r"\b(?:from|join|into|update|only|table)\s+(campaign|dispatch|live|heliograph)\.([a-z_]+)\b(?!\()", re.IGNORECASE
)


@pytest.mark.parametrize("service", ["campaign", "dispatcher", "projector"])
async def test_every_table_in_a_services_code_is_its_roles(owned: str, service: str) -> None:
    """What stands in a service's SQL may be read by its role: else add it to `RIGHTS` of infra/postgres/roles.py."""
    found = set()
    for path in (ROOT / "services" / service).rglob("*.py"):
        if path.name != "builds.py":  # of the owner's commands
            found |= set(NAMED.findall(path.read_text()))
    connection = await connect(_as(owned, service), "test")
    try:
        refused = []
        for schema, table in sorted(found):
            readable = "select has_schema_privilege($1, 'usage') and has_table_privilege($1 || '.' || $2, 'select')"
            if not await connection.fetchval(readable, schema, table):
                refused.append(f"{schema}.{table}")
    finally:
        await connection.close()
    assert len(found) > 2
    assert refused == []
