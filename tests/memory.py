"""What a process holds, as the kernel tells it."""

from pathlib import Path


def resident_mb(pid: int) -> float:
    """Megabytes of memory that the process holds now."""
    return _told(pid, "VmRSS")


def peak_mb(pid: int) -> float:
    """The most that it has held."""
    return _told(pid, "VmHWM")


def _told(pid: int, name: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()  # proc(5); in units of 1024 bytes
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))
