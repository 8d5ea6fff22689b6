"""The pages that are made from code: `heliograph docs` writes them, and a test holds them to what it would write."""

from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from infra.process.env_example import env_example
from infra.process.settings import Settings
from infra.process.settings_errors import SECRETS
from services.cli.docs_events import events_page

HEAD = """\
# Settings

Made from `infra/process/settings.py` by `heliograph docs`; a test fails when it is not current. Settings are read once at
start from the environment and from a file `.env` in the working directory; the environment goes first. They are checked
before anything starts, and everything that is wrong is listed at once (exit code 2). An empty value is the same as none.
`.env.example` has all of them with their defaults.

**Secrets** never stand in logs, errors or metrics. Each may stand in a file instead: `API_KEYS_FILE=/run/secrets/api_keys`
for `API_KEYS`, and so on. Those marked *several* take a list separated by commas: put the new
one first, change the other side, then take the old one out ([operations](operations.md)). Access without keys is allowed
only while `HOST` is loopback, `BASE_URL` is loopback or unset and there is no Sinch account; else `heliograph run` makes a key and shows it once,
and a service started alone refuses to start without.

| setting | takes | unless set | |
|---|---|---|---|
"""

TAIL = """
Not settings of a service, and read from the environment only:

| variable | |
|---|---|
| `HELIOGRAPH_CACHE` | Where Kafka's jars are kept between clones. Unset: `~/.cache/heliograph`. |
| `HELIOGRAPH_CRASH_AT` | Tests only: die at a named point of the code ([reliability](reliability.md)). |
"""

BOUNDS = {"gt": "above {:,}", "ge": "{:,} or more", "lt": "below {:,}", "le": "at most {:,}",
          "min_length": "{} characters or more", "max_length": "at most {:,} characters"}  # fmt: skip
WORDS = {"int": "whole number", "float": "number", "str": "text", "Path": "path", "SecretStr": "secret"}


def pages() -> dict[Path, str]:
    """What is made, by its path in the repository."""
    return {
        Path("docs/events.md"): events_page(),
        Path("docs/settings.md"): settings_page(),
        Path(".env.example"): env_example(),
    }


def write_pages(root: Path) -> list[Path]:
    """Write what differs; gives what was written."""
    changed = [
        path for path, text in pages().items() if not (root / path).exists() or (root / path).read_text() != text
    ]
    for path in changed:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(pages()[path], encoding="utf-8")
    return changed


def settings_page() -> str:
    """The table of settings."""
    rows = [
        f"| `{name.upper()}` | {_takes(name, field)} | {_default(field)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return HEAD + "\n".join(rows) + "\n" + TAIL


def _default(field: FieldInfo) -> str:
    value = field.default
    if value in (None, (), ""):
        return ""
    shown = ",".join(value) if isinstance(value, tuple) else f"{value:g}" if isinstance(value, float) else str(value)
    return f"`{shown}`"


def _takes(name: str, field: FieldInfo) -> str:
    choices = [option for kind in _kinds(field.annotation) if get_origin(kind) is Literal for option in get_args(kind)]
    if choices:
        return " or ".join(f"`{choice}`" for choice in choices)
    several = any(get_origin(kind) is tuple for kind in _kinds(field.annotation))
    word = "secret" if name.upper() in SECRETS else _word(field)
    limits = [*field.metadata, *_limits(field.annotation)]
    bounds = [
        text.format(getattr(one, limit)) for one in limits for limit, text in BOUNDS.items() if hasattr(one, limit)
    ]
    return ", ".join([f"{word}, several" if several else word, *bounds])


def _word(field: FieldInfo) -> str:
    names = [kind.__name__ for kind in _kinds(field.annotation) if isinstance(kind, type)]
    return next((WORDS[name] for name in names if name in WORDS), "text")


def _kinds(annotation: Any) -> Iterator[Any]:
    """The alternatives of an annotation, without None and without what Annotated adds."""
    if get_origin(annotation) in (Union, UnionType):
        for one in get_args(annotation):
            yield from _kinds(one)
    elif hasattr(annotation, "__metadata__"):
        yield from _kinds(annotation.__origin__)
    elif annotation is not type(None):
        yield annotation


def _limits(annotation: Any) -> Iterator[Any]:
    """What Annotated says of the alternatives; a Field's own limits are unpacked."""
    for one in get_args(annotation):
        for said in getattr(one, "__metadata__", ()):
            yield from said.metadata if isinstance(said, FieldInfo) else (said,)
