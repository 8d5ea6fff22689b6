"""What a number wants, folded from its consent events in the order of the log. Pure.

Folding one event after the other, never the last of some, makes the result a function of the log alone: how the records
fell into batches, and what was taken in again after a crash, changes nothing. Dates are those of `contracts.consent.believed`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from contracts.consent.believed import REPLY, wins
from contracts.events import ConsentDecision, ConsentEvent, OptOutDismissed, OptOutSuspected, RecipientOptedOut


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the latest decision says, `decided_at` by Sinch's `received_at`; empty: nothing was decided.

    `confirmable` is the event_id of the reply that began this state, as long as only replies have repeated it: the one
    reply whose confirmation may be sent. `suspected_at`: of the latest reply that is probably an opt-out, `dismissed_at`:
    up to where a person read such replies and found none; empty: none.
    """

    opted_out: bool
    decided_at: str
    confirmable: str | None
    suspected_at: str = ""
    dismissed_at: str = ""

    @property
    def in_doubt(self) -> bool:
        """Whether nothing is to be sent until a person has read a reply."""
        is_read, is_taken_back = self.suspected_at <= self.dismissed_at, self.suspected_at < self.decided_at
        return not (self.opted_out or is_read or is_taken_back)


NOTHING = Wanted(opted_out=False, decided_at="", confirmable=None)


def after(known: Wanted | None, event: ConsentEvent) -> Wanted:
    """What holds after this event. The latest decision counts, not the last to arrive; a tie counts as opted out.

    An opt-out by hand holds against all that stands before it in the log: who made it was told that nothing more is sent.
    """
    known = known or NOTHING
    match event:
        case OptOutSuspected():
            return replace(known, suspected_at=max(known.suspected_at, event.received_at))
        case OptOutDismissed():
            return replace(known, dismissed_at=max(known.dismissed_at, event.received_at))
        case _:
            return _decided(known, event)


def _decided(known: Wanted, event: ConsentDecision) -> Wanted:
    is_reply, opts_out = event.source == REPLY, isinstance(event, RecipientOptedOut)
    said = replace(
        known, opted_out=opts_out, decided_at=event.received_at, confirmable=event.event_id if is_reply else None
    )
    if wins(event):
        return replace(said, decided_at=max(said.decided_at, known.decided_at))
    if (said.decided_at, said.opted_out) <= (known.decided_at, known.opted_out):
        return known
    if not known.decided_at or said.opted_out != known.opted_out:
        return said
    return replace(said, confirmable=known.confirmable if is_reply else None)


def fold(
    known: Mapping[str, Wanted], events: Iterable[ConsentEvent]
) -> tuple[dict[str, Wanted], list[ConsentDecision]]:
    """By number, what holds after these events where it changed; and the replies among them that began what holds now."""
    wanted, said = dict(known), dict[str, ConsentDecision]()
    for event in events:
        wanted[event.recipient] = after(wanted.get(event.recipient), event)
        if not isinstance(event, OptOutSuspected | OptOutDismissed):
            said[event.event_id] = event
    changed = {number: now for number, now in wanted.items() if now != known.get(number)}
    confirmable_before = {was.confirmable for was in known.values()}
    new = [now.confirmable for now in changed.values() if now.confirmable not in confirmable_before]
    return changed, [said[event_id] for event_id in new if event_id is not None and event_id in said]
