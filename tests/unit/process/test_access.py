"""Keys of the API, and when it may stand open."""

import hashlib

import pytest
from pydantic import SecretStr

from infra.process.access import ApiKey, find_key, may_stand_open


@pytest.mark.parametrize(
    ("host", "base_url", "open_"),
    [
        ("127.0.0.1", None, True),
        ("127.8.9.1", None, True),
        ("::1", None, True),
        ("localhost", None, True),
        ("127.0.0.1", "http://127.0.0.1:3000", True),
        ("127.0.0.1", "http://localhost:3000", True),
        ("127.0.0.1", "http://[::1]:3000", True),
        ("127.0.0.1", "https://tunnel.example", False),
        ("localhost", "https://localhost.example", False),
        ("0.0.0.0", None, False),
        ("0.0.0.0", "http://localhost:3000", False),
        ("::", None, False),
        ("10.0.0.5", None, False),
        ("myhost", None, False),
    ],
)
def test_open_access(host: str, base_url: str | None, open_: bool) -> None:
    """Keys are optional only while HOST is loopback and BASE_URL is loopback or unset."""
    assert may_stand_open(host, base_url) is open_


def test_named_key() -> None:
    """`name:secret` gives the key its name; the secret may hold colons."""
    key = ApiKey.parse("shop:s3:cret")
    assert (key.id, key.secret.get_secret_value()) == ("shop", "s3:cret")


def test_bare_key_is_named_by_its_hash() -> None:
    """A bare secret is called by the first 8 hex digits of its SHA-256."""
    assert ApiKey.parse("s3cret").id == hashlib.sha256(b"s3cret").hexdigest()[:8]


def test_key_never_shows_its_secret() -> None:
    """The secret is not in the key's repr."""
    assert "s3cret" not in repr(ApiKey.parse("shop:s3cret"))


@pytest.mark.parametrize(
    ("presented", "found"), [("one", "a"), ("two", "b"), ("three", None), ("", None), ("\udcff", None)]
)
def test_presented_secret_finds_its_key(presented: str, found: str | None) -> None:
    """Exactly the key with the presented secret is found, whatever bytes are presented."""
    key = find_key([ApiKey("a", SecretStr("one")), ApiKey("b", SecretStr("two"))], presented)
    assert (key.id if key else None) == found
