"""A campaign cut into chunks: one chunk = one Kafka record = one Sinch batch (DESIGN §3)."""

from collections.abc import Iterator, Mapping
from uuid import UUID

import msgspec

from contracts.events import CampaignRequested, encode
from contracts.identity import derived_id
from services.campaign.options import Options

MAX_RECIPIENTS = 1_000  # Sinch takes no more in one batch (CONTRACT §1.1)
MAX_BYTES = 512_000  # of an encoded chunk; far enough below Kafka's limit of about 1 MB a record

_WIDEST = 999_999
"""A chunk number at its longest, for measuring before the number is known."""


class Chunk(msgspec.Struct, frozen=True):
    """Recipients that go together, with the parameters that some of them have, in the order of the input."""

    recipients: list[str]
    parameters: dict[str, dict[str, str]]


class Template(msgspec.Struct, frozen=True):
    """What all chunks of a campaign have in common."""

    campaign_id: UUID
    occurred_at: str
    actor: str
    body: str
    name: str | None = None
    sender: str | None = None
    options: Options = Options()

    def event(self, number: int, count: int, chunk: Chunk) -> CampaignRequested:
        """Chunk `number` of `count` as it goes into the log. The same chunk always gives the same `event_id`."""
        campaign_id = str(self.campaign_id)
        return CampaignRequested(
            event_id=derived_id("CampaignRequested", campaign_id, number),
            occurred_at=self.occurred_at,
            campaign_id=campaign_id,
            chunk=number,
            chunks=count,
            actor=self.actor,
            body=self.body,
            recipients=chunk.recipients,
            name=self.name,
            sender=self.sender,
            parameters=self._parameters(chunk) or None,
            send_at=self.options.send_at,
            expire_at=self.options.expire_at,
            priority=self.options.priority,
            delivery_policy=self.options.delivery_policy,
            retry_delays=self.options.retry_delays,
        )

    def _parameters(self, chunk: Chunk) -> dict[str, dict[str, str]]:
        """The recipients' own values, with what holds for all others under Sinch's `default` (CONTRACT §1.1)."""
        parameters = dict(chunk.parameters)
        for key, value in self.options.parameters.items():
            parameters[key] = parameters.get(key, {}) | {"default": value}
        return parameters


def cut(template: Template, recipients: Mapping[str, Mapping[str, str]]) -> Iterator[Chunk]:
    """Chunks of at most 1,000 recipients and 512 KB, in the order of the input."""
    room = MAX_BYTES - len(encode(template.event(_WIDEST, _WIDEST, Chunk([], {"": {}}))))
    chunk, size = Chunk([], {}), 0
    for digits, given in recipients.items():
        added = _size(digits, given)
        if chunk.recipients and (len(chunk.recipients) == MAX_RECIPIENTS or size + added > room):
            yield chunk
            chunk, size = Chunk([], {}), 0
        chunk.recipients.append(digits)
        for key, value in given.items():
            chunk.parameters.setdefault(key, {})[digits] = value
        size += added
    if chunk.recipients:
        yield chunk


def _size(digits: str, given: Mapping[str, str]) -> int:
    """At most so many bytes of JSON are added by this recipient: `"digits",` and, a parameter, `"key":{"digits":value},`."""
    size = len(digits) + 3
    for key, value in given.items():
        size += len(key) + 6 + len(digits) + 4 + len(msgspec.json.encode(value))
    return size


def encoded(template: Template, number: int, count: int, chunk: Chunk) -> bytes:
    """The record's value."""
    return encode(template.event(number, count, chunk))
