"""Keys that are not let in: counted, logged sparingly, and slowed by address and by key.

A right key always passes: all clients may come through one proxy's address, and a stranger behind it must not lock them
out. What keeps a key from being guessed is its length; this keeps attempts from going unseen and from costing much.
"""

import math
from collections import OrderedDict
from enum import StrEnum
from http import HTTPStatus
from ipaddress import IPv6Address, ip_address

import structlog

from infra.process import metrics
from infra.process.access import key_id
from infra.process.sparing import Sparing
from infra.process.world import Clock
from services.campaign.problems import ApiError, ShowAKey, TryLater

log = structlog.get_logger(__name__)

AT_ONCE = 10  # wrong keys from one address, or the same wrong key
EVERY_SECONDS = 6.0  # after these one more
REMEMBERED = 10_000  # addresses, and keys: those that were not heard of for longest are forgotten; about 2 MB
NETWORK_BITS = 64  # of IPv6: what one customer is given


class Wrong(StrEnum):
    """What is wrong with a key."""

    MISSING = "missing"
    MISTYPED = "mistyped"
    UNKNOWN = "unknown"
    REVOKED = "revoked"
    EXPIRED = "expired"


class _Slowing:
    """For each name the moment until which its attempts are used up (GCRA): one number, whatever was tried."""

    def __init__(self) -> None:
        self._until: OrderedDict[str, float] = OrderedDict()

    def wait(self, name: str, now: float) -> float:
        """Seconds until this name may try again; 0: it may, and that was one attempt."""
        until = max(self._until.get(name, now), now)
        excess = until - now - (AT_ONCE - 1) * EVERY_SECONDS
        if excess <= 0:
            until += EVERY_SECONDS
        self._until[name] = until
        self._until.move_to_end(name)
        if len(self._until) > REMEMBERED:
            self._until.popitem(last=False)
        return max(0.0, excess)


class WrongKeys:
    """What is known of them in this process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._addresses, self._keys = _Slowing(), _Slowing()
        self._sparing = Sparing(clock)
        for wrong in Wrong:
            metrics.API_KEYS_REFUSED.labels(wrong)

    def refusal(self, wrong: Wrong, words: str, address: str | None, presented: str = "", key: str = "") -> ApiError:
        """The answer to a request that is not let in. `key`: the id of the key, where it is a known one."""
        metrics.API_KEYS_REFUSED.labels(wrong).inc()
        if wrong is Wrong.MISSING:  # nothing was tried
            return ShowAKey(words)
        self._sparing(log.warning, "key_refused", reason=wrong.value, address=address, key_id=key or None)
        now = self._clock.boot()
        wait = max(self._addresses.wait(network(address), now), self._keys.wait(key_id(presented), now))
        if wait <= 0:
            return ShowAKey(words)
        seconds = math.ceil(wait)
        return TryLater(
            f"{words} Too many wrong keys came; the next is looked at in {seconds} s. A right key is taken at any time.",
            status=HTTPStatus.TOO_MANY_REQUESTS, code="too_many_wrong_keys", retry_after=seconds,
        )  # fmt: skip


def network(address: str | None) -> str:
    """The address, of IPv6 its first 64 bits: who has one has all of them."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return address or ""
    if isinstance(parsed, IPv6Address):
        return str(int(parsed) >> NETWORK_BITS) if parsed.ipv4_mapped is None else str(parsed.ipv4_mapped)
    return address or ""
