"""`heliograph explain CAMPAIGN PHONE`: the history of one message in plain words, from the tables alone."""

from datetime import datetime
from uuid import UUID

import asyncpg
import typer

from contracts.codes import code_of
from contracts.statuses import OURS, SINCH, UNRECOGNISED, standing_of
from infra.postgres.pool import Connection
from infra.process.masking import mask_phone
from infra.process.world import iso
from infra.terminal.echo import echo
from services.cli.commands import errors_shown, located, prepared
from services.cli.service import FAILED

MESSAGE = "SELECT * FROM live.messages WHERE campaign_id = $1 AND recipient = $2"
OFFERS = "SELECT * FROM live.batches WHERE campaign_id = $1 AND chunk = $2 ORDER BY attempt, part"
EVENTS = """
SELECT * FROM live.history_of($1, $2) ORDER BY occurred_at, logged_at, rank, event_id
"""
INCIDENTS = "SELECT * FROM live.incidents WHERE campaign_id = $1 AND recipient = $2"

MARKS = {
    "late": "came late: something that outranks it was known already, so it changed nothing",
    "contradicts": "contradicts a final report of the same attempt that was known already; that one stands",
    "unmade": "counts for nothing: nobody offered this attempt, or the log has not said so yet",
    "overruled": "was final, and a later report of the same attempt outranks it",
}
WORDS = {
    "SendAttempted": "is offered to Sinch again",
    "FollowUpScheduled": "will be sent again, due",
    "FollowUpGivenUp": "will not be sent again:",
    "RecipientsSuppressed": "was left out, because it",
    "RecipientsRefused": "was refused by Sinch:",
    "BatchCancelled": "was cancelled before it was offered",
    "BatchExpired": "was not offered:",
    "DoubtSettled": "is settled by hand, or given up:",
    "ReportNeverCame": "never got a final report:",
}


async def explain_message(campaign: str, phone: str) -> None:
    """Print what happened to one message, in the order in which it happened."""
    settings = located(prepared(), ("DATABASE_URL",))
    assert settings.database_url is not None
    key = (_campaign(campaign), _number(phone))
    with errors_shown():
        connection = await asyncpg.connect(settings.database_url.get_secret_value(), timeout=10)
        try:
            lines = await story(connection, *key)
        finally:
            await connection.close(timeout=5)
    for line in lines:
        echo(line)
    if not lines:
        echo("Nothing is known of this message: the campaign has no such recipient.", err=True)
        raise typer.Exit(FAILED)


def _campaign(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise typer.BadParameter("a campaign's id is a UUID") from None


def _number(text: str) -> int:
    digits = "".join(character for character in text if character.isdecimal())
    if not digits or len(digits) > 15:  # noqa: PLR2004  E.164
        raise typer.BadParameter("a phone number in international form is needed")
    return int(digits)


async def story(connection: Connection, campaign: UUID, recipient: int) -> list[str]:
    """The lines; none when nothing is known."""
    message = await connection.fetchrow(MESSAGE, campaign, recipient)
    events = await connection.fetch(EVENTS, campaign, recipient)
    who = mask_phone(str(recipient))
    lines = []
    if message is None:
        if events:
            lines.append(f"{who} was never asked for in campaign {campaign}; it counts nowhere. What was said of it:")
    else:
        end = "final" if message["final"] else "not final yet"
        lines += [f"{who} of campaign {campaign}: {message['status']} ({end}). {_meaning(message)}", ""]
        for offer in await connection.fetch(OFFERS, campaign, message["chunk"]):
            lines += _offer(offer)
    lines += [_event(event) for event in events]
    for incident in await connection.fetch(INCIDENTS, campaign, recipient):
        lines.append(
            f"INCIDENT {incident['kind']}: reports came under attempt {incident['first_attempt']} and under attempt "
            f"{incident['second_attempt']}, which was no follow-up of a failure: it was sent twice."
        )
    return lines


def _meaning(message: asyncpg.Record) -> str:
    word = message["provider_status"]
    standing = standing_of(word) if word else OURS.get(message["status"])
    if standing is None:
        standing = next((s for s in SINCH.values() if s.status == message["status"]), UNRECOGNISED)
    code = "" if not message["code"] else f" Code {message['code']}: {code_of(message['code']).name}."
    return standing.meaning + code


def _offer(row: asyncpg.Record) -> list[str]:
    lines = []
    if row["attempted_at"]:
        lines.append(f"{_at(row['attempted_at'])}  batch {row['client_reference']} is offered to Sinch")
    if row["accepted_at"]:
        lines.append(f"{_at(row['accepted_at'])}  Sinch accepts it as {row['batch_id']}")
    elif row["status_at"] and row["status"] != "attempted":
        because = f": {row['reason']}" if row["reason"] else ""
        lines.append(f"{_at(row['status_at'])}  batch {row['client_reference']} is {row['status']}{because}")
    return lines


def _event(row: asyncpg.Record) -> str:
    if row["type"] == "DeliveryReported":
        code = "" if row["code"] is None else f", code {row['code']} ({code_of(row['code']).name})"
        what = f"Sinch reports {row['status']}{code} of attempt {row['attempt']} ({row['detail']})"
    else:
        what = f"attempt {row['attempt']} {WORDS.get(row['type'], row['type'])} {row['detail']}".rstrip()
    mark = f"  [{MARKS[row['mark']]}]" if row["mark"] else ""
    return f"{_at(row['occurred_at'])}  {what}{mark}"


def _at(moment: datetime) -> str:
    return iso(moment)
