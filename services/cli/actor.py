"""Who decides, for the record of a decision made by hand."""

from getpass import getuser
from typing import Annotated

import typer


def at_the_keyboard() -> str:
    """Who that is, as far as the machine knows."""
    try:
        return f"cli:{getuser()}"
    except (KeyError, OSError):  # a container's user may have no name
        return "cli"


Actor = Annotated[
    str, typer.Option(default_factory=at_the_keyboard, help="Who decides; else the user of this machine.")
]
