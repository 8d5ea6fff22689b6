"""`python -m tests.bench.pinned CORES PROGRAM [ARGUMENT…]`: becomes PROGRAM, held to these cores (`0`, `0,1`)."""

import os
import sys


def main() -> None:
    """Set the affinity, which survives exec, and become the program."""
    os.sched_setaffinity(0, {int(core) for core in sys.argv[1].split(",")})
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606  no shell is the point


if __name__ == "__main__":
    main()
