"""What the services share: the env file's switches, traces, and errors that tell nothing."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lab import service
from lab.log import log, set_service
from lab.service import Settings, application, trace_id


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that Settings.load accepts."""
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / ".env.infra").write_text("A=true\n")
    (tmp_path / "ports.json").write_text(json.dumps({"butler-api": 1, "mongo": 2}))
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    "text, on",
    [
        ("F=true\n", True),
        ("F=false\nF=true\n", True),
        ("F=true\nF=false\n", False),
        ('export F="TRUE"', True),
        ("F='true'\r\n", True),
        ("F=1\n", False),
        ("F=yes\n", False),
        ("F=\n", False),
        ("# F=true\n", False),
    ],
)
def test_a_flag_is_read_as_a_shell_would(home: Path, text: str, on: bool) -> None:
    (home / "infra" / ".env.infra").write_bytes(text.encode())
    assert Settings.load("butler-api").flag("F") is on


def test_flags_are_those_of_the_start_and_faults_those_of_the_moment(home: Path) -> None:
    settings = Settings.load("butler-api")
    (home / "infra" / ".env.infra").write_text("A=false\n")
    assert settings.flag("A")
    assert not settings.fault("x")
    (home / "faults").mkdir()
    (home / "faults" / "x").touch()
    assert settings.fault("x")


def test_without_a_lab_the_message_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAB_HOME", raising=False)
    with pytest.raises(SystemExit, match="expected LAB_HOME to name a running lab's folder"):
        Settings.load("butler-api")


async def _crash(_: Request) -> Response:
    raise ValueError("mongodb://user:secret@host")


async def _trace(_: Request) -> Response:
    return Response(trace_id())


async def _fine() -> None:
    return None


async def _ill() -> None:
    raise OSError


def get(path: str, check: Callable[[], Awaitable[None]] = _fine, **headers: str) -> httpx.Response:
    """Ask an application with two routes, without a server."""
    return _ask(application([Route("/crash", _crash), Route("/trace", _trace)], check), path, **headers)


def _ask(app: Starlette, path: str, **headers: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://lab") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(ask())


def test_an_unhandled_error_is_a_plain_500_with_the_cause_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    answer = get("/crash")
    assert (answer.status_code, answer.json()) == (500, {"detail": "internal error"})
    line = json.loads(capsys.readouterr().err.splitlines()[0])
    assert (line["event"], line["error_type"]) == ("unhandled_error", "ValueError")


def test_an_unknown_path_is_a_json_404() -> None:
    assert get("/nothing").json() == {"detail": "Not Found"}


@pytest.mark.parametrize(
    "header, kept",
    [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", True),
        ("00-short-00f067aa0ba902b7-01", False),
        ("00-zzzz2f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", False),
        ("", False),
    ],
)
def test_a_trace_is_taken_over_or_made(header: str, kept: bool) -> None:
    trace = get("/trace", traceparent=header).text
    assert len(trace) == 32
    assert (trace in header) is kept


def test_health_is_503_when_its_check_fails() -> None:
    assert get("/health").status_code == 200
    assert get("/health", _ill).status_code == 503


def test_metrics_tell_when_the_process_started() -> None:
    assert "process_start_time_seconds" in get("/metrics").text


@pytest.mark.parametrize(
    ("fault", "counted", "late"),
    [("metrics-of-two-processes", [1, 0, 1], 0), ("scrapes-seldom-late", [1, 1, 1], 1), ("", [1, 1, 1], 0)],
)
def test_faults_of_scrapes(fault: str, counted: list[int], late: int, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    counter = Counter("lab_scraped", "What one process counts", registry=(registry := CollectorRegistry()))
    monkeypatch.setattr(service, "REGISTRY", registry)
    app = application([], _fine, fault=lambda name: name == fault)
    monkeypatch.setattr(asyncio, "sleep", wait)
    counter.inc()
    texts = [_ask(app, "/metrics").text for _ in range(3)]
    assert (["lab_scraped_total 1.0" in text for text in texts], len(waits)) == ([*map(bool, counted)], late)


@pytest.mark.parametrize(
    "form, told",
    [
        ("json", ['"event": "turn_failed"']),
        ("text", [" - butler-bot - ERROR - Turn failed: user u1"]),
        ("rich", ["] ERROR    Turn failed: user u1\n", "\n                    ERROR    Turn failed: user u1\n"]),
    ],
)
def test_a_log_is_written_in_the_form_asked_for(
    form: str, told: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_LOG_FORMAT", form)
    set_service("butler-bot")
    for _ in range(3):  # two at least within one second
        log("turn_failed", "ERROR", user="u1")
    written = capsys.readouterr().err
    assert [each for each in told if each not in written] == []
