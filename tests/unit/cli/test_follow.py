"""Following the services' logs."""

import asyncio
from pathlib import Path

import pytest

from infra.process.world import World
from services.cli.follow import follow, important
from tests.waiting import until


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b'{"event":"lag","level":"warning","at":"x","logger":"y","seconds":3}', "warning lag seconds=3"),
        (
            b'{"event":"failed","level":"error","exception":"Traceback\\n  x\\nValueError: no"}',
            "error failed ValueError: no",
        ),
        (b'{"event":"started","level":"info"}', None),
        (b'{"event":"detail","level":"debug"}', None),
        (b"Traceback (most recent call last):", "Traceback (most recent call last):"),
        (b"", None),
        (b"[1]", None),
    ],
)
def test_what_is_shown(line: bytes, shown: str | None) -> None:
    """Warnings and worse are shown in one line, and what no logger wrote as it is."""
    assert important(line) == shown


async def test_only_new_and_whole_lines_are_shown(tmp_path: Path, world: World) -> None:
    """What was there before is not shown, and a half-written line waits for its end."""
    log, shown = tmp_path / "http.log", list[tuple[str, str]]()
    log.write_text("old\n")
    world.tasks.spawn(
        "follow", follow({"http": log, "absent": tmp_path / "no"}, lambda *line: shown.append(line), world)
    )
    await asyncio.sleep(0)  # it has looked where the file ends
    _add(log, "one\nhal")
    await until(lambda: shown == [("http", "one")], "the whole line is shown")
    _add(log, "f\n")
    await until(lambda: shown == [("http", "one"), ("http", "half")], "the other half is shown")


def _add(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)
