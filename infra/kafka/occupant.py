"""Which broker uses a home. Kafka's own lock is not enough: a second broker on the same data ends the first as well."""

from pathlib import Path

from infra.process.gone import wait_gone

GOING_SECONDS = 5.0  # a broker whose parent was killed needs half a second to follow it


def note(home: Path, pid: int) -> None:
    """Write down that process `pid` is the broker of this home."""
    _file(home).write_text(str(pid))


async def occupant(home: Path) -> int | None:
    """The process id of a broker that runs on this home and does not go away, or None."""
    pid = _noted(home)
    return pid if pid is not None and not await wait_gone(pid, GOING_SECONDS) else None


def _noted(home: Path) -> int | None:
    try:
        pid = int(_file(home).read_text())
        command = Path(f"/proc/{pid}/cmdline").read_text()
    except (OSError, ValueError):
        return None
    return pid if str(home) in command else None  # else the number has gone to another program since


def _file(home: Path) -> Path:
    return home / "kafka.pid"
