"""Prints `.env.example` from the settings themselves: `python -m infra.process.env_example > .env.example`."""

import sys

from infra.process.settings import Settings

HEAD = "# Copy to .env and set what you need. An empty value is the same as none; the values here are the defaults.\n"


def env_example() -> str:
    """The whole file: a comment and a line for each setting, in the order of the class."""
    entries = []
    for name, field in Settings.model_fields.items():
        value = "" if field.default in (None, ()) else field.default
        shown = (
            ",".join(value) if isinstance(value, tuple) else f"{value:g}" if isinstance(value, float) else str(value)
        )
        entries.append(f"\n# {field.description}\n{name.upper()}={shown}\n")
    return HEAD + "".join(entries)


if __name__ == "__main__":
    sys.stdout.write(env_example())
