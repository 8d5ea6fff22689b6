"""Disks that can be full, and files that cannot grow: what makes PostgreSQL refuse a write for lack of room."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.postgres.rootless import hand_over, unprivileged


class Disk:
    """A small disk of a test's own, with ballast to fill it."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._ballast = place / "ballast"

    def fill(self, leaving: int) -> None:
        """Take all room but `leaving` bytes."""
        room = os.statvfs(self.place)
        with self._ballast.open("xb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, room.f_bavail * room.f_frsize - leaving)

    def make_room(self) -> None:
        """Give the room back."""
        self._ballast.unlink()


@contextmanager
def small_disk(size: str) -> Iterator[Disk]:
    """A disk of that size, for PostgreSQL's user. Where mounting is not permitted the test is skipped.

    Not below the test's own folder: a tablespace is reached by its whole path, and PostgreSQL's user cannot pass there.
    """
    place = Path(tempfile.mkdtemp(prefix="small-disk-"))
    mounted = _run("mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(place))
    try:
        if mounted.returncode:
            pytest.skip(f"no small disk can be mounted here (that takes CAP_SYS_ADMIN): {mounted.stderr.strip()}")
        hand_over(place)
        yield Disk(place)
    finally:
        if not mounted.returncode:
            assert _run("umount", "--lazy", str(place)).returncode == 0
        place.rmdir()


def limit_files(pid: int, most: str) -> None:
    """Let no file that this process of PostgreSQL's, or a later child of it, writes grow over `most` bytes.

    Asked for as PostgreSQL's own user, who may do that without any right.
    """
    done = _run(*unprivileged(["prlimit", f"--pid={pid}", f"--fsize={most}:"], "KILL"))
    assert done.returncode == 0, done.stderr


def _run(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, check=False, capture_output=True, text=True)
