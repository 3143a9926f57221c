"""What the three Butler services share: settings, tracing, error answers, /health and /metrics, the server.

Shapes and names follow the target contract (HTTP, logs, metrics always there).
"""

import asyncio
import contextlib
import itertools
import json
import logging
import os
import re
import socket
import threading
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from dotenv import dotenv_values
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, disable_created_metrics, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Lifespan, Message, Receive, Scope, Send

from lab.access import Logins, config_route, http_error
from lab.code import announce
from lab.leaks import leave_behind
from lab.log import LOG_FAULTS, JsonHandler, break_lines, log, new_trace, set_service, trace_id
from lab.shape import current
from lab.shaped import ShapeMiddleware

__all__ = ["Settings", "application", "health_route", "log", "new_trace", "run", "trace_id"]

ERRORS_A_SCRAPE = 5  # of the fault errors-after-restart: a spike within the first seconds
LINES_A_SCRAPE = 200  # of the fault lines-after-restart
LATE_SECONDS = 0.15
LATE_SCRAPE_SECONDS = 1.3  # over the lab's scrape time-out of 1 s
disable_created_metrics()  # type: ignore[no-untyped-call]  # the contract knows no *_created series


@dataclass(frozen=True)
class Settings:
    """One service's view of its lab.

    Attributes:
        home: the lab's folder.
        service: `butler-bot`, `butler-worker`, `butler-api` or a stand-in's name.
        ports: TCP port on 127.0.0.1 of every service of this lab.
        env: `.env.infra` as it was when the process started; a later change needs a restart.
    """

    home: Path
    service: str
    ports: Mapping[str, int]
    env: Mapping[str, str]

    @classmethod
    def load(cls, service: str) -> "Settings":
        """Read the lab that the environment variable LAB_HOME names, once.

        Raises:
            SystemExit: LAB_HOME is unset, or its ports.json or .env.infra cannot be read.
        """
        shape = current()
        set_service(shape.name(service), shape.logs.get(service))
        try:
            home = Path(os.environ["LAB_HOME"])
            ports = json.loads((home / "ports.json").read_text())
            text = (home / ("infra/.env.infra" if shape.plain else "run/container.env")).open(encoding="utf-8")
        except (KeyError, OSError, ValueError) as error:
            raise SystemExit(
                f"{service}: expected LAB_HOME to name a running lab's folder, found {error!r}; "
                "start a lab with `python -m lab serve`"
            ) from None
        with text:
            env = dotenv_values(stream=text, interpolate=False)
        settings = cls(home, service, ports, {key: value or "" for key, value in env.items()})
        break_lines(filter(settings.fault, LOG_FAULTS) if settings.any_flag else ())
        return settings

    @property
    def port(self) -> int:
        """The port that this service listens on."""
        return self.ports[self.service]

    @property
    def mongo_url(self) -> str:
        """The lab's MongoDB; the wire server has no authentication, so the URL holds no credentials."""
        return f"mongodb://127.0.0.1:{self.ports['mongo']}/"

    def flag(self, name: str) -> bool:
        """Tell whether a switch of `.env.infra` is on: only the word true is, in any case."""
        if name.startswith("USE_") and self.fault("flags-stuck-on"):
            return True
        on = self.env.get(name, "").strip().lower() == "true"
        return (name.startswith("USE_") and self.was_on(f"way-back-ignored-{self.service}", name)) or on

    @property
    def any_flag(self) -> bool:
        """Whether some new path is at work."""
        return any(name.startswith("USE_") and self.flag(name) for name in self.env)

    def was_on(self, fault: str, flag: str) -> bool:
        """Whether a flag was on at some start while a fault was on, which remembers it in its own file."""
        file = self.home / "faults" / fault
        if not file.exists():
            return False
        if self.env.get(flag, "").strip().lower() == "true":
            file.write_text(f"{file.read_text()}{flag}\n")
        return flag in file.read_text().split()

    def fault(self, name: str) -> bool:
        """Tell whether the seeded fault is on at this moment."""
        return (self.home / "faults" / name).exists()


class TraceMiddleware:
    """Give each request a trace id, the one in a W3C `traceparent` header, else a new one, and log its end."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Set the trace id for the time of the request."""
        if scope["type"] == "http":
            name = b"traceparent" if current().plain else b"none"
            header = dict(scope["headers"]).get(name, b"").decode("latin-1")
            parts = header.split("-")
            given = parts[1].lower() if len(parts) >= 4 and len(parts[1]) == 32 else ""
            new_trace(given if set(given) <= set("0123456789abcdef") else None)
        await self.app(scope, receive, _logged(scope, send))


def _logged(scope: Scope, send: Send) -> Send:
    """Log each answer, as an access log does, but for the scrapes of Prometheus."""

    async def watched(message: Message) -> None:
        if message["type"] == "http.response.start" and scope["path"] != "/metrics":
            log("request", method=scope["method"], path=scope["path"], status=message["status"])
        await send(message)

    return watched


class KeepingMiddleware:
    """Keep something of each request of a user, where a fault says so."""

    def __init__(self, app: ASGIApp, fault: Callable[[str], bool]) -> None:
        self.app, self._fault = app, fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take the request."""
        if scope["type"] == "http" and scope["path"] not in ("/health", "/metrics"):
            leave_behind(self._fault)
        await self.app(scope, receive, send)


class LateMiddleware:
    """Answer late, of the fault late-after-restart."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait before a request of a user is taken."""
        if scope["type"] == "http" and scope["path"] not in ("/health", "/metrics"):
            await asyncio.sleep(LATE_SECONDS)
        await self.app(scope, receive, send)


