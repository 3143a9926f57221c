"""Free TCP ports for one lab: a block that no other lab takes, outside the range of outgoing connections."""

import contextlib
import random
import socket

_LOW, _HIGH, _BLOCK = 20_000, 32_000, 16
SERVICES = (
    "butler-bot",
    "butler-worker",
    "butler-api",
    "prometheus",
    "alertmanager",
    "grafana",
    "loki",
    "hw-checker",
    "mongo",
    "butler-api-1",
    "butler-api-2",
    "telegram",
)


def claim() -> tuple[socket.socket, dict[str, int]]:
    """Take a block of ports on 127.0.0.1.

    Returns:
        A socket that holds the block as long as it is open (its port is used for nothing else), and a port for each
        service. A service that restarts finds its port free: the kernel gives none of these to a client.

    Raises:
        OSError: no block is free.
    """
    starts = list(range(_LOW, _HIGH, _BLOCK))
    random.shuffle(starts)
    for start in starts:
        claim = socket.socket()
        try:
            claim.bind(("127.0.0.1", start))
            claim.listen()
            ports = dict(zip(SERVICES, range(start + 1, start + _BLOCK), strict=False))
            for port in ports.values():
                _try(port)
        except OSError:
            claim.close()
            continue
        return claim, ports
    raise OSError(f"no {_BLOCK} free ports in a row between {_LOW} and {_HIGH} on 127.0.0.1")


def _try(port: int) -> None:
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
