"""`heliograph audit campaign|all|consent`: log, tables and Sinch's own lists held against each other."""

import asyncio
from collections import Counter
from typing import Annotated
from uuid import UUID

import asyncpg
import typer

from infra.kafka.connection import connection_from
from infra.kafka.log import Appender, Entry, KafkaConnection
from infra.postgres.pool import Connection
from infra.process.masking import mask_phone
from infra.process.settings import Settings
from infra.process.world import World, iso
from infra.sinch.client import SinchClient
from infra.sinch.transport import Account, Timeouts
from infra.terminal.echo import echo
from services.cli.audit_consent import consent
from services.cli.commands import errors_shown, located, prepared
from services.cli.service import FAILED
from services.projector.audit import Finding, log_against_tables, tables_against_sinch

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Check what must hold between log, tables and Sinch."
)
app.command()(consent)

SHOWN = 50
APPEND_SECONDS = 30.0
CURRENT = "SELECT build FROM live.builds WHERE is_current"
Repair = Annotated[
    bool, typer.Option("--repair", help="Fetch missing delivery reports; they enter as ordinary events.")
]
AtSinch = Annotated[bool, typer.Option("--sinch/--no-sinch", help="Also ask Sinch, batch by batch.")]


@app.command()
def campaign(campaign_id: UUID, *, sinch: AtSinch = True, repair: Repair = False) -> None:
    """Hold one campaign's log, tables and Sinch's reports against each other. Exit code 1 when they differ."""
    _audit(str(campaign_id), sinch=sinch, repair=repair)


@app.command("all")
def every(*, sinch: AtSinch = True, repair: Repair = False) -> None:
    """The same for all campaigns: reads the whole log, and asks Sinch for every batch that it keeps."""
    _audit(None, sinch=sinch, repair=repair)


def _audit(campaign_id: str | None, *, sinch: bool, repair: bool) -> None:
    settings = located(prepared())
    if sinch and not settings.has_sinch_credentials:
        echo("Sinch is not asked: there are no credentials here (SINCH_SERVICE_PLAN_ID, SINCH_API_TOKEN).", err=True)
        sinch = False
    with errors_shown():
        findings = asyncio.run(_found(settings, campaign_id, sinch=sinch, repair=repair))
    for finding in findings[:SHOWN]:
        echo(_line(finding))
    if len(findings) > SHOWN:
        echo(f"… and {len(findings) - SHOWN} more")
    for kind, count in Counter(finding.kind for finding in findings).items():
        echo(f"{kind}: {count}")
    repairs = sum(len(finding.repair) for finding in findings)
    if repair and repairs:
        echo(f"{repairs} reports fetched from Sinch and appended to the log")
    if findings:
        raise typer.Exit(FAILED)
    echo("Log and tables agree" + (", and so does Sinch." if sinch else "; Sinch was not asked."))


async def _found(settings: Settings, campaign_id: str | None, *, sinch: bool, repair: bool) -> list[Finding]:
    assert settings.database_url is not None
    world, kafka = World(), connection_from(settings)
    connection = await asyncpg.connect(settings.database_url.get_secret_value(), timeout=10)
    try:
        build = int(await connection.fetchval(CURRENT))
        findings = [f async for f in log_against_tables(connection, kafka, build, campaign_id)]
        if sinch:
            findings += await _at_sinch(settings, connection, campaign_id, world)
    finally:
        await connection.close(timeout=5)
    if repair:
        await _append(kafka, world, [entry for finding in findings for entry in finding.repair])
    return findings


async def _at_sinch(settings: Settings, connection: Connection, campaign_id: str | None, world: World) -> list[Finding]:
    assert settings.sinch_service_plan_id is not None
    assert settings.sinch_api_token is not None
    account = Account(
        settings.sinch_base_url, settings.sinch_service_plan_id, settings.sinch_api_token.get_secret_value()
    )
    timeouts = Timeouts(total=settings.sinch_http_timeout)
    now = iso(world.clock.wall())
    async with SinchClient.open(account, world.clock, timeouts=timeouts) as client:
        return [f async for f in tables_against_sinch(connection, client, campaign_id, now)]


async def _append(kafka: KafkaConnection, world: World, entries: list[Entry]) -> None:
    if not entries:
        return
    appender = Appender(kafka, world, name="audit")
    await appender.start()
    try:
        await appender.append_all(entries, within=APPEND_SECONDS)
    finally:
        await appender.stop()


def _line(finding: Finding) -> str:
    who = f" +{mask_phone(finding.recipient)}" if finding.recipient else ""
    return f"{finding.reference}{who}: {finding.words}"
