"""Run as a script before a child's own program, so that the child cannot outlive its parent.

`python -I -S die_with_parent.py PARENT_PID SIGNAL PROGRAM [ARGUMENT…]` asks the kernel to send SIGNAL when the parent
ends, however it ends, and becomes PROGRAM. It is a program of its own because the same lines in a `preexec_fn` would
run Python between fork and exec, where another thread's lock can be held for ever. The request survives exec, but not
a change of user: a program that drops its privileges has to ask again (`setpriv --pdeathsig`).
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Ask for the signal, make sure that the parent is still there, become the program."""
    parent, signal, program = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0) != 0:
        sys.exit(f"prctl(PR_SET_PDEATHSIG) failed: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:  # it ended before the request: the signal would never come
        sys.exit(1)
    try:
        os.execvp(program[0], program)  # noqa: S606  no shell is the point
    except OSError as error:
        sys.exit(f"cannot start {program[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
