"""The log as services see it: append, read, scan. Import from here."""

from infra.kafka.appender import Appender
from infra.kafka.connection import KafkaConnection
from infra.kafka.errors import (
    LogError,
    LogOverloaded,
    LogRewritten,
    LogUnavailable,
    LogUnreached,
    ReaderLost,
    RecordTooLarge,
)
from infra.kafka.partitioner import partition_for
from infra.kafka.reader import Reader
from infra.kafka.records import Entry, Partition, Position, Record
from infra.kafka.scanner import Scanner, scan

__all__ = [
    "Appender",
    "Entry",
    "KafkaConnection",
    "LogError",
    "LogOverloaded",
    "LogRewritten",
    "LogUnavailable",
    "LogUnreached",
    "Partition",
    "Position",
    "Reader",
    "ReaderLost",
    "Record",
    "RecordTooLarge",
    "Scanner",
    "partition_for",
    "scan",
]
