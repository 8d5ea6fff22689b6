"""What to do about a batch of which nobody knows whether Sinch has it. Pure: no clock, no network.

Sinch has no idempotency key; a second POST is a second message (CONTRACT §3). So before a chunk is ever offered
again, Sinch is asked for its `client_reference`: not before the last moment at which the sender itself could still
have been heard, and several times over a settle time, because a batch may not be listed at once.
The assumption that remains: Sinch lists a batch within the settle time.
"""

from dataclasses import dataclass
from enum import Enum


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


@dataclass(frozen=True, slots=True)
class Rule:
    """`looks` must all find nothing, the last one at least `settle` seconds after the first was allowed."""

    looks: int
    settle: float

    @property
    def pause(self) -> float:
        """Seconds between two looks."""
        return self.settle / max(1, self.looks - 1)


def decide(seen: Seen, absent_before: int, rule: Rule) -> Next:
    """What follows a look, after `absent_before` earlier ones that found nothing. Looks stand `rule.pause` apart."""
    match seen:
        case Seen.FOUND:
            return Next.ACCEPTED
        case Seen.NO_ANSWER:
            return Next.LOOK_AGAIN
        case Seen.ABSENT:
            return Next.OFFER_AGAIN if absent_before + 1 >= rule.looks else Next.LOOK_AGAIN
