"""What every benchmark shares: rows with their yardsticks, the table, the JSON file, and which core does what."""

import os
import platform
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

OUTPUT = Path(".heliograph") / "bench"


class Row(msgspec.Struct, frozen=True):
    """One figure beside its yardstick from the same run; `ratio` is value / yardstick_value.

    A row without a yardstick of its own (a count of losses, a size) has None for both. `target` says in words what is
    to be reached.
    """

    name: str
    value: float
    unit: str
    yardstick: str | None = None
    yardstick_value: float | None = None
    ratio: float | None = None
    target: str = ""
    notes: str = ""


def row(
    name: str,
    value: float,
    unit: str,
    yardstick: tuple[str, float] | None = None,
    *,
    target: str = "",
    notes: str = "",
) -> Row:
    """A row with its ratio worked out."""
    if yardstick is None:
        return Row(name, _rounded(value), unit, target=target, notes=notes)
    words, measured = yardstick
    ratio = round(value / measured, 3) if measured else None
    return Row(name, _rounded(value), unit, words, _rounded(measured), ratio, target, notes)


def publish(name: str, rows: Sequence[Row], output: Path = OUTPUT) -> Path:
    """Print the table and write `<output>/<name>.json`, a list of rows; gives the file."""
    console, table = Console(), Table(title=f"{name} ({machine()})")
    for heading in ("what", "figure", "yardstick", "ratio", "to reach"):
        table.add_column(heading, justify="right" if heading in ("figure", "ratio") else "left")
    for one in rows:
        beside = f"{one.yardstick}: {one.yardstick_value:,g}" if one.yardstick_value is not None else ""
        ratio = f"{one.ratio:.2f}" if one.ratio is not None else ""
        table.add_row(one.name, f"{one.value:,g} {one.unit}", beside, ratio, one.target)
    console.print(table)
    for one in rows:
        if one.notes:
            console.print(f"  {one.name}: {one.notes}", markup=False, highlight=False)
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"{name}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(list(rows)), indent=2))
    return path


def machine() -> str:
    """Processor, cores and load: a figure without them says little."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    models = [line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")]
    model = models[0] if models else platform.machine()
    return f"{model}, {len(cores())} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"


def cores() -> list[int]:
    """The cores we may use."""
    return sorted(os.sched_getaffinity(0))


def measured_core() -> int:
    """The core of what is measured: the last one."""
    return cores()[-1]


def other_cores() -> list[int]:
    """The cores of all else (load, broker, database); the same one on a machine of one core, which the notes must say."""
    return cores()[:-1] or cores()


def _rounded(value: float) -> float:
    return round(value, 1 if abs(value) >= 100 else 3)
