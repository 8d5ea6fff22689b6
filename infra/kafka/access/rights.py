"""What each user may do at Kafka, from the table of writers and readers in `contracts/topics.py` and nothing else."""

from collections.abc import Collection, Iterator, Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import NamedTuple

from contracts.topics import TOPICS


class Kind(IntEnum):
    """Kafka's numbers for what a right is about."""

    TOPIC = 2
    GROUP = 3
    CLUSTER = 4


class Pattern(IntEnum):
    """Kafka's numbers for how a name is meant. A literal `*` is any name."""

    LITERAL = 3
    PREFIXED = 4


class Operation(IntEnum):
    """Kafka's numbers for what is done."""

    READ = 3
    WRITE = 4
    CREATE = 5
    DESCRIBE = 8
    DESCRIBE_CONFIGS = 10
    ALTER_CONFIGS = 11


class Right(NamedTuple):
    """One thing that `user` may do."""

    user: str
    kind: Kind
    name: str
    pattern: Pattern
    operation: Operation


OPERATOR, REPLAY = "operator", "replay"
SERVICES_OF: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "http": ("campaign", "webhook_gateway"),  # of `run`: both in one process
        "campaign": ("campaign",),
        "webhook_gateway": ("webhook_gateway",),
        "dispatcher": ("dispatcher",),
        "projector": ("projector",),
        REPLAY: (),
        OPERATOR: (),
    }
)
"""The users, and which services each stands for. `replay` reads everything and writes nothing; `operator` is for people."""

_LOOK = (
    Operation.DESCRIBE,
    Operation.DESCRIBE_CONFIGS,
)  # readiness asks how safe the topics are (infra/kafka/safety.py)
_OPERATE = (*_LOOK, Operation.READ, Operation.WRITE, Operation.CREATE, Operation.ALTER_CONFIGS)


def rights_of(user: str, prefix: str = "") -> frozenset[Right]:
    """Everything that this user may do; `prefix` stands before our topics and groups."""
    return frozenset(Right(user, *one) for one in _rights(user, SERVICES_OF[user], prefix))


def _rights(user: str, services: Collection[str], prefix: str) -> Iterator[tuple[Kind, str, Pattern, Operation]]:
    if user == OPERATOR:
        yield from _operators(prefix)
        return
    for topic in TOPICS:
        operations = {*_LOOK}
        if not {*services}.isdisjoint(topic.written_by):
            operations.add(Operation.WRITE)
        if user == REPLAY or not {*services}.isdisjoint(topic.read_by):
            operations.add(Operation.READ)
        for operation in operations:
            yield Kind.TOPIC, prefix + topic.name, Pattern.LITERAL, operation
    readers = {service for topic in TOPICS for service in topic.read_by}
    for service in {*services} & readers | ({user} if user == REPLAY else set()):
        yield Kind.GROUP, prefix + service, Pattern.PREFIXED, Operation.READ  # builds have a group each: `projector-2`


def _operators(prefix: str) -> Iterator[tuple[Kind, str, Pattern, Operation]]:
    """Reads, repairs and makes topics, deletes none, and changes nobody's rights."""
    name, pattern = (prefix, Pattern.PREFIXED) if prefix else ("*", Pattern.LITERAL)
    for operation in _OPERATE:
        yield Kind.TOPIC, name, pattern, operation
    for operation in (Operation.READ, Operation.DESCRIBE):
        yield Kind.GROUP, name, pattern, operation
    yield Kind.CLUSTER, "kafka-cluster", Pattern.LITERAL, Operation.DESCRIBE
