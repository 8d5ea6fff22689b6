"""What a number wants, folded from its consent events in the order of the log. Pure.

Folding one event after the other, never the last of some, makes the result a function of the log alone: how the records
fell into batches, and what was taken in again after a crash, changes nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from contracts.events import ConsentEvent, RecipientOptedOut

REPLY = "reply"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the latest decision says, `decided_at` by Sinch's `received_at`.

    `confirmable` is the event_id of the reply that began this state, as long as only replies have repeated it: the one
    reply whose confirmation may be sent.
    """

    opted_out: bool
    decided_at: str
    confirmable: str | None


def after(known: Wanted | None, event: ConsentEvent) -> Wanted:
    """What holds after this event. The latest decision counts, not the last to arrive; a tie counts as opted out."""
    is_reply = event.source == REPLY
    said = Wanted(isinstance(event, RecipientOptedOut), event.received_at, event.event_id if is_reply else None)
    if known is None:
        return said
    if (said.decided_at, said.opted_out) <= (known.decided_at, known.opted_out):
        return known
    if said.opted_out != known.opted_out:
        return said
    return replace(said, confirmable=known.confirmable if is_reply else None)


def fold(known: Mapping[str, Wanted], events: Iterable[ConsentEvent]) -> tuple[dict[str, Wanted], list[ConsentEvent]]:
    """By number, what holds after these events where it changed; and the replies among them that began what holds now."""
    wanted, said = dict(known), dict[str, ConsentEvent]()
    for event in events:
        wanted[event.recipient] = after(wanted.get(event.recipient), event)
        said[event.event_id] = event
    changed = {number: now for number, now in wanted.items() if now != known.get(number)}
    confirmable_before = {was.confirmable for was in known.values()}
    new = [now.confirmable for now in changed.values() if now.confirmable not in confirmable_before]
    return changed, [said[event_id] for event_id in new if event_id is not None]
