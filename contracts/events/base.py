"""What every event has, and how it becomes bytes (decision 0001: msgspec)."""

from typing import Annotated, dataclass_transform

import msgspec
from msgspec import Meta

Timestamp = Annotated[str, Meta(min_length=24, max_length=24)]
"""`YYYY-MM-DDTHH:MM:SS.mmmZ`: UTC, milliseconds. Of fixed form, so its order as text is its order in time."""

Id = Annotated[str, Meta(min_length=36, max_length=36)]
"""A UUID in its usual text form."""

Digits = Annotated[str, Meta(min_length=5, max_length=15)]
"""A phone number as E.164 digits, without `+`. Fits a `bigint`. (A pattern here would double the time to decode.)"""


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(msgspec.field,))
class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True, gc=False):
    """A fact. `type` is `Name.vN`; a change that an old example cannot pass is a new version.

    `event_id` is derived from the content where a fact can be published twice; `occurred_at` is when it happened as
    far as the writer knows.
    """

    event_id: Id
    occurred_at: Timestamp


_encoder = msgspec.json.Encoder()


def encode(event: Event) -> bytes:
    """The event as it stands in the log: one flat JSON object."""
    return _encoder.encode(event)
