"""What to do about a batch of which nobody knows whether Sinch has it. Pure: no clock, no network.

Sinch has no idempotency key; a second POST is a second message (CONTRACT §3). So before a chunk is ever offered
again, Sinch is asked for its `client_reference`: not before the last moment at which the sender itself could still
have been heard, and several times over a settle time, because a batch may not be listed at once.
The assumption that remains: Sinch lists a batch within the settle time.
"""

from dataclasses import dataclass
from enum import Enum

LISTED_SECONDS = 14 * 24 * 3600 - 2 * 3600
"""For so long after an attempt Sinch's list can tell: it shows batches of the last 14 days; two hours for the clocks."""

MOST_ABSENT = 64
"""So often an offer may be found absent and be made again: over half a day. Then a person must look why it never arrives."""
LONGEST_OFFER_PAUSE_SECONDS = 900.0
LONGEST_LOOK_PAUSE_SECONDS = 600.0
HELD_SECONDS = 3600.0
"""Between two looks for an offer that is held."""


class Seen(Enum):
    """What one look at Sinch's list said."""

    FOUND = "found"
    ABSENT = "absent"
    NO_ANSWER = "no answer"
    """Not a well-formed 200 about exactly our reference: it says nothing."""


class Next(Enum):
    """What follows."""

    ACCEPTED = "accepted"
    LOOK_AGAIN = "look again"
    OFFER_AGAIN = "offer again"
    CANCEL = "cancel"
    """It is not there, and the campaign was cancelled meanwhile: it never will be."""
    HOLD = "hold"
    """It was offered again and again and never arrived: somebody must say what follows. It is still looked for."""
    GIVE_UP = "give up"
    """Nobody can know any more, and the campaign would rather miss than repeat."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`looks` must all find nothing, the last one at least `settle` seconds after the first was allowed."""

    looks: int
    settle: float

    @property
    def pause(self) -> float:
        """Seconds between two looks."""
        return self.settle / max(1, self.looks - 1)


@dataclass(frozen=True, slots=True)
class Case:
    """A doubt: looks that found nothing so far, its age in seconds, and what its campaign says.

    `absents`: how many offers of the same part of the chunk were found absent before it.
    """

    absent: int
    age: float
    delivery_policy: str = "at_most_once"
    cancelled: bool = False
    absents: int = 0


def decide(seen: Seen, case: Case, rule: Rule) -> Next:
    """What follows a look. Looks stand `rule.pause` apart."""
    if seen is Seen.FOUND:
        return Next.ACCEPTED
    if case.age > LISTED_SECONDS:
        if case.cancelled or case.delivery_policy != "at_least_once":
            return Next.GIVE_UP
        return Next.OFFER_AGAIN
    if seen is Seen.NO_ANSWER or case.absent + 1 < rule.looks:
        return Next.LOOK_AGAIN
    if case.cancelled:
        return Next.CANCEL
    return Next.OFFER_AGAIN if case.absents < MOST_ABSENT else Next.HOLD


def look_pause(seen: Seen, case: Case, rule: Rule) -> float:
    """Seconds until the next look. While nobody answers, the pauses grow with the doubt's age."""
    if seen is Seen.ABSENT:
        return rule.pause
    return max(rule.pause, min(case.age / 8, LONGEST_LOOK_PAUSE_SECONDS))


def offer_pause(absents: int) -> float:
    """Seconds until an offer that was found absent is made again: at once the first time, then ever later."""
    return min(2.0**absents, LONGEST_OFFER_PAUSE_SECONDS) if 0 < absents < MOST_ABSENT else 0.0
