"""Which refusals of PostgreSQL time mends."""

import asyncpg
import pytest

from infra.postgres.trouble import in_words, passes

CODES = {
    "25006": "takes no changes", "57P01": "cannot be reached", "57P02": "cannot be reached", "57P03": "cannot be reached",
    "57P05": "cannot be reached", "57014": "in time", "55P03": "in time", "53000": "no room", "53100": "no room",
    "53200": "no room", "53300": "no room", "58030": "no room", "40001": "cannot be reached", "40P01": "cannot be reached",
    "25P03": "cannot be reached", "08000": "cannot be reached", "08006": "cannot be reached", "08P01": "cannot be reached",
}  # fmt: skip
DEFECTS = ("22003", "22021", "23505", "23514", "42501", "42601", "42703", "42P01", "54000", "XX000", "XX001", "28P01")


def _error(code: str) -> Exception:
    return asyncpg.PostgresError.new({"C": code, "M": "said by the server", "S": "ERROR"})


@pytest.mark.parametrize(("code", "words"), CODES.items())
def test_a_refusal_that_passes(code: str, words: str) -> None:
    """Whoever hears one of these asks again, and is told in words what is the matter."""
    assert passes(_error(code))
    assert words in in_words(_error(code))


@pytest.mark.parametrize("code", DEFECTS)
def test_a_defect_does_not_pass(code: str) -> None:
    """A value that does not fit, a wrong statement, a missing right, broken data: asking again helps nobody."""
    assert not passes(_error(code))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionResetError(), "cannot be reached"),
        (TimeoutError(), "in time"),
        (asyncpg.InterfaceError("connection is closed"), "cannot be reached"),
        (asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"), "cannot be reached"),
        (asyncpg.InternalClientError("cannot switch to state 12"), "cannot be reached"),
        (asyncpg.TargetServerAttributeNotMatched("none of the hosts"), "takes no changes"),
    ],
)
def test_what_happens_on_the_way(error: Exception, words: str) -> None:
    """A connection that was lost, or leads to no server that takes changes, passes."""
    assert passes(error)
    assert words in in_words(error)


def test_a_value_that_asyncpg_refuses_is_a_defect() -> None:
    """It calls it an InterfaceError, as it calls a closed connection."""
    assert not passes(asyncpg.exceptions._base.DataError("invalid input for query argument $1"))
