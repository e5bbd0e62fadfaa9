"""What a system's own socket says of itself."""

import socket

import pytest

from peakproof.simulators.levers import yet_to_be_accepted


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="only Linux says it")
def test_connections_that_nobody_has_accepted_are_counted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert yet_to_be_accepted(listening) == 0
        clients = [socket.create_connection(listening.getsockname(), timeout=5) for _ in range(3)]
        assert yet_to_be_accepted(listening) == 3
        accepted, _ = listening.accept()
        assert yet_to_be_accepted(listening) == 2
        for one in (accepted, *clients):
            one.close()
    assert yet_to_be_accepted(listening) is None, "a closed socket says nothing"
