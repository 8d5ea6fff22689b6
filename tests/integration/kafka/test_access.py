"""The locked broker: each user does what its service needs and not a thing more; nobody else enters (FAULTS I5)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    TopicAuthorizationFailedError,
    for_code,
)
from aiokafka.structs import TopicPartition

from contracts.topics import TOPICS
from infra.kafka.access import users
from infra.kafka.access.rights import SERVICES_OF, Kind, Operation, Pattern, Right, rights_of
from infra.kafka.access.users import MECHANISM, admit
from infra.kafka.access.wire import AlterUsers, CreateRights
from infra.kafka.connection import KafkaConnection
from infra.kafka.embedded import EmbeddedKafka
from infra.kafka.log import Appender, Entry, LogUnavailable
from infra.kafka.provision import provision
from infra.kafka.safety import kafka_check
from infra.process.world import World
from tests.integration.kafka.brokers import TOPIC, Broker, all_values

PASSWORDS = {user: f"the password of {user}" for user in SERVICES_OF}
PREFIX = "ours-"


@pytest.fixture(scope="module")
async def locked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedKafka]:
    """A broker with our users, and our topics with a record each."""
    kafka = EmbeddedKafka(Path(tmp_path_factory.mktemp("locked")), users=PASSWORDS, topic_prefix=PREFIX)
    await kafka.start()
    await provision(kafka.admin)
    async with AIOKafkaProducer(**kafka.admin.client_arguments()) as producer:
        for topic in TOPICS:
            await producer.send_and_wait(PREFIX + topic.name, b"{}", partition=0)
    yield kafka
    await kafka.stop()


def _as(kafka: EmbeddedKafka, user: str, password: str | None = None) -> KafkaConnection:
    return replace(kafka.admin, sasl_mechanism=MECHANISM, sasl_username=user, sasl_password=password or PASSWORDS[user])


async def _writes(connection: KafkaConnection, topic: str) -> bool:
    async with AIOKafkaProducer(**connection.client_arguments()) as producer:
        try:
            await producer.send_and_wait(topic, b"{}", partition=0)
        except TopicAuthorizationFailedError:
            return False
        return True


async def _reads(connection: KafkaConnection, topic: str) -> bool:
    at = TopicPartition(topic, 0)
    consumer = AIOKafkaConsumer(**connection.client_arguments(), enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([at])
        consumer.seek(at, 0)
        return bool(await asyncio.wait_for(consumer.getone(at), 20))
    except TopicAuthorizationFailedError:
        return False
    finally:
        await consumer.stop()


@pytest.mark.parametrize("user", sorted(SERVICES_OF))
async def test_who_writes_and_who_reads_a_topic(locked: EmbeddedKafka, user: str) -> None:
    """Of every topic: each user appends and reads as the table of `contracts/topics.py` says, and is refused else."""
    connection, services = _as(locked, user), set(SERVICES_OF[user])
    everything = user == "operator"
    for topic in TOPICS:
        may_write = everything or not services.isdisjoint(topic.written_by)
        may_read = everything or user == "replay" or not services.isdisjoint(topic.read_by)
        name = PREFIX + topic.name
        assert (await _writes(connection, name), await _reads(connection, name)) == (may_write, may_read), name


@pytest.mark.parametrize("user", sorted(SERVICES_OF))
async def test_readiness_can_be_asked_by_all(locked: EmbeddedKafka, world: World, user: str) -> None:
    """What every service asks of its topics for /readyz is answered."""
    await kafka_check(_as(locked, user), world.clock)()


@pytest.mark.parametrize(("user", "group", "joins"), [
    ("dispatcher", "dispatcher", True), ("projector", "projector", True), ("projector", "projector-7", True),
    ("projector", "dispatcher", False), ("dispatcher", "projector", False), ("http", "dispatcher", False),
    ("http", "projector", False), ("replay", "dispatcher", False), ("replay", "replay", True),
])  # fmt: skip
async def test_groups_are_their_services_own(locked: EmbeddedKafka, user: str, group: str, *, joins: bool) -> None:
    """Nobody takes partitions from another service by joining its group."""
    consumer = AIOKafkaConsumer(
        PREFIX + TOPICS[0].name,
        **_as(locked, user).client_arguments(),
        group_id=PREFIX + group,
        enable_auto_commit=False,
    )
    try:
        await asyncio.wait_for(consumer.start(), 20)
        joined = True
    except GroupAuthorizationFailedError:
        joined = False
    finally:
        await consumer.stop()
    assert joined is joins


Attempt = Callable[[AIOKafkaAdminClient], Awaitable[list[int]]]


async def _create(admin: AIOKafkaAdminClient) -> list[int]:
    answer = await admin.create_topics([NewTopic("theirs", 1, 1)])
    return [error[1] for error in answer.topic_errors]


async def _delete(admin: AIOKafkaAdminClient) -> list[int]:
    answer = await admin.delete_topics([PREFIX + TOPICS[0].name])
    return [error[1] for error in answer.topic_error_codes]


async def _allow(admin: AIOKafkaAdminClient) -> list[int]:
    right = (Kind.TOPIC, "*", Pattern.LITERAL, "User:http", "*", Operation.READ, 3)
    answer = await admin._send_request(CreateRights([right]))
    return [code for code, _ in answer.creation_responses]


async def _make_user(admin: AIOKafkaAdminClient) -> list[int]:
    answer = await admin._send_request(AlterUsers([("mallory", 1, 4096, b"salt" * 4, b"x" * 32, {})]))
    return [one[1] for one in answer.results]


@pytest.mark.parametrize("attempt", [_create, _delete, _allow, _make_user])
@pytest.mark.parametrize("user", sorted(SERVICES_OF))
async def test_nobody_changes_what_there_is(locked: EmbeddedKafka, user: str, attempt: Attempt) -> None:
    """No user makes topics outside ours, deletes one, gives rights or makes users: an operator neither."""
    admin = AIOKafkaAdminClient(**_as(locked, user).client_arguments())
    await admin.start()
    try:
        refused = {for_code(code).__name__ for code in await attempt(admin)}
    except KafkaError as error:
        refused = {type(error).__name__}
    finally:
        await admin.close()
    assert len(refused) == 1, refused
    assert refused.pop().endswith("AuthorizationFailedError")


async def test_operators_make_topics_and_reports_drift(locked: EmbeddedKafka) -> None:
    """`heliograph topics` does its work as an operator."""
    outcome = await provision(_as(locked, "operator"))
    assert (outcome.created, outcome.drift) == ((), ())


STRANGERS: list[dict[str, str | None]] = [
    {"security_protocol": "PLAINTEXT"},
    {"sasl_mechanism": "PLAIN", "sasl_username": "admin", "sasl_password": "admin"},
    {"sasl_mechanism": "PLAIN", "sasl_username": "operator", "sasl_password": PASSWORDS["operator"]},
    {"sasl_mechanism": MECHANISM, "sasl_username": "admin", "sasl_password": "admin"},
    {"sasl_mechanism": MECHANISM, "sasl_username": "operator", "sasl_password": "operator"},
    {"sasl_mechanism": MECHANISM, "sasl_username": "nobody", "sasl_password": ""},
]


@pytest.mark.parametrize("stranger", STRANGERS)
@pytest.mark.parametrize("door", ["clients", "controller"])
async def test_strangers_do_not_enter(locked: EmbeddedKafka, door: str, stranger: dict[str, str]) -> None:
    """Neither without a name nor by a guessed password, nor at the port by which the broker reaches its controller."""
    properties = (locked.output.parent / "server.properties").read_text()
    controller = properties.split("@127.0.0.1:")[1].split("\n")[0]
    at = locked.bootstrap_servers if door == "clients" else f"127.0.0.1:{controller}"
    connection = replace(locked.admin, bootstrap_servers=at, **stranger)
    client = AIOKafkaAdminClient(**connection.client_arguments(), request_timeout_ms=5_000)
    try:
        with pytest.raises(KafkaConnectionError):
            await client.start()
    finally:
        await client.close()


async def test_the_files_are_their_owners_alone(locked: EmbeddedKafka) -> None:
    """The administrator's password is in a file that nobody else may read, and in no command line."""
    properties = locked.output.parent / "server.properties"
    assert oct(properties.stat().st_mode & 0o777) == "0o600"
    password = locked.admin.sasl_password or ""
    assert password in properties.read_text()
    assert password not in Path(f"/proc/{locked.pid}/cmdline").read_text()  # noqa: ASYNC240 - no disk is read


