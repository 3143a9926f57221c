"""`python -m lab serve`: starts whole, restarts for real, stops without a trace, and says why when it cannot."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from dotenv import dotenv_values
from rig import until
from whole_lab import ROOT, WholeLab

from lab.flags import flag_of

RunLab = Callable[..., AbstractContextManager[WholeLab]]
SERVE = [sys.executable, "-m", "lab", "serve"]


@pytest.fixture
def home() -> Iterator[Path]:
    """A place for a lab's home with a short path, whatever this test's folder is called."""
    with TemporaryDirectory(prefix="lab-") as folder:
        yield Path(folder) / "lab"


def processes(home: Path) -> dict[int, str]:
    """Processes that carry the lab's home in their environment or arguments, by id."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            text = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if str(home).encode() in text and int(entry.name) != os.getpid():
            found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found


def pid(lab: WholeLab, module: str = "lab.api") -> int:
    return next(number for number, command in processes(lab.home).items() if f"-m {module}" in command)


def refused(*arguments: str, **environment: str) -> str:
    """Run a lab that must not start; give its message."""
    done = subprocess.run(
        [*SERVE, *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (1, ""), done
    return done.stderr


def test_prometheus_sees_every_service_and_loads_every_rule(lab: WholeLab) -> None:
    url = f"{lab.target['PROMETHEUS_URL']}/api/v1"
    jobs = {(lab.target[f"{name}_JOB"], "1") for name in ("BOT", "WORKER", "API")}

    def up() -> set[tuple[str, str]]:
        found = lab.http.get(f"{url}/query", params={"query": "up"}).json()["data"]["result"]
        return {(series["metric"]["job"], series["value"][1]) for series in found}

    until(lambda: up() >= jobs, "Prometheus sees every service")
    groups = lab.http.get(f"{url}/rules").json()["data"]["groups"]
    until(
        lambda: all(
            rule["health"] == "ok" for rule in lab.http.get(f"{url}/rules").json()["data"]["groups"][0]["rules"]
        ),
        "rules are evaluated",
    )
    assert len(groups[0]["rules"]) == 7
    # One that an earlier restart made pending is over with the next scrape.
    until(lambda: lab.http.get(f"{url}/alerts").json()["data"]["alerts"] == [], "no alert is left")


def test_an_alert_reaches_alertmanager(lab: WholeLab) -> None:
    url = f"{lab.target['ALERTMANAGER_URL']}/api/v2/alerts"
    with lab.fault("alert-firing"):
        until(
            lambda: "LabFaultAlert" in [alert["labels"]["alertname"] for alert in lab.http.get(url).json()],
            "LabFaultAlert at the Alertmanager",
        )


def test_the_storage_and_the_env_file_are_as_in_production(lab: WholeLab) -> None:
    assert stat.S_IMODE(lab.storage.stat().st_mode) == 0o750
    assert f"{lab.storage.owner()}:{lab.storage.group()}" == lab.target["STORAGE_OWNER"]
    values = dotenv_values(lab.target["ENV_FILE"])
    flags = [flag_of(stage) for stage in ("21_01a", "21_01b", "21_01c", "21_01d")]
    assert [values[flag] for flag in flags] == ["false"] * 4
    secrets = [value for key, value in values.items() if key.endswith(("PASSWORD", "TOKEN", "API_KEY"))]
    assert len(set(secrets)) == 8
    logs = "".join(file.read_text() for file in (lab.home / "logs").iterdir())
    assert [secret for secret in secrets if secret in logs] == []


@pytest.mark.parametrize("target", ["day-12-restart-api", "day-12-restart-all"])
def test_a_make_target_really_restarts(lab: WholeLab, target: str) -> None:
    before = pid(lab), lab.metric("process_start_time_seconds")
    assert lab.make(target).returncode == 0
    until(lab.healthy, "butler-api is back")
    assert pid(lab) != before[0]
    assert lab.metric("process_start_time_seconds") > before[1]


def test_a_crashed_service_comes_back(lab: WholeLab) -> None:
    before = pid(lab)
    os.kill(before, signal.SIGKILL)
    until(lambda: lab.healthy() and pid(lab) != before, "butler-api is back")


def test_two_labs_live_side_by_side_and_one_leaves_nothing(lab: WholeLab, run_lab: RunLab, home: Path) -> None:
    with run_lab("--home", str(home), "--fault", "disk-gone") as other:
        assert other.home == home
        assert other.target["API_URL"] != lab.target["API_URL"]
        assert other.upload().status_code == 500
        assert lab.upload().status_code == 201
        assert processes(other.home)
    assert not other.home.exists()
    assert processes(other.home) == {}
    assert lab.healthy()


def test_sigterm_ends_a_lab_that_is_still_starting(home: Path) -> None:
    process = subprocess.Popen([*SERVE, "--home", str(home)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    until(lambda: (home / "run" / "supervisor.sock").exists(), "supervisord is there")
    process.terminate()
    assert process.wait(60) == 0
    assert process.stdout.read() == b""
    assert not home.exists()
    assert processes(home) == {}


def test_supervisord_does_not_outlive_a_killed_lab(home: Path) -> None:
    process = subprocess.Popen([*SERVE, "--home", str(home)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    until(lambda: (home / "run" / "supervisor.sock").exists(), "supervisord is there")
    process.kill()
    process.wait()
    until(lambda: processes(home) == {}, "every process is gone")


def test_a_folder_in_use_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert f"expected a new or empty folder, found files in {tmp_path}" in refused("--home", str(tmp_path))
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


def test_a_home_whose_path_is_too_long_and_an_unknown_fault_are_refused(home: Path, tmp_path: Path) -> None:
    assert "expected a home of at most 75" in refused("--home", str(tmp_path / ("x" * 80)))
    assert "unknown fault 'nonsense'" in refused("--home", str(home), "--fault", "nonsense")
    assert not (home).exists()


def test_a_program_that_does_not_start_is_named_with_its_last_words(home: Path, tmp_path: Path) -> None:
    fake = tmp_path / "bin" / "clamd"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho no database today\nexit 3\n")
    fake.chmod(0o755)
    message = refused("--home", str(home), PATH=f"{fake.parent}:{os.environ['PATH']}")
    assert "the lab's clamd did not stay up" in message
    assert "no database today" in message
    assert not (home).exists()
    assert processes(home) == {}


def test_a_fault_is_switched_at_run_time(lab: WholeLab) -> None:
    command = [sys.executable, "-m", "lab", "fault", str(lab.home), "health-lies"]
    file = lab.home / "faults" / "health-lies"
    assert subprocess.run([*command, "on"], cwd=ROOT, check=False).returncode == 0
    assert file.exists()
    assert subprocess.run([*command, "off"], cwd=ROOT, check=False).returncode == 0
    assert not file.exists()
    wrong = subprocess.run([*command[:-1], "nonsense", "on"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "unknown fault 'nonsense'" in wrong.stderr


def test_a_plan_tells_of_the_lab_as_it_is(lab: WholeLab) -> None:
    told = {*dotenv_values(ROOT / "targets" / "lab.env").items()} - {("TARGET_PROVIDER", "python -m lab serve")}
    assert told - {*lab.target.items()} == set()


def test_ports_are_the_ones_in_the_target_file(lab: WholeLab) -> None:
    ports = json.loads((lab.home / "ports.json").read_text())
    assert lab.target["API_URL"] == f"http://127.0.0.1:{ports['butler-api']}"
    assert len(set(ports.values())) == len(ports)


@pytest.mark.parametrize("end, held", [("", 1), ("</dev/null", 0), ("<&-", 0)], ids=["pipe", "/dev/null", "closed"])
def test_only_a_standard_input_that_somebody_can_end_is_a_lease(end: str, held: int) -> None:
    """With none, as under nohup, cron or a service manager, the lab lives until it is told to stop."""
    program = f"exec {sys.executable} -c 'from lab.serve import _lease; print(len(_lease()))' {end}"
    done = subprocess.run(["sh", "-c", program], cwd=ROOT, input=b"", capture_output=True, check=True)
    assert int(done.stdout) == held
