"""What the command line shows: tables and bars on a terminal, plain lines elsewhere."""

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from contracts.http.campaigns import CampaignAnswer
from infra.postgres.standing import Still
from infra.terminal.printable import one_line, printable

BAR_CELLS = 40
COLOURS = {"delivered": "green", "failed": "red", "rejected": "red", "expired": "red", "pending": "dim"}


class Unbreakable(Console):
    """A console that says nothing more once nobody reads it: what `run` keeps does not depend on who looks on."""

    def on_broken_pipe(self) -> None:
        """The reader has gone (`heliograph run | head`); rich would end the process."""
        self.quiet = True

    def print(self, *objects: Any, **options: Any) -> None:
        """Show something, if that can be."""
        try:
            super().print(*objects, **options)
        except (OSError, ValueError):  # a terminal that was closed, a full disk, letters that it does not have
            self.quiet = True


class Screen:
    """The terminal, or what stands in for it."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Unbreakable(highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """A text as it is: nothing in it is markup, and nothing in it is for the terminal."""
        self._console.print(printable(text), markup=False)

    def service_line(self, name: str, text: str) -> None:
        """An important line from a service's log."""
        self._console.print(f"{name:>10} │ {one_line(text)}", markup=False, style="yellow")

    def places(self, places: Mapping[str, str]) -> None:
        """Where everything is."""
        width = max(map(len, places))
        for name, place in places.items():
            self.say(f"  {name:<{width}}  {place}")

    def stills(self, stills: Iterable[Still]) -> None:
        """What stands still: since when, why, what to do."""
        for still in stills:
            since = f" since {still.since}" if still.since else ""
            text = one_line(f"{still.service}: {still.reason}{since}. {still.why}")
            self._console.print(text, markup=False, style="red")
            if still.last_words:
                self.say(one_line(f"  last words: {still.last_words}"))
            self.say(one_line(f"  {still.do}"))

    def campaigns(self, campaigns: Iterable[CampaignAnswer]) -> None:
        """A list of campaigns."""
        if not self._console.is_terminal:
            for campaign in campaigns:
                self.say(f"{campaign.campaign_id} {campaign_line(campaign)}")
            return
        table = Table("campaign", "name", "status", "requested", "by status")
        for campaign in campaigns:
            counts = " ".join(f"{status} {count}" for status, count in campaign.counts.items() if count)
            cells = (str(campaign.campaign_id), campaign.name or "", campaign.status, str(campaign.requested), counts)
            table.add_row(*(Text(one_line(cell)) for cell in cells))
        self._console.print(table)

    def progress(self) -> "Progress":
        """A place that shows one campaign as it moves."""
        return Progress(self._console)


class Progress:
    """One campaign, drawn anew on every change on a terminal, a line for each change elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def show(self, campaign: CampaignAnswer) -> None:
        """The campaign as it is now."""
        if self._live:
            self._live.update(_bars(campaign), refresh=True)
        else:
            self._console.print(one_line(f"  {campaign_line(campaign)}"), markup=False)


def campaign_line(campaign: CampaignAnswer) -> str:
    """A campaign in one line: `sending: 20 requested, 12 delivered, 8 sent`."""
    counts = "".join(f", {count} {status}" for status, count in campaign.counts.items() if count)
    return f"{campaign.status}: {campaign.requested} requested{counts}"


def _bars(campaign: CampaignAnswer) -> Table:
    title = Text(one_line(f"{campaign.campaign_id}: {campaign.status}"))
    table = Table(title=title, box=None, title_justify="left", show_header=False)
    for status, count in campaign.counts.items():
        if count:
            cells = max(1, round(BAR_CELLS * count / max(1, campaign.requested)))
            table.add_row(Text(one_line(status)), str(count), Text("█" * cells, style=COLOURS.get(status, "cyan")))
    return table
