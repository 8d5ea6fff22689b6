"""Topics `projection-control` and `dead-letters`: what could not be read, and what people decided about it."""

from contracts.events.base import Event


class RecordDecision(Event, kw_only=True):
    """Names one record of the log: `topic` (without prefix), `partition`, `offset`."""

    topic: str
    partition: int
    offset: int
    reason: str = ""
    actor: str = ""


class RecordParked(RecordDecision, tag="RecordParked.v1", kw_only=True):
    """The projector could not fold this record; the others went on."""


class RecordRetried(RecordDecision, tag="RecordRetried.v1", kw_only=True):
    """An operator asked for another try."""


class RecordDropped(RecordDecision, tag="RecordDropped.v1", kw_only=True):
    """An operator decided that this record has no effect."""


class GapAccepted(Event, tag="GapAccepted.v1", kw_only=True):
    """An operator accepts that `service` goes on without the records of a partition before `offset`: the log lost them."""

    service: str
    topic: str
    partition: int
    offset: int
    reason: str
    actor: str


class Restored(Event, tag="Restored.v1", kw_only=True):
    """An operator restored something after a loss: `what` (`ledger`, `log`) from `source` (`log`, `ledger`, `sinch`).

    `said` counts the events that this put into the log. It changes nothing by itself: it says who did it, and why.
    """

    what: str
    source: str
    reason: str
    actor: str
    said: int = 0


class DeadLetter(Event, tag="DeadLetter.v1", kw_only=True):
    """Something that came in and could not be read, with its bytes (base64 in JSON) and where it came from.

    `origin` is a topic (then with `partition` and `offset`) or an HTTP path.
    """

    origin: str
    reason: str
    raw: bytes
    partition: int | None = None
    offset: int | None = None
    truncated: bool = False


class DeadLetterRedriven(Event, tag="DeadLetterRedriven.v1", kw_only=True):
    """Dead letter `dead_letter_id` was fed in again."""

    dead_letter_id: str
    actor: str


class DeadLetterDropped(Event, tag="DeadLetterDropped.v1", kw_only=True):
    """Dead letter `dead_letter_id` was looked at and is not needed."""

    dead_letter_id: str
    actor: str
    reason: str
