"""When and how a campaign wants to be sent: the request's options → fields of CampaignRequested, or what is wrong."""

from datetime import datetime, timedelta

import msgspec

from contracts.http.campaigns import SendRequest
from contracts.http.problems import Fault
from infra.sinch.wire.senders import sender_fault
from infra.sinch.wire.timestamps import NotATimestamp, moment, write
from services.campaign.faults import shown

LONGEST_LIFE = timedelta(days=3)
"""Sinch's own default and limit of expire_at, counted from send_at (CONTRACT §1.1)."""

LONGEST_AGO = timedelta(days=1)
"""A request that waited in a queue, or a client whose clock is behind, means now. An older time is a mistake."""
FARTHEST = timedelta(days=366)

NOT_A_MOMENT = "must be a time of ISO 8601, such as 2026-03-01T12:00:00Z or 2026-03-01T13:00:00+01:00"
PAST = "must be in the future"
LONG_AGO = "is more than a day ago: leave it out to send at once"
TOO_FAR = "is more than a year ahead, which nobody means"
AT_ONCE = "`send_at` ({send_at}) had passed when the request came, so the campaign is sent at once."
NOT_AFTER = "must be later than `send_at`"
TOO_LATE = "may be at most 3 days after `send_at`, or after now where that is later"


class Options(msgspec.Struct, frozen=True, omit_defaults=True):
    """As CampaignRequested has them. `parameters`: the value of each placeholder for who has none of his own."""

    send_at: str | None = None
    expire_at: str | None = None
    priority: int = 0
    delivery_policy: str = "at_most_once"
    retry_delays: list[int] = msgspec.field(default_factory=list)
    parameters: dict[str, str] = msgspec.field(default_factory=dict)


def read_options(request: SendRequest, now: datetime) -> tuple[Options, list[Fault]]:
    """The options, and everything that is wrong with them at the moment `now`."""
    faults: list[Fault] = []
    send_at = _moment("/send_at", request.send_at, faults)
    expire_at = _moment("/expire_at", request.expire_at, faults)
    if send_at is not None and (why := _cannot_begin(send_at, now)):
        faults.append(Fault(pointer="/send_at", value=shown(request.send_at), detail=why))
    if expire_at is not None and (why := _too_early_or_late(expire_at, send_at, now)):
        faults.append(Fault(pointer="/expire_at", value=shown(request.expire_at), detail=why))
    if request.sender is not None and (why_not := sender_fault(request.sender)):
        faults.append(Fault(pointer="/from", value=request.sender, detail=why_not))
    options = Options(
        send_at=None if send_at is None else write(send_at),
        expire_at=None if expire_at is None else write(expire_at),
        priority=request.priority,
        delivery_policy=request.delivery_policy,
        retry_delays=request.retry.delays if request.retry else [],
        parameters=request.parameters or {},
    )
    return options, faults


def notes_of(request: SendRequest, accepted_at: datetime) -> list[str]:
    """What a client should know of how its accepted request was read."""
    if request.send_at is None or moment(request.send_at) >= accepted_at:
        return []
    return [AT_ONCE.format(send_at=request.send_at)]


def _cannot_begin(send_at: datetime, now: datetime) -> str:
    """Why a campaign cannot begin then; empty when it can."""
    if send_at < now - LONGEST_AGO:
        return LONG_AGO
    return TOO_FAR if send_at > now + FARTHEST else ""


def _moment(pointer: str, text: str | None, faults: list[Fault]) -> datetime | None:
    try:
        return None if text is None else moment(text)
    except NotATimestamp:
        faults.append(Fault(pointer=pointer, value=shown(text), detail=NOT_A_MOMENT))
        return None


def _too_early_or_late(expire_at: datetime, send_at: datetime | None, now: datetime) -> str:
    """Why a campaign cannot expire then; empty when it can."""
    if expire_at <= now:
        return PAST
    if send_at is not None and expire_at <= send_at:
        return NOT_AFTER
    begins = now if send_at is None else max(now, send_at)
    return TOO_LATE if expire_at - begins > LONGEST_LIFE else ""