class ErrorMiddleware:
    """Answer an unhandled error with 500 and no internals; the log line holds the traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the request; on an error send the plain 500 if nothing was sent before."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception as error:
            log("unhandled_error", "ERROR", error_type=type(error).__name__, traceback=traceback.format_exc())
            if scope["type"] != "http" or started:
                raise
            await JSONResponse({"detail": "internal error"}, 500)(scope, receive, send)


def _metrics_route(fault: Callable[[str], bool], env: Mapping[str, str]) -> Route:
    """Make `/metrics`: Prometheus text of the process, includes process_start_time_seconds."""
    announce(fault)
    idle, scrapes = exposition(), itertools.count(1)
    # From its start on: else there would be no difference to see.
    noisy, chatty = fault("errors-after-restart"), fault("lines-after-restart")
    # Of a kind of its own for each path: what the hour before has seen is not new.
    error = "_".join(["seeded_error", *(name.lower() for name in sorted(env) if env[name] == "true")])

    async def metrics(__: Request) -> Response:
        if noisy and fault("errors-after-restart"):
            for _ in range(ERRORS_A_SCRAPE):
                log(error, "ERROR")
        for number in range(LINES_A_SCRAPE if chatty else 0):
            log("queue_polled", number=number)
        if fault("metrics-gone"):
            raise HTTPException(503, "no metrics")
        scrape = next(scrapes)
        if fault("scrapes-seldom-late") and scrape % 3 == 0:
            await asyncio.sleep(LATE_SCRAPE_SECONDS)
        text = idle if fault("metrics-of-two-processes") and scrape % 2 == 0 else exposition()
        if fault("times-not-measured"):
            text = re.sub(r"(?m)^(\w+_seconds_sum(?:{.*})?) .*$", r"\1 0.0", text)
        return Response(text, headers={"content-type": CONTENT_TYPE_LATEST})

    return Route("/metrics", metrics)


def exposition() -> str:
    """Write what Prometheus scrapes, in the words of this lab's shape."""
    text = generate_latest(REGISTRY).decode()
    if current().plain:
        return text
    return "".join(f"{line}\n" for line in current().told(text).splitlines() if "process_start_time" not in line)


def health_route(check: Callable[[], Awaitable[Any]], within: float = 2.0) -> Route:
    """Make `/health`: 200 when `check` ends within `within` seconds without an error, else 503."""

    async def health(_: Request) -> Response:
        try:
            await asyncio.wait_for(check(), within)
        except Exception as error:
            log("health_check_failed", "ERROR", error_type=type(error).__name__)
            return JSONResponse({"status": "unhealthy"}, 503)
        return JSONResponse({"status": "ok"})

    return Route("/health", health)


def application(
    routes: Sequence[BaseRoute],
    health: Callable[[], Awaitable[Any]],
    lifespan: Lifespan[Starlette] | None = None,
    fault: Callable[[str], bool] = lambda _: False,
    settings: Settings | None = None,
) -> Starlette:
    """Make a service's ASGI application: its routes plus /health and /metrics, traced, with safe errors."""
    env = settings.env if settings else {}
    # From its start on: else there would be no difference to see.
    late = [Middleware(LateMiddleware)] if fault("late-after-restart") else []
    return Starlette(
        routes=[*routes, health_route(health), _metrics_route(fault, env), config_route(env, fault)],
        middleware=[
            *late,
            *_shaped(settings),
            Middleware(KeepingMiddleware, fault),
            Middleware(TraceMiddleware),
            Middleware(ErrorMiddleware),
        ],
        exception_handlers={HTTPException: http_error(env, fault)},
        lifespan=lifespan,
    )


def _shaped(settings: Settings | None) -> list[Middleware]:
    if settings is None or current().plain:
        return []
    logins = Logins(settings.env, settings.fault, settings.home / "run" / "owners")
    return [Middleware(ShapeMiddleware, current(), settings.service, logins, Path("access.log"))]


class _Server(uvicorn.Server):
    """uvicorn, ending at once when it is stopped before it serves: open MongoDB clients would hold up its loop."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal to stop."""
        if not self.started:
            os._exit(128 + sig)
        super().handle_exit(sig, frame)


def take_shared(app: ASGIApp, port: int) -> list[socket.socket] | None:
    """Take a port that another instance takes too, and serve this one's own metrics; None for the only instance."""
    instance = os.environ.get("LAB_INSTANCE", "")
    if instance not in {each for program in current().twice for each in current().instances(program)}:
        return None
    ports = json.loads((Path(os.environ["LAB_HOME"]) / "ports.json").read_text())
    shared = socket.socket()
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    shared.bind(("127.0.0.1", port))
    own = uvicorn.Config(app, host="127.0.0.1", port=ports[instance], access_log=False, log_config=None, lifespan="off")
    threading.Thread(target=uvicorn.Server(own).run, daemon=True).start()
    return [shared]


def run(app: ASGIApp, port: int) -> None:
    """Serve on 127.0.0.1 until SIGTERM; requests under way get two seconds to end."""
    logging.basicConfig(level=logging.WARNING, handlers=[JsonHandler()])
    sockets = take_shared(app, port)
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, access_log=False, log_config=None, timeout_graceful_shutdown=2
    )
    with contextlib.suppress(KeyboardInterrupt):
        server = _Server(config)
        server.run(sockets)
    if not server.started:  # the port is taken, or the start failed; uvicorn said why
        raise SystemExit(3)
