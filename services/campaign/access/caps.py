"""How much one request may send, and where to: judged before anything is stored."""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec

from contracts.http.problems import Fault
from infra.process.settings import Settings
from infra.process.world import Clock
from services.campaign.access.callers import Caller
from services.campaign.access.countries import Countries, country_of
from services.campaign.access.message_parts import MessageParts
from services.campaign.body.pauses import Pauses
from services.campaign.faults import Faults
from services.campaign.problems import CorrectTheRequest

AT_A_TIME = 500  # recipients between two looks at the time

Recipients = Mapping[str, Mapping[str, str]]
"""By number (E.164 digits) the values of its placeholders."""


class Counted(msgspec.Struct, frozen=True):
    """A campaign's message parts, and how many its key may send in a day; None: any number."""

    parts: int
    parts_per_day: int | None


class Caps:
    """The settings' limits, which a key's own go before."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._per_request = settings.parts_per_request
        self._per_day = settings.parts_per_day
        self._countries = settings.allowed_countries
        self._clock = clock

    async def check(self, caller: Caller, body: str, defaults: Mapping[str, str], recipients: Recipients) -> Counted:
        """Count the parts. Raises CorrectTheRequest: 403 for countries that are not allowed, 422 for too many parts."""
        limits = caller.limits
        allowed = self._countries if limits.countries is None else limits.countries
        if allowed:
            await self._check_countries(caller, allowed, recipients)
        parts = await MessageParts(body, defaults).of_all(recipients, self._clock)
        most = limits.parts_per_request or self._per_request
        if parts > most:
            raise _too_many(caller, parts, most, len(recipients))
        return Counted(parts, limits.parts_per_day or self._per_day)

    async def _check_countries(self, caller: Caller, allowed: tuple[str, ...], recipients: Recipients) -> None:
        countries, pauses, faults = Countries(allowed), Pauses(self._clock), Faults()
        for number, digits in enumerate(recipients):
            if not countries.allow(digits):
                faults.add(Fault(pointer="/recipients", value=f"+{digits}", detail=f"is of {country_of(digits)}"))
            if number % AT_A_TIME == 0:
                await pauses.when_due()
        if faults.count:
            detail = (
                f"{faults.count:,} of {len(recipients):,} recipients are of countries to which the key {caller.id} may not "
                f"send; it may send to {', '.join(allowed)}. Nothing was sent. Leave them out, or have the countries "
                f"allowed: ALLOWED_COUNTRIES, or a key made with --country."
            )
            raise CorrectTheRequest(
                detail, status=HTTPStatus.FORBIDDEN, code="country_not_allowed", errors=faults, allowed=list(allowed)
            )


def _too_many(caller: Caller, parts: int, most: int, recipients: int) -> CorrectTheRequest:
    detail = (
        f"This campaign has {parts:,} message parts ({recipients:,} recipients, {parts / recipients:.3g} parts each); "
        f"a request of the key {caller.id} may have {most:,}. Nothing was sent. Shorten the text, send it to fewer, or have "
        f"the limit raised: PARTS_PER_REQUEST, or a key made with --parts-per-request."
    )
    return CorrectTheRequest(
        detail, status=HTTPStatus.UNPROCESSABLE_ENTITY, code="too_many_parts", parts=parts, limit=most
    )
