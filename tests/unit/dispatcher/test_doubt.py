"""What follows a look at Sinch's list, case by case."""

import pytest

from services.dispatcher.doubt import LISTED_SECONDS, Case, Next, Rule, Seen, decide

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
