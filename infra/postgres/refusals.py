"""What PostgreSQL says to a value that does not fit: the same value would be refused again, and no other is to blame."""

import asyncpg

REFUSALS = (
    asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.CardinalityViolationError,
    asyncpg.ProgramLimitExceededError, ValueError, OverflowError,
)  # fmt: skip
"""The server's words (out of range, not a moment, a NUL, longer than an index takes, two spellings of one number), and asyncpg's before it asks
(a ValueError). A lost connection, a deadlock, a full disk, a statement that took too long are none of them: they pass, or
want a person.
"""
