"""Ports for servers that have to be told theirs."""

import secrets
import socket

# Below those that a system gives to outgoing connections: what is free now stays so until the server listens.
_PORTS = range(15_000, 32_000)


def free_port() -> int:
    """Return a port of this machine at which nothing listens, and that nobody is given by chance."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
