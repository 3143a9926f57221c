"""Turn a service round at its edge, so that it looks as its shape says (`lab.shape`)."""

import contextlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lab.access import Logins
from lab.shape import Shape

_OPEN = ("/health", "/health/", "/metrics")


class ShapeMiddleware:
    """Take requests in a shape's words and give answers in them."""

    def __init__(self, app: ASGIApp, shape: Shape, program: str, logins: Logins, own_log: Path | None = None) -> None:
        self.app, self.shape, self.logins, self.own_log = app, shape, logins, own_log
        self.fields = shape.fields.get(program, {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or self.shape.plain:
            return await self.app(scope, receive, send)
        self._note(scope["path"])
        if early := self._early(Request(scope)):
            return await early(scope, receive, send)
        scope = {**scope, "path": self._path(scope["path"]), "query_string": self._query(scope["query_string"])}
        scope["raw_path"] = scope["path"].encode()
        login = Request(scope).headers.get("authorization", "")
        return await self.app(scope, self._received(scope, receive), self._sent(send, login))

    def _note(self, path: str) -> None:
        """Add a line to the service's own file, which lies where it works."""
        if self.own_log:
            with self.own_log.open("a", encoding="utf-8") as file:
                file.write(f"{time.time():.3f} {path!r}\n")

    def _early(self, request: Request) -> Response | None:
        """Answer without the service: the redirect of its health, or no login."""
        if request.url.path == "/health":
            return RedirectResponse("/health/", 307)
        if request.url.path in _OPEN:
            return None
        return self.logins.refusal(request.headers.get("authorization", ""), request.url.path)

    def _path(self, path: str) -> str:
        if path == "/health/":
            return "/health"
        for theirs, ours in self.shape.routes.items():
            if f"{path}/".startswith(f"{ours}/"):
                return theirs + path.removeprefix(ours)
            if f"{path}/".startswith(f"{theirs}/"):
                return "/nothing"
        return path

    def _query(self, query: bytes) -> bytes:
        for theirs, ours in self.fields.items():
            query = query.replace(f"{ours}=".encode(), f"{theirs}=".encode())
        return query

    def _received(self, scope: Scope, receive: Receive) -> Receive:
        """Give a JSON body in the contract's words; it is small, so it comes at once."""
        if not dict(scope["headers"]).get(b"content-type", b"").startswith(b"application/json"):
            return receive
        back = {ours: theirs for theirs, ours in self.fields.items()}

        async def whole() -> Message:
            body, more = b"", True
            while more:
                message = await receive()
                if message["type"] != "http.request":
                    return message
                body, more = body + message.get("body", b""), message.get("more_body", False)
            return {"type": "http.request", "body": renamed(body, back), "more_body": False}

        return whole

    def _sent(self, send: Send, login: str) -> Send:
        """Give a JSON answer in the shape's words."""
        start: Message = {}

        async def turned(message: Message) -> None:
            nonlocal start
            if (
                message["type"] == "http.response.start"
                and (b"content-type", b"application/json") in message["headers"]
            ):
                start = message
            elif message["type"] == "http.response.body" and start:
                self._keep(login, message.get("body", b""))
                body = renamed(message.get("body", b""), self.fields, self.shape.without)
                kept = [header for header in start["headers"] if header[0] != b"content-length"]
                await send({**start, "headers": [*kept, (b"content-length", str(len(body)).encode())]})
                start = {}
                await send({**message, "body": body})
            else:
                await send(message)

        return turned

    def _keep(self, login: str, body: bytes) -> None:
        if task := _task_of(body):
            self.logins.keep(login, task)


def _task_of(body: bytes) -> str:
    """Give the task that an answer is about; empty where it names none."""
    with contextlib.suppress(ValueError):
        value = json.loads(body)
        return str(value.get("task_id", "")) if isinstance(value, dict) else ""
    return ""


def renamed(body: bytes, names: Mapping[str, str], without: tuple[str, ...] = ()) -> bytes:
    """Rename the fields of a JSON text, at any depth; what is none stays as it is."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return body
    return json.dumps(_renamed(value, names, without)).encode()


def _renamed(value: Any, names: Mapping[str, str], without: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {names.get(key, key): _renamed(one, names, without) for key, one in value.items() if key not in without}
    if isinstance(value, list):
        return [_renamed(one, names, without) for one in value]
    return value
