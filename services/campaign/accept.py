"""A request to send → a campaign in the log. The order of the lines is the guarantee: recorded, published, answered."""

import hashlib
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from uuid import UUID

import orjson
import structlog

from contracts.http.campaigns import SendRequest
from contracts.http.problems import Fault
from infra.kafka.log import LogError
from infra.postgres.trouble import PASSES
from infra.process.world import World, iso
from services.campaign.addresses import Addresses
from services.campaign.chunks import Template, cut, encoded
from services.campaign.faults import in_words
from services.campaign.options import read_options
from services.campaign.phones import NO_SUCH_REGION, is_region
from services.campaign.problems import CorrectTheRequest, TryLater
from services.campaign.publish import Publisher
from services.campaign.recipients import Recipients
from services.campaign.store import Campaign, Earlier, NewCampaign, Outbox, PerhapsRecorded, RepeatKey

log = structlog.get_logger(__name__)

READ_AT_ONCE = 1_000  # recipients between two breaths of the event loop: a few milliseconds
KEY = re.compile(r"[\x20-\x7e]{1,255}")
LOG_RETRY_SECONDS = 5
AWAY: tuple[type[Exception], ...] = (LogError, *PASSES)


class Acceptance:
    """Accepts campaigns."""

    def __init__(
        self,
        outbox: Outbox,
        publisher: Publisher,
        addresses: Addresses,
        world: World,
        default_region: str | None = None,
    ) -> None:
        self._default_region = default_region
        self._outbox = outbox
        self._publisher = publisher
        self._addresses = addresses
        self._world = world

    async def accept(self, request: SendRequest, actor: str, key: str | None) -> Campaign:
        """Return when all of the campaign is in the log. Raises ApiErrors.

        With an Idempotency-Key that came before, nothing is sent again: the earlier campaign is returned.
        """
        repeat = _repeat_key(request, actor, key)
        if repeat is not None and (earlier := await self._outbox.earlier(repeat)) is not None:
            return self._again(earlier, repeat)
        new = await self._prepare(request, actor, repeat)
        if not await self._record(new):
            return await self._lost_the_race(new)
        await self._publish(new.campaign)
        return new.campaign

    async def _prepare(self, request: SendRequest, actor: str, repeat: RepeatKey | None) -> NewCampaign:
        """Read, check and cut everything, in slices, so that others on this event loop are not held up."""
        now, campaign_id = self._world.clock.wall(), self._world.ids.uuid7()
        options, faults = read_options(request, now)
        recipients = await self._read(request, faults)
        template = Template(campaign_id, iso(now), actor, request.message, request.name, request.sender, options)
        chunks = []
        for chunk in cut(template, recipients.parameters):
            chunks.append(chunk)
            await self._world.clock.sleep(0)
        events = []
        for number, chunk in enumerate(chunks):
            events.append(encoded(template, number, len(chunks), chunk))
            await self._world.clock.sleep(0)
        campaign = Campaign(
            campaign_id=campaign_id,
            name=request.name,
            body=request.message,
            sender=request.sender,
            actor=actor,
            duplicates=recipients.duplicates,
            chunk_recipients=[len(chunk.recipients) for chunk in chunks],
            created_at=now,
        )
        return NewCampaign(campaign, events, recipients.names, repeat, options)

    async def _read(self, request: SendRequest, faults: list[Fault]) -> Recipients:
        """Every recipient, unless something is wrong with one or was found before: then all that is wrong is told."""
        region = request.default_region
        if region is not None and not is_region(region):
            faults = [Fault(pointer="/default_region", value=region, detail=NO_SUCH_REGION), *faults]
            region = None
        recipients = Recipients(region or self._default_region)
        for first in range(0, len(request.recipients), READ_AT_ONCE):
            recipients.read(request.recipients[first : first + READ_AT_ONCE], first)
            await self._world.clock.sleep(0)
        if not request.message.strip():
            faults = [Fault(pointer="/message", value=request.message, detail="must not be empty"), *faults]
        if faults:
            raise CorrectTheRequest(in_words(faults), errors=[*faults, *recipients.faults])
        if recipients.faults:
            raise _refused(recipients.faults, of=len(request.recipients))
        return recipients

    async def _record(self, new: NewCampaign) -> bool:
        try:
            return await self._outbox.record(new)
        except PerhapsRecorded as error:
            log.warning("database_away", campaign_id=str(new.campaign.campaign_id), error=repr(error.__cause__))
            detail = (
                "The database broke off, so it is not known whether the campaign was recorded. "
                "Post it again with the same Idempotency-Key; without one, look first at its address."
            )
            raise TryLater(detail, code="perhaps_recorded", **self._where(new.campaign.campaign_id)) from error

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


def _repeat_key(request: SendRequest, actor: str, key: str | None) -> RepeatKey | None:
    if key is None:
        return None
    if not KEY.fullmatch(key):
        detail = "The header Idempotency-Key takes 1 to 255 printable ASCII characters."
        raise CorrectTheRequest(detail, code="invalid_idempotency_key")
    options = request.model_dump(exclude={"recipients"}, exclude_unset=True)
    canonical = orjson.dumps([request.recipients, options], option=orjson.OPT_SORT_KEYS)
    return RepeatKey(actor, key, hashlib.sha256(canonical).digest())


def _refused(faults: Sequence[Fault], of: int) -> CorrectTheRequest:
    wrong = len({fault.pointer.split("/")[2] for fault in faults})
    detail = f"{wrong:,} of {of:,} recipients cannot be accepted, and nothing was sent: see `errors`."
    return CorrectTheRequest(detail, errors=faults, code="invalid_recipients")
