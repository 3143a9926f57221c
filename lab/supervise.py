"""Start supervisord, wait until the lab is ready, stop it and all that it kept."""

import base64
import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
import xmlrpc.client
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from lab import certificate
from lab.layout import Layout
from lab.programs import Program
from lab.shape import current

_READY_SECONDS = 45.0
_STOP_SECONDS = 15.0
_SECONDS_BETWEEN_LOOKS = 0.5  # at supervisord's states, each of which costs it and us as much as ten of our own
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


class StartError(Exception):
    """A lab did not become ready; the message names the program and the end of its log."""


def start(layout: Layout) -> subprocess.Popen[bytes]:
    """Start supervisord in a session of its own; the kernel ends it when this process dies, however it dies."""
    parent = os.getpid()

    def die_with_parent() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return subprocess.Popen(
        [sys.executable, "-m", "supervisor.supervisord", "-c", str(layout.config)],
        stdin=subprocess.DEVNULL,
        stdout=layout.log("supervisord.out").open("wb"),
        stderr=subprocess.STDOUT,
        cwd=layout.home,
        start_new_session=True,
        preexec_fn=die_with_parent,
    )


def wait_ready(layout: Layout, keeper: subprocess.Popen[bytes], programs: list[Program]) -> None:
    """Wait until every program takes connections and Prometheus sees all its targets up.

    Raises:
        StartError: one gave up, or the time is over.
    """
    deadline = time.monotonic() + _READY_SECONDS
    _until(lambda: layout.control.exists(), "supervisord", layout, keeper, deadline)
    for program in programs:
        _until(lambda program=program: _listens(program, layout), program.name, layout, keeper, deadline)  # type: ignore[misc]
    prometheus = next(program.port for program in programs if program.name == "prometheus")
    names = {current().name(program.name) for program in programs}
    _until(lambda: _all_up(layout, prometheus, names), "prometheus", layout, keeper, deadline)


def stop(layout: Layout, keeper: subprocess.Popen[bytes]) -> None:
    """End supervisord and its programs; what outlives it is killed."""
    if keeper.poll() is None:
        keeper.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            keeper.wait(_STOP_SECONDS)
    for pid in (*_of_lab(layout), *([keeper.pid] if keeper.poll() is None else [])):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    keeper.wait()


def _until(
    ready: Callable[[], bool], name: str, layout: Layout, keeper: subprocess.Popen[bytes], deadline: float
) -> None:
    look = time.monotonic() + _SECONDS_BETWEEN_LOOKS
    while not ready():
        if keeper.poll() is not None:
            raise _failed("supervisord", f"ended with code {keeper.returncode}", layout)
        if time.monotonic() > look:
            if gave_up := _gave_up(layout):
                raise _failed(gave_up, "did not stay up", layout)
            look = time.monotonic() + _SECONDS_BETWEEN_LOOKS
        if time.monotonic() > deadline:
            raise _failed(name, f"was not ready within {_READY_SECONDS:.0f} s", layout)
        time.sleep(0.05)


def _failed(name: str, what: str, layout: Layout) -> StartError:
    logs = [layout.log(name), layout.log(f"{name}.out")]
    lines = [line for log in logs if log.exists() for line in log.read_text(errors="replace").splitlines()]
    tail = "\n".join(f"  {line[:500]}" for line in lines[-8:]) or "  (its log is empty)"
    return StartError(f"the lab's {name} {what}; the end of its log {logs[0]}:\n{tail}")


def _gave_up(layout: Layout) -> str | None:
    if not layout.control.exists():
        return None
    with contextlib.suppress(OSError, xmlrpc.client.Error):
        for process in _control(layout).supervisor.getAllProcessInfo():
            if process["statename"] == "FATAL":
                return str(process["name"])
    return None


def _control(layout: Layout) -> Any:
    transport = SupervisorTransport(None, None, serverurl=f"unix://{layout.control}")
    return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)


def _listens(program: Program, layout: Layout) -> bool:
    family = socket.AF_INET if program.port else socket.AF_UNIX
    with socket.socket(family) as probe:
        probe.settimeout(1)
        try:
            probe.connect(("127.0.0.1", program.port) if program.port else str(layout.clamd))
        except OSError:
            return False
    return True


def _all_up(layout: Layout, port: int, names: set[str]) -> bool:
    """Tell whether Prometheus scraped every target that this lab runs."""
    query = urllib.parse.urlencode({"query": "up == 1"})
    secure = urllib.request.HTTPSHandler(context=certificate.trusting(layout.infra / "prometheus"))
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}), secure)
    try:
        with direct.open(_asking(port, f"query?{query}"), timeout=2) as answer:
            result = json.load(answer)["data"]["result"]
        with direct.open(_asking(port, "targets"), timeout=2) as answer:
            wanted = {target["labels"]["job"] for target in json.load(answer)["data"]["activeTargets"]}
    except (OSError, ValueError, KeyError):
        return False
    seen = {series["metric"]["job"] for series in result}
    return bool(seen) and wanted & names <= seen


def _asking(port: int, what: str) -> urllib.request.Request:
    shape = current()
    login = base64.b64encode(":".join(shape.prometheus_login or ()).encode()).decode()
    url = f"{shape.prometheus_scheme}://127.0.0.1:{port}{shape.prometheus_path}/api/v1/{what}"
    return urllib.request.Request(url, headers={"Authorization": f"Basic {login}"} if login else {})


def _of_lab(layout: Layout) -> Iterator[int]:
    """Find processes that still carry this lab's LAB_HOME in their environment."""
    mark = f"LAB_HOME={layout.home}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(entry.name) != os.getpid() and mark in (entry / "environ").read_bytes().split(b"\0"):
                yield int(entry.name)
