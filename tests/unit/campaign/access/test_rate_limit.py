"""Requests a minute, by key."""

from infra.process.world import SystemClock
from services.campaign.access.callers import Caller, Limits
from services.campaign.access.rate_limit import WINDOW_SECONDS, RateLimit


class Clock(SystemClock):
    """A clock that stands where it is put."""

    at = 1_000.0

    def boot(self) -> float:
        """As it was put."""
        return self.at


def test_a_window_has_as_many_as_the_limit_says() -> None:
    """And the next one as many again; what is told is what is left, and until when."""
    clock = Clock()
    limit, shop = RateLimit(clock, 3), Caller("shop")
    shares = [limit.take(shop) for _ in range(4)]
    assert [(share.left, share.is_used_up) for share in shares] == [(2, False), (1, False), (0, False), (0, True)]
    assert shares[0].headers == {"RateLimit-Policy": '"requests";q=3;w=60', "RateLimit": '"requests";r=2;t=60'}
    clock.at += 20.5
    assert limit.take(shop).headers["RateLimit"] == '"requests";r=0;t=40'
    clock.at += 39.5
    assert limit.take(shop).left == 2


def test_keys_have_windows_of_their_own() -> None:
    """One that is used up leaves the others alone; a limit of a key's own goes before the usual one."""
    limit = RateLimit(Clock(), 1)
    own = Caller("crm", limits=Limits(requests_per_minute=2))
    assert [limit.take(Caller("shop")).is_used_up for _ in range(2)] == [False, True]
    assert [limit.take(own).is_used_up for _ in range(3)] == [False, False, True]


def test_a_refused_request_does_not_lengthen_the_window() -> None:
    """Whoever goes on asking is let in when its minute is over."""
    clock = Clock()
    limit, shop = RateLimit(clock, 1), Caller("shop")
    for _ in range(100):
        limit.take(shop)
        clock.at += WINDOW_SECONDS / 99
    assert not limit.take(shop).is_used_up
