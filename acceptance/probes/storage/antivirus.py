"""Ask a clamd whether it runs and what it finds (checklist 21_01c.preflight.3).

clamd's protocol is two commands long here (clamd(8), PING and INSTREAM); the client on PyPI is from 2014.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from acceptance.verdict import Inconclusive

_PIECE = 64 * 1024
_LONGEST_ANSWER = 64 * 1024


@dataclass(frozen=True, slots=True)
class Antivirus:
    """A virus scanner.

    Attributes:
        address: `unix:///run/clamav/clamd.ctl` or `tcp://host:3310`.
        timeout_s: Seconds for one whole question.
    """

    address: str
    timeout_s: float = 10.0

    def ping(self) -> None:
        """Make sure that the scanner answers.

        Raises:
            Inconclusive: When it does not.
        """
        answer = self._ask(lambda sock: sock.sendall(b"zPING\0"))
        if answer != "PONG":
            raise self._blind(f"{answer!r} instead of PONG")

    def scan(self, data: bytes) -> str:
        """Let the scanner judge some bytes.

        Returns:
            clamd's words: `stream: OK`, or `stream: <signature> FOUND`.

        Raises:
            Inconclusive: When it does not answer, or answers with an error: not scanned is not clean.
        """
        answer = self._ask(lambda sock: _stream(sock, data))
        if not answer.endswith((" OK", " FOUND")):
            raise self._blind(f"{answer!r} instead of OK or FOUND")
        return answer

    def _ask(self, say: Callable[[socket.socket], None]) -> str:
        deadline = time.monotonic() + self.timeout_s
        try:
            with self._connect() as sock:
                say(sock)
                answer = b""
                while not answer.endswith(b"\0") and len(answer) < _LONGEST_ANSWER:
                    sock.settimeout(max(0.001, deadline - time.monotonic()))
                    if not (piece := sock.recv(4096)):
                        break
                    answer += piece
        except OSError as problem:
            raise self._blind(str(problem) or type(problem).__name__) from problem
        return answer.rstrip(b"\0").decode("utf-8", "replace")

    def _connect(self) -> socket.socket:
        parts = urlsplit(self.address)
        if parts.scheme == "unix" and parts.path and not parts.netloc:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.settimeout(self.timeout_s)
            try:
                sock.connect(parts.path)
            except OSError:
                sock.close()
                raise
            return sock
        host, _, port = parts.netloc.rpartition(":")
        if parts.scheme == "tcp" and host and port.isdigit():
            return socket.create_connection((host.strip("[]"), int(port)), self.timeout_s)
        raise Inconclusive(f"CLAMD={self.address!r}: expected unix:///path/of/socket or tcp://host:port")

    def _blind(self, found: str) -> Inconclusive:
        return Inconclusive(
            f"CLAMD={self.address}: expected an answer of clamd, found: {found}; check "
            "`systemctl status clamav-daemon` and the address in the target file"
        )


def _stream(sock: socket.socket, data: bytes) -> None:
    """Send data as INSTREAM wants it: pieces, each after its length, and an empty one at the end."""
    sock.sendall(b"zINSTREAM\0")
    for start in range(0, len(data), _PIECE):
        piece = data[start : start + _PIECE]
        sock.sendall(struct.pack("!L", len(piece)) + piece)
    sock.sendall(struct.pack("!L", 0))
