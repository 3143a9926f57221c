"""A few of the lab's services over a real MongoDB wire server, for tests of one service at a time."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from pymongo import MongoClient
from pymongo.database import Database

from lab import binaries, monitoring

ROOT = Path(__file__).resolve().parents[2]
NAMES = (
    *("butler-bot", "butler-worker", "butler-api", "mongo"),
    *("prometheus", "alertmanager", "grafana", "loki", "hw-checker"),
)
SECRETS = {"GRAFANA_PASSWORD": "grafana-secret", "HW_CHECKER_API_KEY": "checker-secret"}


def until(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """Wait till the condition gives something true, and give that."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.02)
    return found


class Rig:
    """A lab's folder with the services that a test starts."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.ports = dict(zip(NAMES, _free_ports(len(NAMES)), strict=True))
        self._flags: dict[str, dict[str, str]] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        for folder in ("infra", "faults", "logs", "db", "var/butler/review_archives"):
            (home / folder).mkdir(parents=True)
        (home / "ports.json").write_text(json.dumps(self.ports))
        self.env()
        self._start("mongo", _mongo_command(home, self.ports["mongo"]))
        until(lambda: _listens(self.ports["mongo"]), "mongo listens")
        self.http = httpx.Client(timeout=20, trust_env=False)
        self.client: MongoClient[dict[str, Any]] = MongoClient(f"mongodb://127.0.0.1:{self.ports['mongo']}/")

    @property
    def db(self) -> Database[dict[str, Any]]:
        return self.client["butler"]

    def env(self, **values: str) -> None:
        lines = {**SECRETS, **values}
        (self.home / "infra" / ".env.infra").write_text("".join(f"{k}={v}\n" for k, v in lines.items()))

    def url(self, service: str, path: str = "") -> str:
        return f"http://127.0.0.1:{self.ports[service]}{path}"

    def ensure(self, service: str, **flags: str) -> None:
        """Start the service unless it runs with just these flags."""
        if self._flags.get(service) != flags:
            self.start(service, **flags)

    def start(self, service: str, **flags: str) -> None:
        """(Re)start one service with these flags and wait till it answers."""
        self.stop(service)
        self._flags[service] = flags
        self.env(**flags)
        module = service.replace("butler-", "lab.") if service.startswith("butler-") else f"lab.standins.{service}"
        self._start(service, [sys.executable, "-m", module.replace("hw-checker", "hw_checker")])
        until(lambda: self._alive(service) and _listens(self.ports[service]), f"{service} listens")

    def start_prometheus(self) -> None:
        """Start the real one over this rig's services."""
        folder = self.home / "infra" / "prometheus"
        folder.mkdir(exist_ok=True)
        (folder / "prometheus.yml").write_text(monitoring.prometheus(self.ports))
        (folder / "alert_rules.yml").write_text(monitoring.RULES)
        options: dict[str, object] = {
            "config.file": folder / "prometheus.yml",
            "storage.tsdb.path": self.home / "db" / "prometheus",
        }
        options["web.listen-address"] = f"127.0.0.1:{self.ports['prometheus']}"
        binary = (binaries.find() or binaries.fetch()).prometheus
        self._start("prometheus", [str(binary), *(f"--{name}={value}" for name, value in options.items())])
        until(lambda: self._alive("prometheus") and _listens(self.ports["prometheus"]), "prometheus listens")

    def stop(self, service: str, how: signal.Signals = signal.SIGTERM) -> None:
        self._flags.pop(service, None)
        if process := self._running.pop(service, None):
            process.send_signal(how)
            process.wait(10)

    def pid(self, service: str) -> int:
        return self._running[service].pid

    def fault(self, name: str, on: bool = True) -> None:
        path = self.home / "faults" / name
        path.touch() if on else path.unlink(missing_ok=True)

    @contextmanager
    def broken(self, name: str) -> Iterator[None]:
        self.fault(name)
        try:
            yield
        finally:
            self.fault(name, on=False)

    def events(self, service: str) -> list[dict[str, Any]]:
        """The log lines of the service so far, but for those of the requests as such."""
        lines = map(json.loads, (self.home / "logs" / f"{service}.log").read_text().splitlines())
        return [line for line in lines if line["event"] != "request"]

    def metrics(self, service: str) -> str:
        return self.http.get(self.url(service, "/metrics")).text

    def close(self) -> None:
        self.client.close()
        self.http.close()
        for service in list(self._running):
            self.stop(service, signal.SIGKILL)

    def _start(self, name: str, command: list[str]) -> None:
        environment = {**os.environ, "LAB_HOME": str(self.home)}
        with (self.home / "logs" / f"{name}.log").open("ab") as to:
            self._running[name] = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=to, stderr=to
            )

    def _alive(self, service: str) -> bool:
        if self._running[service].poll() is not None:
            raise AssertionError((self.home / "logs" / f"{service}.log").read_text()[-2000:])
        return True


def sample(metrics: str, start: str) -> float | None:
    """The value of the one sample whose line starts so, or None."""
    return next((float(line.rsplit(" ", 1)[1]) for line in metrics.splitlines() if line.startswith(start)), None)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _mongo_command(home: Path, port: int) -> list[str]:
    server = Path(sys.executable).with_name("nx-27017")
    return [
        str(server), "--db", str(home / "db" / "lab.db"), "--port", str(port),
        "--log-file", str(home / "db" / "log"), "--pid-file", str(home / "db" / "pid"),
    ]  # fmt: skip
