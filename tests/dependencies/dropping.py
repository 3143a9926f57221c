"""A way to MongoDB on which connections are lost in the middle of a request."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass


@dataclass
class Way:
    """What came along it: requests that held the word, and how many of them were lost, of those that still may be."""

    port: int
    asked: int = 0
    lost: int = 0


@contextmanager
def dropping(port: int, word: bytes, times: int) -> Iterator[Way]:
    """Lead to a port of this host; the first ``times`` requests that hold ``word`` cost the connection.

    Args:
        port: Where it leads.
        word: Bytes, such as the name of a collection.
        times: How many of them are lost.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    way = Way(listener.getsockname()[1])
    one_at_a_time = threading.Lock()

    def passes(request: bytes) -> bool:
        with one_at_a_time:
            way.asked += word in request
            lost = word in request and way.lost < times
            way.lost += lost
        return not lost

    def pump(source: socket.socket, sink: socket.socket, good: Callable[[bytes], bool] = lambda _: True) -> None:
        with suppress(OSError):
            while (part := source.recv(65536)) and good(part):
                sink.sendall(part)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, server = listener.accept()[0], socket.create_connection(("127.0.0.1", port))
                threading.Thread(target=pump, args=(client, server, passes), daemon=True).start()
                threading.Thread(target=pump, args=(server, client), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield way
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
