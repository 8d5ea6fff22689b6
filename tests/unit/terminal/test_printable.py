"""Texts from outside never command a terminal."""

import io
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from contracts.http.campaigns import CampaignAnswer
from infra.postgres.standing import Still
from infra.terminal.printable import one_line, printable
from services.cli.screen import Screen

HOSTILE = "a\x1b]0;owned\x07\x9b2J[/broken][red]\u202e\r\nb"
OBEYED = {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))} - {"\n", "\t"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Grüße, 你好 👋\n\tשלום\u200f", "Grüße, 你好 👋\n\tשלום\u200f"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\x9b", "\\x9b"),
        ("a\rb", "a\\rb"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
    ],
)
def test_only_what_is_obeyed_is_written_out(text: str, shown: str) -> None:
    """Letters, emoji, line ends and the marks of right-to-left names stay."""
    assert printable(text) == shown


@given(st.text())
def test_nothing_obeyed_is_left(text: str) -> None:
    """Of no text whatever; in one line no line end either."""
    assert OBEYED.isdisjoint(printable(text))
    assert (OBEYED | {"\n", "\t"}).isdisjoint(one_line(text))


@pytest.mark.parametrize("terminal", [True, False])
def test_the_screen_shows_a_hostile_campaign(terminal: bool) -> None:
    """Neither ESC nor rich's markup in a name, a reason or a log line does anything; the command goes on."""
    out = io.StringIO()
    screen = Screen(Console(file=out, force_terminal=terminal, color_system=None, width=400, highlight=False))
    campaign = CampaignAnswer.model_validate(
        {
            "campaign_id": UUID(int=1), "name": HOSTILE, "message": HOSTILE, "from": HOSTILE, "status": "sending",
            "meaning": HOSTILE, "scheduled_at": None, "requested_at": "", "requested": 1, "counts": {"sent": 1},
            "chunks": 1, "projected": True, "status_url": "",
        }
    )  # fmt: skip
    screen.campaigns([campaign])
    screen.say(HOSTILE)
    screen.service_line("http", HOSTILE)
    screen.stills([Still(service="dispatcher", reason=HOSTILE, why=HOSTILE, do=HOSTILE, since="", last_words=HOSTILE)])
    with screen.progress() as progress:
        progress.show(campaign)
    said = out.getvalue()
    for part in ("]0;owned\x07", "\x9b", "\u202e", "\r\n"):
        assert part not in said
    assert "[/broken][red]" in said
