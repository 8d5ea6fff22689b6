"""Topics `inbound-messages` and `consent`: what recipients said. Keys are pseudonyms, never numbers."""

from contracts.events.base import Digits, Event, Timestamp


class InboundReceived(Event, tag="InboundReceived.v1", kw_only=True):
    """A reply. `kind`: `text`, `binary` or `media`; `keyword` is the consent word it amounts to, if any.

    `originator` is empty where it was not told; `received_at` is then the arrival. `mended`: what of the callback could
    not be read as it stood, in words; `extra` then holds what came instead.
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


class Consent(Event, kw_only=True):
    """What both consent events have. Ordered by `received_at` (Sinch's), a tie counts as opted out.

    `source`: `reply`, `api` or `delivery_code`. `originator` is the number of ours that was replied to.
    """

    recipient: Digits
    received_at: Timestamp
    source: str
    actor: str = ""
    keyword: str = ""
    originator: str = ""


class RecipientOptedOut(Consent, tag="RecipientOptedOut.v1", kw_only=True):
    """Nothing more is sent to this number."""


class RecipientOptedIn(Consent, tag="RecipientOptedIn.v1", kw_only=True):
    """From here on the number may be sent to again."""
