"""Topics `inbound-messages` and `consent`: what recipients said. Keys are pseudonyms, never numbers."""

from contracts.events.base import Digits, Event, Id, Timestamp


class InboundReceived(Event, tag="InboundReceived.v1", kw_only=True):
    """A reply. `kind`: `text`, `binary` or `media`; `keyword` is the consent word it amounts to, if any.

    `originator` is empty where it was not told; `received_at` is then the arrival. `mended`: what of the callback could
    not be read as it stood, in words; `extra` then holds what came instead. `verdict`, by the words of then: `opt_out`,
    `probably` (an opt-out, which a person has to judge), `opt_in`, `help` or `none`; absent: judged by a gateway of before,
    which knew no verdicts, and therefore by the dispatcher.
    """

    inbound_id: str
    sender: Digits
    originator: str
    kind: str
    received_at: Timestamp
    body: str = ""
    udh: str | None = None
    media: list[dict[str, object]] | None = None
    operator: str | None = None
    sent_at: Timestamp | None = None
    client_reference: str | None = None
    keyword: str | None = None
    extra: dict[str, object] | None = None
    mended: list[str] | None = None
    verdict: str | None = None


class Consent(Event, kw_only=True):
    """What both consent events have. Ordered by `received_at` (Sinch's), a tie counts as opted out.

    `source`: `reply`, `api`, `operator` (who settled a reply that was in doubt) or `delivery_code`. `originator` is the
    number of ours that was replied to.
    """

    recipient: Digits
    received_at: Timestamp
    source: str
    actor: str = ""
    keyword: str = ""
    originator: str = ""
    reason: str = ""


class RecipientOptedOut(Consent, tag="RecipientOptedOut.v1", kw_only=True):
    """Nothing more is sent to this number."""


class RecipientOptedIn(Consent, tag="RecipientOptedIn.v1", kw_only=True):
    """From here on the number may be sent to again."""


class OptOutSuspected(Event, tag="OptOutSuspected.v1", kw_only=True):
    """A reply is probably an opt-out: nothing is sent to this number until a person has settled it.

    `reply` is the event_id of its InboundReceived, `inbound_id` Sinch's id of it, `words` what made it probable.
    """

    recipient: Digits
    received_at: Timestamp
    inbound_id: str
    reply: Id
    words: str = ""


class OptOutDismissed(Event, tag="OptOutDismissed.v1", kw_only=True):
    """A person read the reply `inbound_id` and says that it opts nobody out; nor does what the number wrote before it.

    `received_at` is that reply's.
    """

    recipient: Digits
    received_at: Timestamp
    inbound_id: str
    actor: str
    reason: str
