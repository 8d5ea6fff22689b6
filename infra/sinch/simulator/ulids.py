"""Identifiers that look like Sinch's: 26 characters of Crockford's Base32, sorted by their time of birth."""

from infra.process.world import Ids

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 26
_BITS = 5


def ulid(ids: Ids) -> str:
    """A new identifier. A UUIDv7 and a ULID both begin with 48 bits of milliseconds."""
    number = ids.uuid7().int
    return "".join(_ALPHABET[(number >> (_BITS * place)) & 31] for place in range(_LENGTH - 1, -1, -1))
