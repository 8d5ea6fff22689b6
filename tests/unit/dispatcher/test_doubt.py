"""What follows a look at Sinch's list, case by case."""

import pytest

from services.dispatcher.doubt import (
    LISTED_SECONDS,
    LONGEST_LOOK_PAUSE_SECONDS,
    LONGEST_OFFER_PAUSE_SECONDS,
    MOST_ABSENT,
    Case,
    Next,
    Rule,
    Seen,
    decide,
    look_pause,
    offer_pause,
)

RULE = Rule(looks=3, settle=60.0)
OLD = LISTED_SECONDS + 1.0


@pytest.mark.parametrize(
    ("seen", "case", "following"),
    [
        (Seen.FOUND, Case(absent=0, age=20), Next.ACCEPTED),
        (Seen.FOUND, Case(absent=2, age=90), Next.ACCEPTED),
        (Seen.FOUND, Case(absent=0, age=20, cancelled=True), Next.ACCEPTED),
        (Seen.FOUND, Case(absent=0, age=OLD), Next.ACCEPTED),
        (Seen.ABSENT, Case(absent=0, age=20), Next.LOOK_AGAIN),
        (Seen.ABSENT, Case(absent=1, age=50), Next.LOOK_AGAIN),
        (Seen.ABSENT, Case(absent=2, age=80), Next.OFFER_AGAIN),
        (Seen.ABSENT, Case(absent=2, age=80, cancelled=True), Next.CANCEL),
        (Seen.ABSENT, Case(absent=2, age=80, absents=MOST_ABSENT - 1), Next.OFFER_AGAIN),
        (Seen.ABSENT, Case(absent=2, age=80, absents=MOST_ABSENT), Next.HOLD),
        (Seen.ABSENT, Case(absent=2, age=80, absents=MOST_ABSENT, cancelled=True), Next.CANCEL),
        (Seen.FOUND, Case(absent=2, age=80, absents=MOST_ABSENT), Next.ACCEPTED),
        (Seen.ABSENT, Case(absent=0, age=OLD, absents=MOST_ABSENT), Next.GIVE_UP),
        (Seen.NO_ANSWER, Case(absent=2, age=80), Next.LOOK_AGAIN),
        (Seen.NO_ANSWER, Case(absent=2, age=80, cancelled=True), Next.LOOK_AGAIN),
        (Seen.NO_ANSWER, Case(absent=2, age=LISTED_SECONDS), Next.LOOK_AGAIN),
        (Seen.NO_ANSWER, Case(absent=0, age=OLD), Next.GIVE_UP),
        (Seen.ABSENT, Case(absent=0, age=OLD), Next.GIVE_UP),
        (Seen.ABSENT, Case(absent=0, age=OLD, delivery_policy="at_least_once"), Next.OFFER_AGAIN),
        (Seen.NO_ANSWER, Case(absent=0, age=OLD, delivery_policy="at_least_once"), Next.OFFER_AGAIN),
        (Seen.NO_ANSWER, Case(absent=0, age=OLD, delivery_policy="at_least_once", cancelled=True), Next.GIVE_UP),
    ],
)
def test_what_follows_a_look(seen: Seen, case: Case, following: Next) -> None:
    """Never offered again on one look, on no answer, or when cancelled; never given up while Sinch can still tell."""
    assert decide(seen, case, RULE) is following


def test_all_looks_stand_over_the_settle_time() -> None:
    """The last one comes `settle` seconds after the first."""
    assert RULE.pause * (RULE.looks - 1) == RULE.settle


def test_offers_that_never_arrive_are_made_ever_later_and_not_for_ever() -> None:
    """At once the first time; over half a day in all, so that a night without Sinch needs nobody."""
    pauses = [offer_pause(absents) for absents in range(MOST_ABSENT)]
    assert (pauses[0], max(pauses)) == (0.0, LONGEST_OFFER_PAUSE_SECONDS)
    assert pauses == sorted(pauses)
    assert 12 * 3600 < sum(pauses) < 24 * 3600


def test_while_nobody_answers_looks_become_rarer() -> None:
    """A doubt that Sinch can tell about is looked for at the rule's pace, whatever its age."""
    assert look_pause(Seen.ABSENT, Case(absent=1, age=1e6), RULE) == RULE.pause
    pauses = [look_pause(Seen.NO_ANSWER, Case(absent=0, age=age), RULE) for age in (0.0, 100.0, 1_000.0, 1e6)]
    assert pauses == [RULE.pause, RULE.pause, 125.0, LONGEST_LOOK_PAUSE_SECONDS]
