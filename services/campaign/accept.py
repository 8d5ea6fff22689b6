"""A request to send → a campaign in the log. The order of the lines is the guarantee: recorded, published, answered."""

import asyncio
import re
from collections import deque
from contextlib import nullcontext
from datetime import datetime
from http import HTTPStatus
from typing import Any, NamedTuple
from uuid import UUID

import structlog

from contracts.http.campaigns import Pages, SendRequest
from infra.kafka.log import LogError
from infra.postgres.trouble import PASSES
from infra.process.world import World, iso
from services.campaign.access.callers import Caller
from services.campaign.access.caps import Caps, Counted
from services.campaign.addresses import Addresses
from services.campaign.body.ordered import in_pages
from services.campaign.body.pauses import Pauses
from services.campaign.body.reading import BodyHash, Reading
from services.campaign.chunks import Chunk, Template, cut, encoded
from services.campaign.options import Options, read_options
from services.campaign.problems import CorrectTheRequest, TryLater
from services.campaign.publish import Publisher
from services.campaign.recipients import Recipients
from services.campaign.store import Campaign, Earlier, NewCampaign, Outbox, PerhapsRecorded, RepeatKey

log = structlog.get_logger(__name__)

KEY = re.compile(r"[\x20-\x7e]{1,255}")
LOG_RETRY_SECONDS = 5
AWAY: tuple[type[Exception], ...] = (LogError, *PASSES)


class NewBy(NamedTuple):
    """Who asks for a campaign, when, and with which Idempotency-Key."""

    actor: str
    at: datetime
    repeat: RepeatKey | None
    counted: Counted