async def test_what_is_too_much_is_taken_back(locked: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    """A right that an earlier version gave goes at the next start; the others stay, and so do the passwords."""
    extra = Right("http", Kind.TOPIC, PREFIX + "consent", Pattern.LITERAL, Operation.READ)
    with monkeypatch.context() as patch:
        real = rights_of
        patch.setattr(users, "rights_of", lambda user, prefix: real(user, prefix) | {extra})
        await admit(locked.admin, {"http": PASSWORDS["http"]})
    assert await _reads(_as(locked, "http"), PREFIX + "consent")
    await admit(locked.admin, {"http": PASSWORDS["http"]})
    assert not await _reads(_as(locked, "http"), PREFIX + "consent")
    assert await _writes(_as(locked, "http"), PREFIX + "consent")


async def test_a_password_can_be_changed(locked: EmbeddedKafka) -> None:
    """Who was given another password enters by it, and no longer by the one before."""
    await admit(locked.admin, {"replay": "another one"})
    assert await _reads(_as(locked, "replay", "another one"), PREFIX + "consent")
    with pytest.raises(KafkaConnectionError):
        await _reads(_as(locked, "replay"), PREFIX + "consent")
    await admit(locked.admin, PASSWORDS)


async def test_data_from_before_there_were_users_come_up(tmp_path: Path, world: World) -> None:
    """What a broker that was open to all has kept is there, and open to nobody any more."""
    kafka = EmbeddedKafka(tmp_path)
    await kafka.start()
    await Broker(kafka).make_topic()
    appender = Appender(Broker(kafka).connection, world, name="before")
    await appender.start()
    await appender.append(Entry(TOPIC, "k", b"kept"))
    await appender.stop()
    await kafka.stop()
    kafka = EmbeddedKafka(tmp_path, users=PASSWORDS)
    await kafka.start()
    try:
        assert list((await all_values(_as(kafka, "operator"))).values()) == [[b"kept"]]
        with pytest.raises(LogUnavailable):
            await all_values(KafkaConnection(kafka.bootstrap_servers))
    finally:
        await kafka.stop()
