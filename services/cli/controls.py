"""`heliograph pause|resume|cancel`: campaigns through the API, and the whole plan in the ledger."""

import asyncio

from infra.postgres.pool import create_pool
from infra.postgres.standing import standing_still
from infra.process.masking import mask_loose
from infra.process.world import iso
from services.cli.api import connect
from services.cli.commands import errors_shown, located, prepared
from services.cli.screen import Screen
from services.dispatcher.by_hand import ByHand


def decide(verb: str, campaign_id: str, reason: str, api: str | None) -> None:
    """Pause, resume or cancel one campaign."""

    async def work() -> None:
        async with connect(prepared(), api) as client:
            answer = await client.decide(campaign_id, verb, reason)
        Screen().say(f"{answer.campaign_id} {answer.status}: {answer.message}")

    with errors_shown():
        asyncio.run(work())


def resume_plan() -> None:
    """Clear what blocks the whole plan or makes it wait, and say what it was."""
    settings, screen = located(prepared(), ("DATABASE_URL",)), Screen()
    assert settings.database_url is not None
    dsn = settings.database_url.get_secret_value()

    async def work() -> None:
        async with await create_pool(dsn, "resume", max_size=1) as pool:
            ledger = ByHand(pool)
            block = await ledger.blocked()
            lifted = await ledger.lift()
            for words in lifted:
                screen.say(mask_loose(words))
            if block is None:
                async with pool.acquire() as connection:
                    stills = await standing_still(connection)
                said = "Sending goes on." if lifted else "Nothing is blocked."
                screen.say(said + (" But this stands still:" if stills else ""))
                screen.stills(stills)
                return
            screen.say(f"Blocked since {iso(block.since)}: {mask_loose(block.reason)}")
            gone_on = await ledger.unblock(block)
        screen.say("Sending goes on." if gone_on else "It changed meanwhile: look again.")

    with errors_shown():
        asyncio.run(work())
