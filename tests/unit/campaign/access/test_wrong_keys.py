"""Wrong keys: slowed by address and by key, within bounded memory."""

from http import HTTPStatus

import pytest

from infra.process import metrics
from services.campaign.access import wrong_keys
from services.campaign.access.wrong_keys import AT_ONCE, EVERY_SECONDS, Wrong, WrongKeys, network
from tests.unit.campaign.access.test_rate_limit import Clock


def tried(keys: WrongKeys, address: str, presented: str) -> int:
    """The status that a wrong key is answered with."""
    return keys.refusal(Wrong.UNKNOWN, "No.", address, presented).status


def test_an_address_is_slowed() -> None:
    """Ten at once, then one in six seconds: 401; all others 429 that says when; going on costs nothing more."""
    clock = Clock()
    keys = WrongKeys(clock)
    statuses = [tried(keys, "192.0.2.1", f"key {number}") for number in range(500)]
    assert statuses == [HTTPStatus.UNAUTHORIZED] * AT_ONCE + [HTTPStatus.TOO_MANY_REQUESTS] * (500 - AT_ONCE)
    assert keys.refusal(Wrong.UNKNOWN, "No.", "192.0.2.1", "x").headers["Retry-After"] == "6"
    clock.at += EVERY_SECONDS
    assert [tried(keys, "192.0.2.1", "y"), tried(keys, "192.0.2.1", "z")] == [401, 429]
    assert tried(keys, "192.0.2.2", "another address") == 401


def test_a_key_is_slowed_wherever_it_comes_from() -> None:
    """A revoked key in a hundred machines is one wrong key."""
    keys = WrongKeys(Clock())
    statuses = [tried(keys, f"192.0.2.{number}", "the same") for number in range(100)]
    assert statuses.count(HTTPStatus.UNAUTHORIZED) == AT_ONCE


def test_a_request_without_a_key_is_no_attempt() -> None:
    """It is answered 401 however often it comes."""
    keys = WrongKeys(Clock())
    refusals = [keys.refusal(Wrong.MISSING, "A key.", "192.0.2.1") for _ in range(100)]
    assert {refusal.status for refusal in refusals} == {HTTPStatus.UNAUTHORIZED}


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of very many addresses and keys those are forgotten that were not heard of for longest."""
    monkeypatch.setattr(wrong_keys, "REMEMBERED", 100)
    keys = WrongKeys(Clock())
    for number in range(10_000):
        tried(keys, f"address {number}", f"key {number}")
    assert (len(keys._addresses._until), len(keys._keys._until)) == (100, 100)


def test_they_are_counted_by_reason() -> None:
    """Also the reasons that have not come up."""
    keys = WrongKeys(Clock())
    before = metrics.API_KEYS_REFUSED.labels("expired")._value.get()
    keys.refusal(Wrong.EXPIRED, "No.", "192.0.2.1", "x", "shop")
    assert metrics.API_KEYS_REFUSED.labels("expired")._value.get() == before + 1
    shown = {
        sample.labels["reason"] for sample in next(iter(metrics.API_KEYS_REFUSED.collect())).samples if sample.labels
    }
    assert shown >= set(Wrong)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("", "/run/a.sock", False),
    ],
)
def test_who_counts_as_one(one: str, other: str, same: bool) -> None:
    """IPv4: an address. IPv6: the 64 bits that one customer is given."""
    assert (network(one) == network(other)) is same
