"""Send one HTTP/1.1 request on one connection, with control over every byte and one deadline.

Our own and not httpx, for four things that the storage stage's attacks need and a good client forbids or
lacks: a Content-Length that lies, an answer read while the body is still being sent, an answer read after
the server closed on us, and a deadline over the whole request instead of over each read.
"""

from __future__ import annotations

import http.client
import io
import select
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from acceptance.effects import Effect, about_to
from acceptance.probes.http.exchange import BODY_LIMIT
from acceptance.probes.http.multipart import CHUNK

PATIENCE_S = 2.0
"""Seconds that a server is given to refuse an announced length before the body ends short of it."""


class DeadlineError(TimeoutError):
    """The whole request took longer than it was given."""


@dataclass(slots=True)
class Reply:
    """What came back, filled in as it comes, so that it is there also when the connection breaks."""

    status: int | None = None
    reason: str = ""
    headers: Mapping[str, str] | None = None
    body: bytes = b""
    sent_bytes: int = 0
    error: str | None = None


def request(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: Iterable[bytes],
    *,
    deadline: float,
    chunked: bool = False,
    patience_s: float = PATIENCE_S,
) -> Reply:
    """Send one request and read its answer, whatever happens on the way.

    Args:
        method: HTTP method.
        url: `http://` or `https://` address.
        headers: Sent as they are, a false Content-Length included.
        body: The body's chunks; sending stops as soon as the server answers.
        deadline: `time.monotonic()` at which to give up.
        chunked: Frame the body with chunked transfer coding.
        patience_s: How long the answer to a body that ends short of its announced length is waited for before the
            connection's end says so.

    Returns:
        The answer; `error` is set when there was none. Network errors are never raised.
    """
    about_to(Effect.DATA, f"{method} {url}")
    reply = Reply()
    connection = _connection(url, deadline)
    try:
        connection.connect()
        with connection.sock as plain:
            guard = _DeadlineSocket(plain, deadline)
            connection.sock = guard
            _send_head(connection, method, url, headers, chunked=chunked)
            try:
                _send_body(guard, body, reply, chunked=chunked)
                if reply.sent_bytes < int(headers.get("Content-Length", "0")):
                    guard.give_up_sending(patience_s)
            except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
                pass  # the server closed early: what it said before is still to be read
            _read(connection, reply)
    except (OSError, http.client.HTTPException) as problem:  # guard: name-that-does-not-resolve-uploads
        if reply.status is None:
            reply.error = _reason(problem)
    return reply


class _DeadlineSocket:
    """A connected socket of which every operation shares one deadline; the part that http.client uses."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline
        self._early = b""

    def _arm(self) -> socket.socket:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise DeadlineError
        self._sock.settimeout(left)
        return self._sock

    def send_or_answer(self, data: bytes | memoryview) -> int:
        """Send some of the data; return 0 when the server began to answer (or closed) instead of reading on."""
        while True:
            sock = self._arm()
            left = max(0.0, self._deadline - time.monotonic())
            readable, writable, _ = select.select([sock], [sock], [], left)
            if readable and (not isinstance(sock, ssl.SSLSocket) or self._begins(sock)):
                return 0
            if writable:
                return sock.send(data)
            if not readable:
                raise DeadlineError

    def _begins(self, sock: ssl.SSLSocket) -> bool:
        """Tell whether an answer begins, or the server closed; a session ticket makes it readable without either."""
        sock.settimeout(0)
        try:
            self._early = sock.recv(CHUNK)
        except ssl.SSLWantReadError:
            return False
        finally:
            self._arm()
        return True

    def give_up_sending(self, patience_s: float) -> None:
        """End a body that is shorter than announced, as a client that died; first let the server answer.

        An answer to the announced length alone would be lost if the end of the stream came with it.
        """
        sock = self._arm()
        left = 0.0 if self._early else min(patience_s, max(0.0, self._deadline - time.monotonic()))
        if not select.select([sock], [], [], left)[0] and not isinstance(sock, ssl.SSLSocket):
            sock.shutdown(socket.SHUT_WR)

    def sendall(self, data: bytes) -> None:
        self._arm().sendall(data)

    def makefile(self, mode: str = "rb", *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(_Reading(self))

    def recv_into(self, buffer: Any) -> int:
        if early := self._early[: len(buffer)]:
            buffer[: len(early)], self._early = early, self._early[len(early) :]
            return len(early)
        return self._arm().recv_into(buffer)

    def close(self) -> None:
        """Leave the socket open: http.client closes it before it has read the body; its owner closes it."""


class _Reading(io.RawIOBase):
    """The socket as a file, for http.client's parser."""

    def __init__(self, sock: _DeadlineSocket) -> None:
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._sock.recv_into(buffer)


def _connection(url: str, deadline: float) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    left = max(0.001, deadline - time.monotonic())
    if parts.scheme == "https":
        return http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=left)
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=left)


def _send_head(
    connection: http.client.HTTPConnection, method: str, url: str, headers: Mapping[str, str], *, chunked: bool
) -> None:
    parts = urlsplit(url)
    connection.putrequest(method, parts.path + (f"?{parts.query}" if parts.query else ""), skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    if chunked:
        connection.putheader("Transfer-Encoding", "chunked")
    connection.putheader("Connection", "close")
    connection.endheaders()


def _send_body(sock: _DeadlineSocket, body: Iterable[bytes], reply: Reply, *, chunked: bool) -> None:
    for chunk in body:
        framed = b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk
        view = memoryview(framed)
        while view:
            sent = sock.send_or_answer(view)
            if not sent:
                return
            view = view[sent:]
        reply.sent_bytes += len(chunk)
    if chunked:
        sock.send_or_answer(b"0\r\n\r\n")


def _read(connection: http.client.HTTPConnection, reply: Reply) -> None:
    answer = connection.getresponse()
    while 100 <= answer.status < 200:  # a word on the way, such as a proxy's 103: http.client takes it for the answer
        vars(answer)["headers"] = None
        answer.begin()
    reply.status, reply.reason = answer.status, answer.reason
    reply.headers = {name.lower(): value for name, value in answer.getheaders()}
    try:
        reply.body = answer.read(BODY_LIMIT)
    except http.client.IncompleteRead as cut:
        reply.body = cut.partial


def _reason(problem: Exception) -> str:
    if isinstance(problem, TimeoutError):
        return "no answer before the deadline"
    if isinstance(problem, http.client.RemoteDisconnected):
        return "the server closed the connection without an answer"
    return f"{type(problem).__name__}: {problem}"
