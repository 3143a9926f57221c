"""A server of a test, in a thread of this process, that ends with its block."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import TCPServer


@contextmanager
def served(server: TCPServer) -> Iterator[str]:
    """Serve until the block ends, however it ends, and give the base URL; one left over takes a core."""
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
