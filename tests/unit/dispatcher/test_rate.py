"""The plan's rate, as a function of the shared row."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.dispatcher.rate import CATCH_UP, LEAST_FACTOR, Pace, Rate, corrected, draw, factor_now, wait

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def pace(**more: object) -> Pace:
    """A plan at NOW that has never sent."""
    values: dict[str, object] = {"now": NOW, "paid_until": None, "factor": 1.0, "slowed_at": None, "slow_until": None}
    return Pace(**(values | more))  # type: ignore[arg-type]


def per(second: float, largest: float = 1000.0) -> Rate:
    """So many a second; a chunk may have a thousand; Sinch may keep us waiting for five minutes."""
    return Rate(second, largest, 300.0)


def test_a_chunk_larger_than_a_second_goes_at_once_and_leaves_a_debt() -> None:
    """1,000 recipients at 30 a second: the next goes 33.3 s later."""
    assert draw(pace(), per(30), [1000, 1000]) == (1, NOW + timedelta(seconds=1000 / 30))


def test_while_in_debt_nothing_goes() -> None:
    """And the wait says how long."""
    in_debt = pace(paid_until=NOW + timedelta(seconds=7))
    assert draw(in_debt, per(30), [1])[0] == 0
    assert wait(in_debt, per(30)) == 7.0


def test_idle_time_is_not_saved_up() -> None:
    """After an hour of nothing one chunk goes, not an hour's worth."""
    assert draw(pace(paid_until=NOW - timedelta(hours=1)), per(10), [10, 10, 10])[0] == 1


@given(
    st.floats(1, 5000), st.lists(st.integers(1, 1000), min_size=1, max_size=60), st.lists(st.floats(0, 2), min_size=1)
)
def test_never_more_than_one_chunk_ahead_of_the_rate(rate: float, chunks: list[int], gaps: list[float]) -> None:
    """Whenever it is asked, what went is at most what the rate allows since the start, and one chunk."""
    now, paid_until, sent, rest = NOW, None, 0, list(chunks)
    largest = max(chunks)
    for gap in gaps:
        now += timedelta(seconds=gap)
        going, paid_until = draw(pace(now=now, paid_until=paid_until), per(rate, largest), rest)
        sent += sum(rest[:going])
        rest = rest[going:]
        allowed = rate * ((now - NOW).total_seconds() + CATCH_UP.total_seconds())
        assert sent <= allowed + largest + 1e-6


def test_after_a_429_the_rate_is_halved_and_comes_back() -> None:
    """By itself, within a minute."""
    slowed = pace(factor=0.5, slowed_at=NOW - timedelta(seconds=1))
    assert factor_now(slowed) == 0.52
    assert factor_now(pace(factor=0.5, slowed_at=NOW - timedelta(minutes=1))) == 1.0


def test_nothing_goes_before_slow_until() -> None:
    """A Retry-After binds every replica."""
    assert wait(pace(slow_until=NOW + timedelta(seconds=3)), per(30)) == 3.0


def test_a_debt_of_another_rate_is_paid_at_todays() -> None:
    """SINCH_MPS=0.01 by mistake, ten recipients sent, set right: not a thousand seconds, but what a chunk takes now."""
    going, paid_until = draw(pace(), per(0.01), [10])
    assert (going, paid_until) == (1, NOW + timedelta(seconds=1000))
    assert wait(pace(paid_until=paid_until), per(100)) == 10.0
    assert corrected(pace(paid_until=paid_until), per(100)) == NOW + timedelta(seconds=10)
    assert corrected(pace(paid_until=NOW + timedelta(seconds=10)), per(100)) is None


MOMENTS = st.none() | st.floats(-1e8, 1e8).map(lambda seconds: NOW + timedelta(seconds=seconds))


@given(
    st.builds(Pace, st.just(NOW), MOMENTS, st.floats(0, 1), MOMENTS, MOMENTS),
    st.builds(Rate, st.floats(1e-6, 1e7), st.floats(1, 60_000), st.floats(1, 86_400)),
)
def test_nobody_waits_longer_than_for_one_chunk_at_todays_rate(found: Pace, rate: Rate) -> None:
    """Whatever stands in the row: another rate, a clock that was set back by years, a Retry-After of another century."""
    slowest = max(rate.largest / (rate.per_second * LEAST_FACTOR), rate.longest_slow)
    assert 0.0 <= wait(found, rate) <= slowest * (1 + 1e-6) + 1e-3
    assert LEAST_FACTOR <= factor_now(found) <= 1.0


@given(MOMENTS, st.floats(0.001, 1e6), st.lists(st.floats(1, 1000), min_size=1, max_size=20))
def test_what_is_drawn_is_never_more_than_a_chunk_of_debt(
    paid: datetime | None, rate: float, costs: list[float]
) -> None:
    """After a draw as before it."""
    _, paid_until = draw(pace(paid_until=paid), per(rate), costs)
    assert (paid_until - NOW).total_seconds() <= 1000.0 / rate * (1 + 1e-6) + 1e-3
