"""`heliograph restore log`: the log is told what it lacks, by the ledger or by Sinch."""

from collections import Counter
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import typer

from infra.kafka.log import Entry
from infra.process.world import iso
from infra.sinch.client import SinchClient
from infra.sinch.outcomes import SinchError
from infra.sinch.transport import Account, Timeouts
from infra.sinch.wire.batches import LIST_WINDOW_SECONDS
from infra.terminal.echo import echo
from services.cli.restore.place import APPEND_SECONDS, Place, Refused
from services.dispatcher.clocks import LISTED, WINDOW
from services.dispatcher.doubt import Rule
from services.dispatcher.restoring import from_ledger, from_sinch
from services.dispatcher.restoring.asking import batches_of_ours
from services.dispatcher.restoring.known import Known

SHOWN = 20
AT_ONCE = 500
"""Events to append before the next are made."""


class Source(StrEnum):
    """Who tells the log."""

    ledger = "ledger"
    sinch = "sinch"


async def lacking_of_ledger(place: Place) -> list[Entry]:
    """What the ledger knows and the log does not."""
    if place.settings.privacy_key is None:
        raise Refused("PRIVACY_KEY is needed: opt-outs stand in the log under pseudonyms that it makes.")
    known = await Known.of(place.kafka)
    key, now = place.settings.privacy_key.get_secret_value(), place.world.clock.wall()
    portions = from_ledger.lacking(place.database, known, key, now)
    return [entry async for portion in portions for entry in portion]


async def lacking_of_sinch(place: Place, since: datetime) -> list[Entry]:
    """What Sinch has and the log does not know of."""
    now = place.world.clock.wall()
    if since < now - LISTED:
        raise Refused(
            f"Sinch lists the batches of {timedelta(seconds=LIST_WINDOW_SECONDS).days} days, and {iso(since)} is before that: "
            "nobody can know what was sent in between. Cancel the campaigns of that time before you start a dispatcher."
        )
    try:
        async with _client(place) as client:
            rule = Rule(place.settings.in_doubt_looks, place.settings.in_doubt_settle)
            start = max(since - WINDOW, now - LISTED)
            found = from_sinch.by_chunk(await batches_of_ours(client, start, rule, place.world, _tell))
    except SinchError as error:
        raise Refused(f"Sinch did not show its whole list ({error}): nothing was changed. Try again.") from None
    known = await Known.of(place.kafka, found.keys())
    _tell_unknown({chunk: batches for chunk, batches in found.items() if chunk not in known.chunks})
    now = place.world.clock.wall()
    return [entry for chunk in sorted(found) for entry in from_sinch.lacking(chunk, found[chunk], known, now)]


def _tell(batches: int) -> None:
    echo(f"Sinch lists {batches:,} batches of ours.")


def _tell_unknown(found: dict[tuple[str, int], list[from_sinch.Found]]) -> None:
    """Campaigns whose request is lost: whoever made them must know what of them was sent."""
    sent: Counter[str] = Counter()
    for (campaign_id, _), batches in found.items():
        sent[campaign_id] += len({who for batch in batches for who in batch.recipients})
    for campaign_id, recipients in sorted(sent.items())[:SHOWN]:
        echo(f"  campaign {campaign_id} is not in the log, and {recipients:,} of its recipients were sent to")
    if sent:
        echo(
            f"{len(sent)} campaigns are not in the log: they do not go on, and a client that repeats one makes a second."
        )


def _client(place: Place) -> AbstractAsyncContextManager[SinchClient]:
    settings = place.settings
    if settings.sinch_service_plan_id is None or settings.sinch_api_token is None:
        raise Refused("SINCH_SERVICE_PLAN_ID and SINCH_API_TOKEN are needed to ask Sinch.")
    account = Account(
        settings.sinch_base_url, settings.sinch_service_plan_id, settings.sinch_api_token.get_secret_value()
    )
    return SinchClient.open(account, place.world.clock, timeouts=Timeouts(total=settings.sinch_http_timeout))


def moment(text: str) -> datetime:
    """A moment as an operator types it; without an offset it is UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("written as in 2026-03-01T12:00Z", param_hint="--since") from None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


async def append(place: Place, entries: list[Entry], done: Entry) -> None:
    """All of them, in their order, then the word that it was done."""
    async with place.appender() as appender:
        for first in range(0, len(entries), AT_ONCE):
            await appender.append_all(entries[first : first + AT_ONCE], within=APPEND_SECONDS)
        await appender.append(done, within=APPEND_SECONDS)


def kinds(entries: list[Entry]) -> str:
    """How many of each topic, in words."""
    counts = Counter(entry.topic for entry in entries)
    return ", ".join(f"{count:,} for {topic}" for topic, count in sorted(counts.items()))
