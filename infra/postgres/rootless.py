"""PostgreSQL refuses to run as root; on a machine where we are root this says how it runs all the same.

It becomes `nobody` and keeps one capability: reading below directories that only root may enter (our home is 0700, and
the wheel's binaries may lie below /root). What it writes is owned by `nobody`, so no other right is needed.

The capability alone is not enough: `initdb` and `postgres` look for themselves with access(2), for which the kernel
puts all capabilities of a user who is not root aside, unless SECBIT_NO_SETUID_FIXUP is set (access_override_creds in
fs/open.c). So it is; nobody's own rights do not grow by it, as nothing that it starts changes its user.
"""

import os
import pwd
import shutil
from pathlib import Path

READ_CAPABILITIES = (
    ("dac_read_search", 2),
    ("dac_override", 1),
)  # linux/capability.h; containers often have the second
SETPCAP = 8  # what it takes to hand a capability on, and to set secure bits


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
        if bits >> bit & bits >> SETPCAP & 1:
            sets = (f"--{kind}=-all,+{name}" for kind in ("inh-caps", "ambient-caps", "bounding-set"))
            return ["--securebits=+no_setuid_fixup", *sets]
    return []
