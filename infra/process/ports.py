"""Free and taken TCP ports."""

import socket
from collections import deque

HELD = 64
_held: deque[socket.socket] = deque(maxlen=HELD)
"""Bound and never listening: the system gives such a port to nobody who asks for any, and a server that asks for this one
(with SO_REUSEADDR, as servers do) gets it.
"""


class PortTaken(Exception):  # noqa: N818  named by what it says
    """A port that was asked for belongs to another program; the text says which and what to do."""


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on, and that the system gives to nobody else until this process has asked for 64 more."""
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind((host, 0))
    _held.append(probe)
    port: int = probe.getsockname()[1]
    return port


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """True when a server could listen on `port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: TIME_WAIT does not count
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
