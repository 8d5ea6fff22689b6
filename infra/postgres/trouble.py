"""What PostgreSQL, or the way to it, says when nothing is wrong with the question and time alone mends it.

Classes and codes: https://www.postgresql.org/docs/18/errcodes-appendix.html.
"""

import asyncpg

PASSES: tuple[type[Exception], ...] = (
    OSError,  # no way there, or cut off; TimeoutError included
    asyncpg.InterfaceError,  # the connection was closed meanwhile
    asyncpg.PostgresConnectionError,  # class 08; also what PgBouncer says that has no server
    asyncpg.OperatorInterventionError,  # class 57: shutting down, starting up, terminated, statement_timeout
    asyncpg.InsufficientResourcesError,  # class 53: too many connections, disk full, out of memory
    asyncpg.PostgresSystemError,  # class 58: its disk fails
    asyncpg.TransactionRollbackError,  # class 40: deadlock, serialization, conflict with recovery
    asyncpg.ReadOnlySQLTransactionError,  # 25006: a standby, or a primary that was fenced
    asyncpg.IdleInTransactionSessionTimeoutError,  # 25P03: we were frozen, and it gave our locks back
    asyncpg.LockNotAvailableError,  # 55P03: lock_timeout
    asyncpg.InvalidCachedStatementError,  # tables changed under a statement that was prepared before; forgotten now
    asyncpg.InternalClientError,  # between the server's last word (FATAL) and its end of the connection; and see below
)
"""Everything else is a defect, of a statement or of what is asked, or wants a person."""

FAILURES: tuple[type[Exception], ...] = (*PASSES, asyncpg.PostgresError)
"""All that a statement can fail by, for those who only measure or tell: they leave it out and go on."""

READ_ONLY = (asyncpg.ReadOnlySQLTransactionError, asyncpg.TargetServerAttributeNotMatched)
HELD_UP = (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError, TimeoutError)
NO_ROOM = (asyncpg.InsufficientResourcesError, asyncpg.PostgresSystemError)


def passes(error: BaseException) -> bool:
    """True for what time mends. A value that asyncpg itself refuses (InterfaceError and ValueError) is not that."""
    return isinstance(error, PASSES) and not isinstance(error, ValueError)


def in_words(error: BaseException) -> str:
    """A sentence for whoever waits for it."""
    if isinstance(error, READ_ONLY):
        return "The database takes no changes at the moment."
    if isinstance(error, HELD_UP):
        return "The database did not answer in time."
    if isinstance(error, NO_ROOM):
        return "The database has no room at the moment."
    return "The database cannot be reached at the moment."
