"""A free port stays ours until its server asks for it, though others on the machine ask for any port all the time."""

import socket
import struct

import pytest

from infra.process.ports import free_port, is_free

IP_LOCAL_PORT_RANGE = 51  # ip(7), Linux 6.3: from which ports "any" is taken


def _only(port: int, *, reuse: bool = False) -> socket.socket:
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
    try:
        one.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, struct.pack("I", port | port << 16))
    except OSError:
        pytest.skip("this kernel cannot be told from which ports to choose")
    return one


@pytest.mark.parametrize("reuse", [False, True])
def test_nobody_who_asks_for_any_port_gets_it(reuse: bool) -> None:
    """Neither a server, as every test server is, nor the near end of a connection."""
    port = free_port()
    with _only(port, reuse=reuse) as server, pytest.raises(OSError, match="in use"):
        server.bind(("127.0.0.1", 0))
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        _only(port) as client,
        pytest.raises(OSError, match="assign"),
    ):
        client.connect(server.getsockname())


def test_the_server_that_asks_for_it_gets_it() -> None:
    """It is free until then, and taken afterwards."""
    port = free_port()
    assert is_free(port)
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)