class Acceptance:
    """Accepts campaigns."""

    def __init__(
        self,
        outbox: Outbox,
        publisher: Publisher,
        addresses: Addresses,
        world: World,
        *,
        caps: Caps,
        default_region: str | None = None,
    ) -> None:
        self._default_region = default_region
        self._outbox = outbox
        self._publisher = publisher
        self._addresses = addresses
        self._caps = caps
        self._world = world
        self._large = asyncio.Lock()
        """Held for a request with very many recipients: a million of them take some hundred megabytes of memory."""

    async def accept(self, request: SendRequest, caller: Caller, key: str | None) -> Campaign:
        """Return when all of the campaign is in the log. Raises ApiErrors.

        With an Idempotency-Key that came before, nothing is sent again: the earlier campaign is returned.
        """
        _check_key(key)
        async with self._large if isinstance(request.recipients, Pages) else nullcontext():
            campaign = await self._recorded(request, caller, key)
        if not campaign.published:
            await self._publish(campaign)
        return campaign

    async def _recorded(self, request: SendRequest, caller: Caller, key: str | None) -> Campaign:
        """The campaign in the outbox, or the earlier one of the same key, which is published."""
        now = self._world.clock.wall()
        options, faults = read_options(request, now)
        reading = Reading(request, caller.default_region or self._default_region, faults, self._world.clock)
        try:
            body_hash = None if key is None else BodyHash()
            await reading.read(body_hash)
            repeat = None if key is None or body_hash is None else RepeatKey(caller.id, key, body_hash.of(request))
            if repeat is not None and (earlier := await self._outbox.earlier(repeat)) is not None:
                return self._again(earlier, repeat)
            reading.refuse_faults()
            given = reading.recipients.parameters
            counted = await self._caps.check(caller, request.message, options.parameters, given)
            new = await self._prepare(request, reading.recipients, options, NewBy(caller.id, now, repeat, counted))
            return new.campaign if await self._record(new) else await self._lost_the_race(new)
        finally:
            await reading.forget()

    async def _prepare(self, request: SendRequest, recipients: Recipients, options: Options, by: NewBy) -> NewCampaign:
        """Cut it into chunks, in slices, so that others on this event loop are not held up."""
        campaign_id, pauses = self._world.ids.uuid7(), Pauses(self._world.clock)
        template = Template(campaign_id, iso(by.at), by.actor, request.message, request.name, request.sender, options)
        chunks: deque[Chunk] = deque()
        for chunk in cut(template, recipients.parameters):
            chunks.append(chunk)
            await pauses.when_due()
        count, sizes = len(chunks), [len(chunk.recipients) for chunk in chunks]
        events: list[bytes] = []
        while chunks:  # each is let go of by itself: very many at once take long
            events.append(encoded(template, len(events), count, chunks.popleft()))
            await pauses.when_due()
        people = await in_pages(recipients.names, pauses)
        campaign = Campaign(
            campaign_id=campaign_id,
            name=request.name,
            body=request.message,
            sender=request.sender,
            actor=by.actor,
            duplicates=recipients.duplicates,
            chunk_recipients=sizes,
            created_at=by.at,
        )
        return NewCampaign(campaign, events, recipients.names, by.repeat, options, people, by.counted)

    async def _record(self, new: NewCampaign) -> bool:
        try:
            recorded = await self._outbox.record(new)
        except PerhapsRecorded as error:
            log.warning("database_away", campaign_id=str(new.campaign.campaign_id), error=repr(error.__cause__))
            detail = (
                "The database broke off, so it is not known whether the campaign was recorded. "
                "Post it again with the same Idempotency-Key; without one, look first at its address."
            )
            raise TryLater(detail, code="perhaps_recorded", **self._where(new.campaign.campaign_id)) from error
        if recorded:
            made, parts = new.campaign, new.counted.parts
            log.info(
                "campaign_accepted",
                campaign_id=str(made.campaign_id), actor=made.actor, count=made.recipients, parts=parts,
            )  # fmt: skip
        return recorded

    async def _lost_the_race(self, new: NewCampaign) -> Campaign:
        """An equal request came in at the same time and was first."""
        assert new.key is not None
        earlier = await self._outbox.earlier(new.key)
        if earlier is None:
            raise TryLater("Another request with the same Idempotency-Key was just withdrawn. Try again.")
        return self._again(earlier, new.key)

    async def _publish(self, campaign: Campaign) -> None:
        try:
            await self._publisher.publish(campaign.campaign_id)
        except AWAY as error:
            log.warning("campaign_waits", campaign_id=str(campaign.campaign_id), error=repr(error))
            detail = (
                f"The campaign {campaign.campaign_id} is recorded and will be sent as soon as the log is back. "
                "Do not post it again, unless with the same Idempotency-Key: it would be sent twice."
            )
            raise TryLater(
                detail,
                code="recorded_not_published",
                retry_after=LOG_RETRY_SECONDS,
                **self._where(campaign.campaign_id),
            ) from error

    def _again(self, earlier: Earlier, repeat: RepeatKey) -> Campaign:
        """What a repeated key gets: the earlier campaign, unless it was for something else or is not finished."""
        if earlier.body_hash != repeat.body_hash:
            detail = "This Idempotency-Key came before with another body. Use a new key for a new campaign."
            status = HTTPStatus.UNPROCESSABLE_ENTITY
            raise CorrectTheRequest(detail, status=status, code="idempotency_key_reused")
        if not earlier.campaign.published:
            detail = "The request with this Idempotency-Key is still being worked on. Ask again in a moment."
            status = HTTPStatus.CONFLICT
            where = self._where(earlier.campaign.campaign_id)
            raise TryLater(detail, status=status, code="still_running", **where)
        return earlier.campaign

    def _where(self, campaign_id: UUID) -> dict[str, Any]:
        return {"campaign_id": str(campaign_id), "status_url": self._addresses.campaign(campaign_id)}


def _check_key(key: str | None) -> None:
    if key is not None and not KEY.fullmatch(key):
        detail = "The header Idempotency-Key takes 1 to 255 printable ASCII characters."
        raise CorrectTheRequest(detail, code="invalid_idempotency_key")
