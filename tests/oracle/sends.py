"""Sinch's own record and the log: who got a message, how often, by whose leave, and whether it had been said before."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import pairwise

from contracts import events as e
from contracts.identity import Reference, parse_reference
from tests.oracle.reference import may_pass
from tests.oracle.verdicts import Faults


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch that Sinch took, at `at` (seconds since 1970), and what became of each of its messages: (word, code)."""

    reference: str
    batch_id: str
    at: float
    fates: Mapping[str, tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Logged:
    """An event, and when the log took it (seconds since 1970)."""

    event: e.AnyEvent
    at: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for: retries by campaign; who must get a message; who must get none."""

    retries: Mapping[str, int]
    everybody: AbstractSet[tuple[str, str]]
    nobody: AbstractSet[tuple[str, str]]


CLOCKS = 0.05
"""Seconds by which the two records of one machine's time may differ."""


def judge_sends(sent: Sequence[Sent], log: Sequence[Logged], wanted: Wanted, faults: Faults) -> None:
    """Nobody twice beyond the retry policy, nobody missing, nobody who opted out, and nothing that the log had not said."""
    by_message: defaultdict[tuple[str, str], list[Sent]] = defaultdict(list)
    for one in sorted(sent, key=lambda one: one.at):
        reference = parse_reference(one.reference)
        assert reference is not None, one.reference
        for recipient in one.fates:
            by_message[reference.campaign_id, recipient].append(one)
    for message, offers in by_message.items():
        _judge_message(message, offers, wanted, faults)
    for message in wanted.everybody - by_message.keys():
        faults.add("lost", message)
    _judge_said(sent, log, faults)
    _judge_numbers(log, faults)
    _judge_stops(by_message, log, faults)


def _judge_message(message: tuple[str, str], offers: Sequence[Sent], wanted: Wanted, faults: Faults) -> None:
    faults.require(message not in wanted.nobody, "sent against consent", message)
    names = [offer.reference for offer in offers]
    faults.require(len(offers) <= 1 + wanted.retries[message[0]], "twice", f"{message} by {names}")
    for offer in offers[:-1]:
        word, code = offer.fates[message[1]]
        faults.require(may_pass(word, code), "twice", f"{message} by {names}, and {offer.reference} is {word} {code}")


def _judge_said(sent: Sequence[Sent], log: Sequence[Logged], faults: Faults) -> None:
    """SendAttempted with exactly these recipients before Sinch took them; and BatchAccepted."""
    said: defaultdict[str, list[tuple[float, set[str]]]] = defaultdict(list)
    accepted = set[tuple[str, str]]()
    for one in log:
        if isinstance(one.event, e.SendAttempted):
            said[one.event.client_reference].append((one.at, set(one.event.recipients)))
        elif isinstance(one.event, e.BatchAccepted):
            accepted.add((one.event.client_reference, one.event.batch_id))
    for send in sent:
        before = [who for at, who in said[send.reference] if at <= send.at + CLOCKS]
        faults.require(set(send.fates) in before, "not said before", send.reference)
        faults.require((send.reference, send.batch_id) in accepted, "acceptance unsaid", send.reference)
    references = [send.reference for send in sent]
    for reference in {r for r in references if references.count(r) > 1}:
        faults.add("reference twice at Sinch", reference)


def _judge_numbers(log: Sequence[Logged], faults: Faults) -> None:
    """A number is used for one offer only: later claims of it may name fewer, never others."""
    named: defaultdict[str, list[set[str]]] = defaultdict(list)
    for one in log:
        if isinstance(one.event, e.SendAttempted):
            named[one.event.client_reference].append(set(one.event.recipients))
    for reference, sets in named.items():
        sets.sort(key=len)
        good = all(small <= large for small, large in pairwise(sets))
        faults.require(good, "number used twice", f"{reference} for {[sorted(some) for some in sets]}")


def _judge_stops(by_message: Mapping[tuple[str, str], Sequence[Sent]], log: Sequence[Logged], faults: Faults) -> None:
    """An offer that came to be after a STOP stood in the log holds nobody who said it: one that follows a failure or a doubt."""
    stopped: dict[str, float] = {}
    led: dict[tuple[Reference, str], float] = {}
    doubted: dict[Reference, float] = {}
    for one in log:
        match one.event:
            case e.RecipientOptedOut() as event:
                stopped.setdefault(event.recipient, one.at)
            case e.FollowUpScheduled() as event:
                for recipient in event.recipients:
                    led.setdefault((Reference(event.campaign_id, event.chunk, event.attempt), recipient), one.at)
            case e.BatchInDoubt() as event:
                place = Reference(event.campaign_id, event.chunk, event.attempt)
                doubted[place] = min(doubted.get(place, one.at), one.at)
            case _:
                pass
    for message, offers in by_message.items():
        stop = stopped.get(message[1])
        for offer in offers if stop is not None else ():
            reference = parse_reference(offer.reference)
            assert reference is not None
            before = Reference(reference.campaign_id, reference.chunk, reference.attempt - 1)
            born = led.get((before, message[1]), doubted.get(before))
            late = born is not None and stop is not None and born > stop + CLOCKS
            faults.require(not late, "sent against consent", f"{message} by {offer.reference} after its STOP")
