"""Another user of the machine: `python -m …stranger HOME PIDS…` becomes uid 65533, tries every door, prints what opened.

Everything that he uses is imported before he becomes himself, as if he had installed it.
"""

import asyncio
import concurrent.futures.thread  # noqa: F401  aiokafka makes SCRAM's proofs there
import encodings.idna  # noqa: F401  names are looked up with it
import itertools
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from infra.kafka.connection import KafkaConnection
from infra.process.home import Home, RunInfo

STRANGER = 65533
GUESSES = ("admin", "heliograph")


class Owners(NamedTuple):
    """What only the owner of the home knows."""

    info: RunInfo
    files: list[str]
    controller: str
    secrets: list[str]


def _owners(home: Path) -> Owners:
    info = Home(home).read_run()
    assert info is not None
    found = re.search(r"@127.0.0.1:(\d+)", (home / "kafka" / "server.properties").read_text())
    assert found is not None
    secrets = [line.split(":")[-1] for path in home.glob("*_passwords") for line in path.read_text().splitlines()]
    secrets.append((home / "privacy_key").read_text())
    return Owners(info, [str(path) for path in home.rglob("*") if path.is_file()], found[1], secrets)


async def main() -> None:
    """Print a JSON object: the doors that opened, whose command line shows a secret, and how much was tried."""
    pids, owners = sys.argv[2:], _owners(Path(sys.argv[1]))
    os.setgroups([])
    os.setgid(STRANGER)
    os.setuid(STRANGER)
    files = [*owners.files, *(f"/proc/{pid}/{what}" for pid in pids for what in ("environ", "maps"))]
    opened = [path for path in files if _read(path)]
    for at in (owners.info.kafka, f"127.0.0.1:{owners.controller}"):
        opened += [door async for door in _kafka(at)]
    opened += [door async for door in _postgres(owners.info.postgres)]
    shown = [pid for pid in pids if any(secret in _read(f"/proc/{pid}/cmdline") for secret in owners.secrets)]
    print(json.dumps({"opened": opened, "shown": shown, "files": len(files), "secrets": len(owners.secrets)}))


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace") or "empty"
    except OSError:
        return ""


async def _kafka(at: str) -> AsyncIterator[str]:
    by = itertools.product(("PLAIN", "SCRAM-SHA-256"), ("admin", "operator", "http"), GUESSES)
    for connection in (KafkaConnection(at), *(KafkaConnection(at, "", "SASL_PLAINTEXT", *one) for one in by)):
        client = AIOKafkaAdminClient(**connection.client_arguments(), request_timeout_ms=3_000)
        try:
            await client.start()
            yield f"kafka as {connection.sasl_username} by {connection.sasl_mechanism} at {at}"
        except (KafkaError, OSError):
            continue
        finally:
            await client.close()


async def _postgres(dsn: str) -> AsyncIterator[str]:
    place = dsn.rpartition("@")[2]
    for name, password in itertools.product(_roles(), GUESSES):
        try:
            connection = await asyncpg.connect(f"postgresql://{name}:{password}@{place}", timeout=10)
        except (asyncpg.PostgresError, OSError):
            continue
        await connection.close()
        yield f"postgres as {name}"


def _roles() -> Iterator[str]:
    yield from ("heliograph", "postgres", "nobody")
    yield from (f"heliograph_{name}" for name in ("campaign", "dispatcher", "projector", "reader", "replay"))


if __name__ == "__main__":
    asyncio.run(main())
