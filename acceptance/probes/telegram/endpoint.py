"""Serve the Bot API to a bot, and the dialog call of the target contract to ourselves, at one address.

Each process of the suite that talks to the bot does so by that call: one of them serves, and a bot polls one address.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import select
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from acceptance.probes.dialog.gateway import MESSAGES_PATH
from acceptance.probes.telegram.bot_api import NO_METHOD, Answer, BotApi, refused

STATE_PATH = "/acceptance/state"
SERVES = "bot-api"
"""Stands in the state, so that no other program is taken for us."""
SECRET_HEADER = "X-Acceptance-Secret"  # noqa: S105 - the header's name
_MOST_BYTES = 50 << 20
_BOT_PATH = re.compile(r"/bot([^/]+)/(\w+)/?")


@dataclass(frozen=True)
class Patience:
    """How long is waited, in seconds.

    Attributes:
        first_poll: For a bot that has not polled since we serve.
        answer: For the first message of an answer.
        settle: For another one: without any the answer is complete.
    """

    first_poll: float
    answer: float
    settle: float

    @property
    def most(self) -> float:
        """The longest time until a message is answered: the first poll, the answer, what was ordered, its edits."""
        return self.first_poll + 3 * self.answer + self.settle


def secret_of(token: str) -> str:
    """Derive the secret of our own calls from the token: each process of ours that knows the token knows it too."""
    return hmac.new(token.encode(), b"acceptance", hashlib.sha256).hexdigest()


class Endpoint(ThreadingHTTPServer):
    """The server.

    Args:
        address: Host and port.
        token: The bot's.
        patience: Of the dialog call.
        rate_limit: As for `BotApi`.

    Raises:
        OSError: The address is taken.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], token: str, patience: Patience, rate_limit: int = 0) -> None:
        self.bot_api = BotApi(token, rate_limit)
        self.secret = secret_of(token)
        self.patience = patience
        self.first_poll_until = time.monotonic() + patience.first_poll
        super().__init__(address, _Handler)

    def state(self) -> Answer:
        """Tell whether the bot gets its messages, and why not."""
        trouble = self.bot_api.seen.trouble()
        return Answer(503 if trouble else 200, {"detail": trouble or "the bot polls", "serves": SERVES})

    def say(self, asked: Mapping[str, Any]) -> Answer:
        """Answer the contract's dialog call by the bot's messages."""
        user, message = str(asked.get("user_id", "")), asked.get("message")
        if not re.fullmatch(r"[1-9]\d{0,17}", user) or not isinstance(message, str) or not message.strip():
            return Answer(422, {"detail": "expected a user_id of digits, and a message"})
        if not self.bot_api.polled(max(0.0, self.first_poll_until - time.monotonic())):
            return self.state()
        until = str(asked.get("until", ""))
        told = self.bot_api.say(int(user), message, self.patience.answer, self.patience.settle, until)
        if told:
            return Answer(200, asdict(told))
        why = self.bot_api.seen.trouble() or self.bot_api.seen.more() or "the bot polls; see its log"
        return Answer(504, {"detail": f"no message to this user within {self.patience.answer:g} s: {why}"})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms between its header and its body
    server: Endpoint

    def do_GET(self) -> None:
        """Answer a call whose parameters stand in the query."""
        self._serve()

    def do_POST(self) -> None:
        """Answer a call."""
        self._serve()

    def log_message(self, *_: object) -> None:
        """Say nothing: the path of a call holds the token."""

    def _serve(self) -> None:
        url = urlsplit(self.path)
        body = self._body()
        if body is None:
            self.close_connection = True
            self._send(refused(413, "Request Entity Too Large"))
        else:
            asked = {**dict(parse_qsl(url.query)), **parameters(self.headers.get("Content-Type", ""), body)}
            self._send(self._answer(unquote(url.path), asked))

    def _answer(self, path: str, asked: Mapping[str, Any]) -> Answer:
        if path in (MESSAGES_PATH, STATE_PATH):
            if not hmac.compare_digest(self.headers.get(SECRET_HEADER, "").encode(), self.server.secret.encode()):
                return refused(404, "Not Found")
            return self.server.say(asked) if path == MESSAGES_PATH else self.server.state()
        found = _BOT_PATH.fullmatch(path)
        if not found:
            return refused(404, "Not Found") if not path.startswith("/bot") else NO_METHOD
        return self.server.bot_api.call(found[1], found[2], asked, self._alive)

    def _alive(self) -> bool:
        """Tell whether who asks still waits: a connection that was closed can be read, and gives nothing."""
        try:
            readable, _, _ = select.select([self.connection], [], [], 0)
            return not readable or bool(self.connection.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def _body(self) -> bytes | None:
        """Read what was sent, in one piece or in chunks; None where it is too much."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            length = int(self.headers.get("Content-Length") or 0)
            return self.rfile.read(length) if length <= _MOST_BYTES else None
        body = bytearray()
        while size := int(self.rfile.readline().split(b";")[0], 16):
            if len(body) + size > _MOST_BYTES:
                return None
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return bytes(body)

    def _send(self, answer: Answer) -> None:
        body = json.dumps(answer.body).encode()
        try:
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:  # who asked has gone
            self.close_connection = True


def parameters(content_type: str, body: bytes) -> dict[str, Any]:
    """Read the parameters of a call in each form that Telegram takes; files are left out."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        try:
            value = json.loads(body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}
    if kind == "multipart/form-data":
        form = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body, policy=policy.HTTP)
        parts = [part for part in form.iter_parts() if not part.get_filename()]
        return {
            str(part.get_param("name", header="content-disposition")): bytes(part.get_payload(decode=True)).decode()
            for part in parts
        }
    return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
