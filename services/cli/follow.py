"""The services' log files, followed: what an operator should see on the terminal, with the service's name before it."""

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

import orjson

from infra.process.world import World

POLL_SECONDS = 0.25
IMPORTANT = frozenset({"warning", "error", "critical"})
NOT_SHOWN = frozenset({"event", "level", "at", "logger", "service", "exception"})
READ_BYTES = 1_000_000


def important(line: bytes) -> str | None:
    """A log line as the terminal shows it, or None when it is not worth showing. What is no JSON is shown as it is."""
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError:
        return line.decode(errors="replace").rstrip() or None
    if not isinstance(entry, dict) or entry.get("level") not in IMPORTANT:
        return None
    keys = " ".join(f"{key}={value}" for key, value in entry.items() if key not in NOT_SHOWN)
    last_line = str(entry.get("exception", "")).strip().rpartition("\n")[2]
    return " ".join(part for part in (entry["level"], str(entry.get("event")), keys, last_line) if part)


async def follow(files: Mapping[str, Path], show: Callable[[str, str], None], world: World) -> None:
    """Show important lines that are added to `files` from now on, as name and text, until cancelled."""
    places = {name: path.stat().st_size if path.exists() else 0 for name, path in files.items()}
    while True:
        for name, path in files.items():
            with contextlib.suppress(OSError):
                places[name] = _show_new(name, path, places[name], show)
        await world.clock.sleep(POLL_SECONDS)


def _show_new(name: str, path: Path, place: int, show: Callable[[str, str], None]) -> int:
    with path.open("rb") as file:
        file.seek(place)
        whole, newline, _ = file.read(READ_BYTES).rpartition(b"\n")  # the rest of a half-written line comes later
    for line in whole.splitlines():
        if (text := important(line)) is not None:
            show(name, text)
    return place + len(whole) + len(newline)
