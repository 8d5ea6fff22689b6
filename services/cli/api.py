"""A client of our own public API, for `send`, `status` and the demo: nothing here knows more than any client."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec

from contracts.http.campaigns import CampaignAnswer, CampaignPage, SendAnswer
from contracts.http.controls import ControlAnswer
from infra.postgres.standing import Still
from infra.process.home import Home
from infra.process.settings import Settings

TIMEOUT_SECONDS = 30.0
FIRST_ERROR = 400
SERVER_ERROR = 500
LATER = frozenset({409, 429})  # the first try of the same request is still being worked on; too many at once


class ApiRefused(Exception):  # noqa: N818  named by what it says
    """The API answered with a problem, or not at all; the text is for people."""


class NoAnswer(ApiRefused):
    """The API could not be reached, or said that it cannot answer at this moment: the same call may be made again."""


class Api:
    """The calls that the command line makes."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def send(
        self, recipients: Sequence[str], message: str, sender: str | None = None, key: str | None = None
    ) -> SendAnswer:
        """Send one message to some recipients. With `key` (Idempotency-Key) the call may be made again: one campaign."""
        body: dict[str, Any] = {"recipients": list(recipients), "message": message}
        if sender is not None:
            body["from"] = sender
        headers = {"Idempotency-Key": key} if key else {}
        return SendAnswer.model_validate(await self._call("POST", "/api/campaigns/send", body, headers))

    async def campaign(self, campaign_id: str) -> CampaignAnswer:
        """One campaign."""
        return CampaignAnswer.model_validate(await self._call("GET", f"/api/campaigns/{campaign_id}"))

    async def campaigns(self) -> list[CampaignAnswer]:
        """The newest campaigns."""
        return CampaignPage.model_validate(await self._call("GET", "/api/campaigns")).campaigns

    async def decide(self, campaign_id: str, verb: str, reason: str = "") -> ControlAnswer:
        """Pause, resume or cancel a campaign: `verb` is the last step of the address."""
        path = f"/api/campaigns/{quote(campaign_id, safe='')}/{verb}"
        return ControlAnswer.model_validate(await self._call("POST", path, {"reason": reason}))

    async def standing_still(self) -> list[Still]:
        """What stands still, as /readyz says it; nothing where it says nothing of it."""
        try:
            async with self._session.get("/readyz") as response:
                answer = await response.json(content_type=None)
            return msgspec.convert(answer.get("standing_still", []), list[Still])
        except (aiohttp.ClientError, TimeoutError, ValueError, AttributeError):  # msgspec's own is a ValueError
            return []

    async def _call(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] = MappingProxyType({})
    ) -> Any:
        try:
            async with self._session.request(method, path, json=body, headers=headers) as response:
                answer = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise NoAnswer(f"no answer from the API: {error}; does `heliograph run` run?") from error
        if response.status >= FIRST_ERROR:
            faults = "".join(f"\n  {fault.get('value')}: {fault.get('detail')}" for fault in answer.get("errors", ()))
            refused = NoAnswer if response.status in LATER or response.status >= SERVER_ERROR else ApiRefused
            raise refused(f"{answer.get('detail', response.reason)}{faults}")
        return answer


@asynccontextmanager
async def connect(settings: Settings, base: str | None = None) -> AsyncIterator[Api]:
    """The API at `base`, else where `run` says it is, else on PORT; with the first key there is."""
    home = Home(settings.heliograph_home)
    running = home.read_run()
    address = base or (running.api if running else f"http://127.0.0.1:{settings.port}")
    key = settings.api_keys[0].secret.get_secret_value() if settings.api_keys else home.found_secret("api_key")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    async with aiohttp.ClientSession(address, headers=headers, timeout=timeout) as session:
        yield Api(session)
