"""Keys of the API, and when it may stand open."""

import hashlib
import re
from collections.abc import Callable

import pytest
from pydantic import SecretStr

from infra.process.access import ApiKey, find_key, is_mistyped, key_id, make_key, may_stand_open


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
    key = ApiKey.parse("shop:s3:cret-and-more-of-it")
    assert (key.id, key.secret.get_secret_value()) == ("shop", "s3:cret-and-more-of-it")


def test_bare_key_is_named_by_its_hash() -> None:
    """A bare secret is called by the first 8 hex digits of its SHA-256."""
    assert ApiKey.parse("s3cret-and-more-of-it").id == hashlib.sha256(b"s3cret-and-more-of-it").hexdigest()[:8]


def test_key_never_shows_its_secret() -> None:
    """The secret is not in the key's repr."""
    assert "s3cret" not in repr(ApiKey.parse("shop:s3cret-and-more-of-it"))


@pytest.mark.parametrize(
    ("presented", "found"), [("one", "a"), ("two", "b"), ("three", None), ("", None), ("\udcff", None)]
)
def test_presented_secret_finds_its_key(presented: str, found: str | None) -> None:
    """Exactly the key with the presented secret is found, whatever bytes are presented."""
    key = find_key([ApiKey("a", SecretStr("one")), ApiKey("b", SecretStr("two"))], presented)
    assert (key.id if key else None) == found


def test_a_made_key_is_recognised() -> None:
    """`hg_`, 49 letters and digits: 256 bits and the digits that check them; no two are alike."""
    keys = {make_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(re.fullmatch(r"hg_[0-9A-Za-z]{49}", key) for key in keys)
    assert not any(is_mistyped(key) for key in keys)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: key[:-1],
        lambda key: key + "0",
        lambda key: key[:10] + ("a" if key[10] != "a" else "b") + key[11:],
        lambda key: key[:-1] + ("a" if key[-1] != "a" else "b"),
        lambda key: key[:20] + key[21] + key[20] + key[22:] if key[20] != key[21] else key[:-2],
        lambda _: "hg_",
    ],
)
def test_a_mistyped_key_is_known_without_a_look(spoil: Callable[[str], str]) -> None:
    """Cut off, one character more, one wrong, two exchanged: the check digits do not fit."""
    assert is_mistyped(spoil(make_key()))


def test_an_operators_word_is_not_a_mistyped_key() -> None:
    """Only what begins as a made key does can be one."""
    assert not is_mistyped("open-sesame-forty")


@pytest.mark.parametrize("secret", ["a", "x:letmein", "fifteen-letters", "a" * 40, "ababababababababab"])
def test_a_word_that_is_easy_to_guess_is_refused(secret: str) -> None:
    """At least 16 characters, 6 of them different."""
    with pytest.raises(ValueError, match="too easy to guess"):
        ApiKey.parse(secret)


def test_a_made_key_may_stand_in_the_setting() -> None:
    """Its name is then the one by which the database knows it."""
    key = make_key()
    assert ApiKey.parse(key).id == key_id(key)
