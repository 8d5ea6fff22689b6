"""`heliograph audit …`: a check of the log a command, each in a file of its own and added here."""

import typer

from services.cli.audit_consent import consent

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Check the log against what must never happen.")


@app.callback()
def audits() -> None:
    """Check the log against what must never happen."""


app.command()(consent)
