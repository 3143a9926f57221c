"""A server of a test, in a thread of this process, that ends with its block."""

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

Answer = tuple[int, str | bytes, Mapping[str, str]]
"""Status, body and headers."""


@contextmanager
def served(server: TCPServer) -> Iterator[str]:
    """Serve until the block ends, however it ends, and give the base URL; one left over takes a core."""
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def answering(
    answer: Callable[[Any], Answer], context: ssl.SSLContext | None = None, at: tuple[str, int] = ("127.0.0.1", 0)
) -> AbstractContextManager[str]:
    """Serve what `answer` makes of each request: of its `command`, `path`, `headers` and `body`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            status, said, headers = answer(self)
            raw = said.encode() if isinstance(said, str) else said
            self.send_response(status)
            for name, value in {"Content-Length": str(len(raw)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            """Be silent."""

        do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815 - the server's own names

    server = ThreadingHTTPServer(at, Handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return served(server)
