"""Topic `dispatches`: what the dispatcher did with each chunk, key `<campaign>.<chunk>`."""

import msgspec

from contracts.events.base import Digits, Event, Id, Timestamp


class Dispatch(Event, kw_only=True):
    """What every event of this topic names: the chunk, the attempt (from 1) and, of a split chunk, the part."""

    campaign_id: Id
    chunk: int
    attempt: int
    part: str = ""


class SendAttempted(Dispatch, tag="SendAttempted.v1", kw_only=True):
    """In the log before a byte leaves: from here on this offer may have reached Sinch.

    `recipients` are exactly those of the request. `reason`: `first`, `absent` (an earlier offer was not there),
    `follow_up` (of a reported failure), `split` (part of a refused chunk). `claim` counts the ledger's claims of this
    offer from 1 (a 429 is claimed again): a ledger that knows fewer is a restored backup. `confirms` is the request's:
    the reply whose opt-out did not keep this offer back.
    """

    client_reference: str
    recipients: list[Digits]
    sender: str
    reason: str = "first"
    claim: int = 1
    confirms: Id | None = None


class BatchAccepted(Dispatch, tag="BatchAccepted.v1", kw_only=True):
    """Sinch has the batch. `recovered`: learned by asking, not from the answer to the POST."""

    client_reference: str
    batch_id: str
    recovered: bool = False


class BatchRefused(Dispatch, tag="BatchRefused.v1", kw_only=True):
    """Sinch said no to the whole batch, for good: `http_status`, and its own `code` and `text` where it gave them."""

    client_reference: str
    http_status: int
    code: str = ""
    text: str = ""


class BatchInDoubt(Dispatch, tag="BatchInDoubt.v1", kw_only=True):
    """Nobody knows yet whether Sinch has the batch. `why`: the sender died, a timeout, a 5xx, an unreadable answer."""

    client_reference: str
    why: str


class BatchExpired(Dispatch, tag="BatchExpired.v1", kw_only=True):
    """Not offered (any more): `reason` says which limit passed. `recipients` as in BatchCancelled."""

    reason: str
    recipients: list[Digits] = msgspec.field(default_factory=list)


class BatchCancelled(Dispatch, tag="BatchCancelled.v1", kw_only=True):
    """Taken back by cancel.

    Before it was offered: final. At Sinch (`provider_said` is then its answer): not final, because messages on their way
    may still be delivered; Sinch's reports decide. `recipients`: whose end this is, where the offer may never have been
    attempted, so that no SendAttempted names them; none: those of the chunk's first, whole offer, or of its SendAttempted.
    """

    actor: str
    provider_said: str = ""
    recipients: list[Digits] = msgspec.field(default_factory=list)


class RecipientsSuppressed(Dispatch, tag="RecipientsSuppressed.v1", kw_only=True):
    """Taken out of the chunk before it was offered, because they opted out."""

    recipients: list[Digits]
    reason: str


class RecipientsRefused(Dispatch, tag="RecipientsRefused.v1", kw_only=True):
    """Sinch named these recipients as the reason of its 400: they are never offered again."""

    recipients: list[Digits]
    code: str = ""
    text: str = ""


class FollowUpScheduled(Dispatch, tag="FollowUpScheduled.v1", kw_only=True):
    """`attempt` failed for these in a way that may pass; the next attempt is due at `due_at`."""

    recipients: list[Digits]
    due_at: Timestamp


class FollowUpGivenUp(Dispatch, tag="FollowUpGivenUp.v1", kw_only=True):
    """No further attempt after `attempt` for these: what was reported is final."""

    recipients: list[Digits]
    reason: str


class DoubtSettled(Dispatch, tag="DoubtSettled.v1", kw_only=True):
    """A doubt was settled by hand, or given up. `verdict`: `accepted`, `absent` or `given_up`.

    `recipients` as in BatchCancelled: a sender can die before its SendAttempted is in the log.
    """

    client_reference: str
    verdict: str
    actor: str
    why: str
    batch_id: str = ""
    recipients: list[Digits] = msgspec.field(default_factory=list)
