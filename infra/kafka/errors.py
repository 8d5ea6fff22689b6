"""What can go wrong with the log, named by what the caller does next (STYLE, rule 5)."""
# ruff: noqa: N818 - so they do not end in Error, except the family names


class LogError(Exception):
    """Any failure of the log."""


class LogUnavailable(LogError):
    """Try again later: the deadline passed or the broker is away. The record is PERHAPS appended all the same."""


class LogUnreached(LogUnavailable):
    """Try again later: the broker did not get to it in time, and it was taken back. Surely nothing was appended."""


class LogOverloaded(LogUnavailable):
    """Slow down: too many bytes are waiting for the broker. Surely nothing was appended."""


class RecordTooLarge(LogError):
    """Give up on this record as it is: it exceeds the limit and never will be appended. Surely nothing was appended."""


class LogRewritten(LogError):
    """Page someone: the log no longer holds what stands between the stored offset and now. The words say what to do."""


class ReaderLost(LogError):
    """Start anew: the consumer has ended for good (fenced by its double, not authorised, a defect)."""


class TopicRefused(LogError):
    """Fix the cluster or the settings: the broker will not create a topic; its own words say why."""


class UsersRefused(LogError):
    """Fix the cluster or who we are there: the broker will not make a user or give it its rights."""


class EmbeddedError(Exception):
    """The broker of our own cannot run; the words say why and what to do."""


class JarsUnavailable(EmbeddedError):
    """Kafka's jars cannot be had, or are not the ones we know. The words say which and what to do."""
