"""A role of PostgreSQL a service, each with the least that it needs; the one place where that is said.

They are named after the database (`heliograph_dispatcher`), as roles belong to the whole server. Rights are given anew
after every migration and with every build of the tables, so what is new is covered. A database without these roles goes
on with the one that owns it.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote, urlsplit

import structlog

from infra.postgres.pool import Connection, connect

log = structlog.get_logger(__name__)

NOTHING: tuple[str, ...] = ()
READ = ("SELECT",)
TRY = ("SELECT", "UPDATE")
ALL = ("SELECT", "INSERT", "UPDATE", "DELETE")
BUILDS = "build_*"  # the tables behind the views of `live`, a schema a build
EVERY = "*"  # table that is not named

Rights = Mapping[str, Mapping[str, tuple[str, ...]]]

_WORKER: Rights = {"heliograph": {EVERY: READ, "tried": TRY, "services": ALL}, "live": {EVERY: READ}}
_KEYS = ("api_keys", "api_keys_version")

RIGHTS: Mapping[str, Rights] = MappingProxyType(
    {
        "campaign": {
            "heliograph": {EVERY: READ, "tried": TRY},
            "campaign": {EVERY: ALL, **dict.fromkeys(_KEYS, READ)},  # whoever answers with a key's rights makes no keys
            "dispatch": {EVERY: NOTHING, "campaigns": READ, "plan": READ},
            "live": {EVERY: READ},
        },
        "dispatcher": {**_WORKER, "dispatch": {EVERY: ALL}},
        "projector": {**_WORKER, "dispatch": {EVERY: NOTHING, "plan": READ}, BUILDS: {EVERY: ALL}},
        "reader": {
            "campaign": {EVERY: READ, **dict.fromkeys(_KEYS, NOTHING)},
            **{schema: {EVERY: READ} for schema in ("heliograph", "dispatch", "live", BUILDS)},
        },
        "replay": {schema: {EVERY: READ} for schema in ("heliograph", "live", BUILDS)},
    }
)
"""By role, schema and table. `webhook_gateway` has none: it needs no database. Only the owner makes and drops tables."""

TEMPORARY = ("projector",)  # stages rows in a temporary table
SERVICES = tuple(RIGHTS)
LOCK = 0x524F4C4553  # "ROLES"
ITERATIONS = 4096
SALT_BYTES = 16

SCHEMAS = r"SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\_%' ORDER BY nspname"
PRESENT = "SELECT rolname FROM pg_roles WHERE rolname = ANY($1::text[])"
TABLES = """
SELECT relname FROM pg_class WHERE relnamespace = $1::text::regnamespace AND relkind IN ('r', 'p', 'v', 'm') ORDER BY relname
"""
EXISTS = "SELECT true FROM pg_roles WHERE rolname = $1"
OURS = "SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database()"
COMPOSED = "SELECT format($1, VARIADIC $2::text[])"


def role_of(database: str, service: str) -> str:
    """The name of a service's role in this database."""
    return f"{database}_{service}"


def dsn_of(owner: str, service: str, password: str) -> str:
    """The DSN of a service's role, at the server and the database of its owner's."""
    parts = urlsplit(owner)
    role = role_of(parts.path.lstrip("/"), service)
    places = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{quote(role, safe='')}:{quote(password, safe='')}@{places}").geturl()


async def make_roles(owner: str, passwords: Mapping[str, str]) -> None:
    """Make the roles of these services, or give them these passwords, and their rights. `owner` may make roles.

    May be done again at any time, also by several at once.
    """
    connection = await connect(owner, "roles")
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
            database: str = await connection.fetchval("SELECT current_database()")
            for service, password in passwords.items():
                role = role_of(database, service)
                if not await connection.fetchval(EXISTS, role):
                    await _run(connection, "CREATE ROLE %I", role)
                await _run(connection, "ALTER ROLE %I LOGIN PASSWORD %L", role, verifier(password))
            if await connection.fetchval(OURS):
                await _run(connection, "REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC", database)
        await grant_rights(connection)
    finally:
        await connection.close()
    log.info("roles_made", roles=len(passwords))


async def grant_rights(connection: Connection) -> None:
    """Give every role of ours that is there its rights, and take what is more. Without such roles nothing is done.

    To be done by the owner of the tables; several at once wait for each other.
    """
    database: str = await connection.fetchval("SELECT current_database()")
    services = {role_of(database, service): service for service in SERVICES}
    present = [row["rolname"] for row in await connection.fetch(PRESENT, list(services))]
    if not present:
        return
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        schemas = [row["nspname"] for row in await connection.fetch(SCHEMAS)]
        for role in present:
            if services[role] in TEMPORARY:
                await _run(connection, "GRANT TEMPORARY ON DATABASE %I TO %I", database, role)
            for schema in schemas:
                await _grant(connection, role, schema, _rights_in(services[role], schema))


def _rights_in(service: str, schema: str) -> Mapping[str, tuple[str, ...]]:
    rights = RIGHTS[service]
    return rights.get(BUILDS if schema.startswith(BUILDS[:-1]) else schema, {})


async def _grant(connection: Connection, role: str, schema: str, rights: Mapping[str, tuple[str, ...]]) -> None:
    """Exactly these rights in this schema."""
    if schema in ("public", "information_schema"):
        return
    await _run(connection, "REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM %I", schema, role)
    await _run(connection, "REVOKE ALL ON ALL SEQUENCES IN SCHEMA %I FROM %I", schema, role)
    await _run(connection, "REVOKE ALL ON SCHEMA %I FROM %I", schema, role)
    if not rights:
        return
    await _run(connection, "GRANT USAGE ON SCHEMA %I TO %I", schema, role)
    tables: dict[tuple[str, ...], list[str]] = {}
    for row in await connection.fetch(TABLES, schema):
        tables.setdefault(rights.get(row["relname"], rights[EVERY]), []).append(row["relname"])
    for operations, names in tables.items():
        if operations:
            listed = ", ".join(["%I.%I"] * len(names))
            words = [word for name in names for word in (schema, name)]
            await _run(connection, f"GRANT {', '.join(operations)} ON {listed} TO %I", *words, role)
    if rights[EVERY] == ALL:
        await _run(connection, "GRANT USAGE ON ALL SEQUENCES IN SCHEMA %I TO %I", schema, role)


async def _run(connection: Connection, template: str, *words: str) -> None:
    """A statement whose names and values the server itself has quoted."""
    statement: str = await connection.fetchval(COMPOSED, template, list(words))
    await connection.execute(statement)


def verifier(password: str) -> str:
    """What PostgreSQL keeps of a password (SCRAM-SHA-256); given so, the password stands in no log of the server's."""
    salt = secrets.token_bytes(SALT_BYTES)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    client, server = (hmac.digest(salted, words, "sha256") for words in (b"Client Key", b"Server Key"))
    stored, server_key, kept = (
        base64.b64encode(one).decode() for one in (hashlib.sha256(client).digest(), server, salt)
    )
    return f"SCRAM-SHA-256${ITERATIONS}:{kept}${stored}:{server_key}"
