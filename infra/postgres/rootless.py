"""PostgreSQL refuses to run as root; on a machine where we are root this says how it runs all the same.

It becomes `nobody` and keeps one capability: reading below directories that only root may enter (our home is 0700, and
the wheel's binaries may lie below /root). What it writes is owned by `nobody`, so no other right is needed.
"""

import os
import pwd
import shutil
from pathlib import Path

READ_CAPABILITIES = (
    ("dac_read_search", 2),
    ("dac_override", 1),
)  # linux/capability.h; containers often have the second


class CannotDropPrivileges(Exception):  # noqa: N818  named by what it says
    """We are root, and the program that would drop our privileges is not there."""


def unprivileged(argv: list[str], death_signal: str) -> list[str]:
    """`argv` as somebody whom PostgreSQL accepts: unchanged, or behind `setpriv` when we are root."""
    if os.geteuid() != 0:
        return argv
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise CannotDropPrivileges(
            "PostgreSQL does not run as root and `setpriv` (package util-linux) is missing: "
            "run as another user, install it, or set DATABASE_URL to a PostgreSQL of yours"
        )
    user = pwd.getpwnam("nobody")
    return [setpriv, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", *_capabilities(),
            f"--pdeathsig={death_signal}", *argv]  # fmt: skip


def hand_over(directory: Path) -> None:
    """Give an empty directory to the user under whom PostgreSQL will run."""
    if os.geteuid() == 0:
        user = pwd.getpwnam("nobody")
        os.chown(directory, user.pw_uid, user.pw_gid)


def _capabilities() -> list[str]:
    ours = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff"))
    bits = int(ours.split()[1], 16)
    for name, bit in READ_CAPABILITIES:
        if bits >> bit & 1:
            return [f"--{kind}=-all,+{name}" for kind in ("inh-caps", "ambient-caps", "bounding-set")]
    return []
