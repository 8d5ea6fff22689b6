"""Printing for commands. `typer.echo` is left to this file: it hands on what a terminal would obey."""

import sys

import typer

from infra.terminal.printable import printable


def echo(text: str, *, err: bool = False) -> None:
    """Print a line, or several, on stdout or stderr."""
    typer.echo(printable(text), err=err)


def echo_bytes(raw: bytes) -> None:
    """Bytes as they are into a file or pipe; on a terminal as text that only shows."""
    if sys.stdout.isatty():
        echo(raw.decode(errors="backslashreplace"))
    else:
        typer.echo(raw, nl=False)
