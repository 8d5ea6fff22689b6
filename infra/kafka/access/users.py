"""Users and rights on a broker: made, and held to `rights.py`, as often as wanted. What is not ours is left alone."""

import asyncio
import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code

from infra.kafka.access.rights import Kind, Operation, Pattern, Right, rights_of
from infra.kafka.access.wire import (
    ALLOW,
    SHA_256,
    AlterUsers,
    CreateRights,
    DeleteRights,
    DescribeRights,
    DescribeUsers,
)
from infra.kafka.connection import KafkaConnection
from infra.kafka.ending import end_within
from infra.kafka.errors import LogUnavailable, UsersRefused

log = structlog.get_logger(__name__)

MECHANISM = "SCRAM-SHA-256"
ITERATIONS = 4096  # Kafka's least; made passwords have 256 bits, so guessing is hopeless at any number
SALT_BYTES = 16
WITHIN_SECONDS = 30.0
POLL_SECONDS = 0.05
ENTER_MS = 5_000
CLOSE_SECONDS = 2.0


async def admit(admin: KafkaConnection, passwords: Mapping[str, str], *, within: float = WITHIN_SECONDS) -> None:
    """Make these users with these passwords and give each exactly its rights; to be done as Kafka's administrator.

    May be done again at any time, also by several at once. LogUnavailable: no broker in time. UsersRefused.
    """
    client = AIOKafkaAdminClient(**admin.client_arguments(), request_timeout_ms=int(within * 1000))
    try:
        async with asyncio.timeout(within):
            await client.start()
            await _make_users(client, admin, passwords)
            wanted = {right for user in passwords for right in rights_of(user, admin.topic_prefix)}
            found = await _found(client, passwords)
            await _take(client, found - wanted)
            await _give(client, wanted - found)
    except (KafkaError, OSError) as error:  # TimeoutError included
        raise LogUnavailable(f"users not made at {admin.bootstrap_servers}: {error!r}") from error
    finally:
        await end_within(client.close(), CLOSE_SECONDS)
    log.info("kafka_users_admitted", users=len(passwords), given=len(wanted - found), taken=len(found - wanted))


async def _make_users(client: AIOKafkaAdminClient, admin: KafkaConnection, passwords: Mapping[str, str]) -> None:
    """Make those who are not there, or who do not come in by their passwords, and wait until they do.

    Who does come in is left as he is: another salt at the wrong moment would turn him away.
    """
    known = await _known(client)
    new = {
        user: password
        for user, password in passwords.items()
        if user not in known or not await _enters(admin, user, password)
    }
    if not new:
        return
    answer = await client._send_request(AlterUsers([_salted(*pair) for pair in new.items()]))  # noqa: SLF001
    _refuse((user, code, words) for user, code, words, _ in answer.results)
    while True:
        if new.keys() <= await _known(client) and all([await _enters(admin, *pair) for pair in new.items()]):
            return
        await asyncio.sleep(POLL_SECONDS)


def _salted(user: str, password: str) -> tuple[str, int, int, bytes, bytes, dict[int, bytes]]:
    salt = secrets.token_bytes(SALT_BYTES)
    return user, SHA_256, ITERATIONS, salt, hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS), {}


async def _known(client: AIOKafkaAdminClient) -> set[str]:
    answer = await client._send_request(DescribeUsers())  # noqa: SLF001
    _refuse([("all", answer.error_code, answer.error_message)])
    return {one[0] for one in answer.results if any(mechanism == SHA_256 for mechanism, *_ in one[3])}


async def _enters(admin: KafkaConnection, user: str, password: str) -> bool:
    """Whether the broker lets this user in by this password."""
    as_user = replace(admin, sasl_mechanism=MECHANISM, sasl_username=user, sasl_password=password)
    client = AIOKafkaAdminClient(**as_user.client_arguments(), request_timeout_ms=ENTER_MS)
    try:
        await client.start()
    except KafkaError:
        return False
    finally:
        await client.close()
    return True


async def _found(client: AIOKafkaAdminClient, users: Iterable[str]) -> set[Right]:
    """The rights that these users have by ACLs of their own."""
    found = set()
    for user in users:
        answer = await client._send_request(DescribeRights(f"User:{user}"))  # noqa: SLF001
        _refuse([(user, answer.error_code, answer.error_message)])
        for kind, name, pattern, acls in answer.resources:
            found |= {Right(user, Kind(kind), name, Pattern(pattern), Operation(one[2])) for one in acls}
    return found


async def _give(client: AIOKafkaAdminClient, rights: set[Right]) -> None:
    if rights:
        answer = await client._send_request(CreateRights([_acl(right) for right in rights]))  # noqa: SLF001
        _refuse(
            (right.user, code, words) for right, (code, words) in zip(rights, answer.creation_responses, strict=True)
        )


async def _take(client: AIOKafkaAdminClient, rights: set[Right]) -> None:
    if rights:
        answer = await client._send_request(DeleteRights([_acl(right) for right in rights]))  # noqa: SLF001
        _refuse((right.user, one[0], one[1]) for right, one in zip(rights, answer.filter_responses, strict=True))


def _acl(right: Right) -> tuple[int, str, int, str, str, int, int]:
    return right.kind, right.name, right.pattern, f"User:{right.user}", "*", right.operation, ALLOW


def _refuse(answers: Iterable[tuple[str, int, str | None]]) -> None:
    for user, code, words in answers:
        if code:
            raise UsersRefused(f"Kafka does not take the user {user}: {for_code(code).__name__}: {words or ''}")
