"""``--plan`` over the real stages and a target that notices everything: it tells all and touches nothing."""

import os
import selectors
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


SERVICES = ("BOT", "WORKER", "API", "PROMETHEUS", "ALERTMANAGER", "GRAFANA", "LOKI", "HW_CHECKER")
FLAG = "USE_NEW_STORAGE_ADAPTER"


class Trap:
    """A target of which every address is a socket that remembers who came, and every file is listed."""

    def __init__(self, folder, stack):
        self.folder, self.callers = folder, []
        self._selector = selectors.DefaultSelector()
        ports = {name: self._listen(stack, name) for name in (*SERVICES, "MONGODB")}
        scanner = stack.enter_context(socket.socket(socket.AF_UNIX))
        scanner.bind(str(folder / "clamd.sock"))
        scanner.listen()
        self._selector.register(scanner, selectors.EVENT_READ, "CLAMD")
        (folder / "infra").mkdir()
        (folder / "storage").mkdir()
        self.env = folder / "infra" / ".env.infra"
        flags = (FLAG, "USE_NEW_DIALOG_CONTEXT_REPO", "USE_NEW_HOMEWORK_REVIEW_SERVICE", "USE_DECOMPOSED_USE_CASE")
        self.env.write_text("\n".join(["MONGO_PASSWORD=hidden-value", *(f"{flag}=false" for flag in flags), ""]))
        (folder / "infra" / "Makefile").write_text("%:\n\ttouch ran-$@\n")
        self.file = folder / "target.env"
        urls = "".join(f"{name}_URL=http://127.0.0.1:{ports[name]}\n" for name in SERVICES)
        self.file.write_text(
            f"TARGET_NAME=trap\nTARGET_KIND=staging\nALLOW_MUTATIONS=true\nINFRA_DIR={folder}/infra\n{urls}"
            f"MONGODB_URL=mongodb://u:canary-password@127.0.0.1:{ports['MONGODB']}/\nGRAFANA_PASSWORD=canary-grafana\n"
            f"JOURNAL_DIR={folder}/journal\nSTORAGE_ROOT={folder}/storage\nWATCH_DIRS={folder}\n"
            f"CLAMD=unix://{folder}/clamd.sock\n"
        )
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _listen(self, stack, name):
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self._selector.register(listener, selectors.EVENT_READ, name)
        return listener.getsockname()[1]

    def _accept(self):
        while not self._over.is_set():
            for key, _ in self._selector.select(0.05):
                key.fileobj.accept()[0].close()
                self.callers.append(key.data)

    def stop(self):
        self._over.set()
        self._thread.join()

    def tree(self):
        """Every file below the target with its content and its time of change."""
        return {
            str(path.relative_to(self.folder)): (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
            for path in sorted(self.folder.rglob("*"))
        }

    def pytest(self, *args):
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--target={self.file}", *args]
        env = os.environ | {"COLUMNS": "80"}
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300, check=False)

    def plan(self, *args):
        return self.pytest(f"--reports={self.folder.parent / 'out'}", "--plan", *args)


@contextmanager
def trapped(folder):
    with ExitStack() as stack:
        trap = Trap(folder, stack)
        stack.callback(trap.stop)
        yield trap


@pytest.fixture
def trap(tmp_path):
    (tmp_path / "t").mkdir()
    with trapped(tmp_path / "t") as made:
        yield made


@cache
def shown_by(trap, where):
    """The plan of a part of the suite, made once."""
    return trap.plan(where).stdout


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    """A trap that no test spoils."""
    with trapped(tmp_path_factory.mktemp("t")) as made:
        yield made


def test_nothing_is_written_and_nobody_is_called(trap):
    """The whole suite, planned, also with workers asked for: no connection, no file, no report."""
    before = trap.tree()
    done = trap.plan("-n", "2", "--html=page.html")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (trap.callers, trap.tree()) == ([], before)
    assert not (trap.folder.parent / "out").exists()
    assert not (ROOT / "page.html").exists()


def test_the_trap_notices_a_run(trap):
    """The proof above is worth something: a run of one check that only looks leaves its journal and its callers."""
    before = trap.tree()
    trap.pytest(
        f"--reports={trap.folder.parent / 'out'}", "ops_tests/stage_21_01c/test_flag_off.py", "-k", "not_at_work"
    )
    assert trap.tree() != before
    assert trap.callers


def test_every_mutation_is_told_in_order(healthy):
    lines = [line.strip() for line in shown_by(healthy, "ops_tests/stage_21_01c").splitlines()]
    wanted = [
        "journal     open",
        "preflight (",
        "deploy (",
        "journal     restart api",
        "command     make day-12-restart-api",
        "flag_on (",
        f"journal     {FLAG} false -> true",
        f"change      {FLAG}=true",
        "command     make day-12-restart-api",
        "watch       from here on every 15 s",
        "security (",
        "soak        1200 s of traffic, at most 1200 requests (60 a minute)",
        "query       gate write-errors holds at == 0:",
        "restore",
        f"change      {FLAG} back",
        "command     make day-12-restart-api",
        "remove      what bears the run's prefix",
        "journal     close",
    ]
    remaining = iter(lines)
    missing = [text for text in wanted if not any(line.startswith(text) for line in remaining)]
    assert missing == [], "\n".join(lines)


def test_every_trigger_and_gate_is_named(healthy):
    import tomllib

    raw = tomllib.loads((ROOT / "ops_tests/stage_21_01c/stage.toml").read_text())
    shown = shown_by(healthy, "ops_tests/stage_21_01c")
    assert [each["id"] for each in [*raw["gate"], *raw["trigger"]] if f" {each['id']} " not in shown] == []


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("pre_deployment", "uses        backup: A fresh backup"),
        ("pre_deployment", "look        Change ticket created"),
        ("stage_21_00", "change      flags that"),
        ("stage_21_00", "uses        baseline: The baseline of this run, measured under traffic"),
        ("stage_21_00", "command     make day-12-restart-all"),
        ("stage_21_01a", "request     POST to http://127.0.0.1"),
        ("stage_21_01d", "uses        review: One submission to the new use case."),
    ],
)
def test_what_a_stage_does_besides_is_told(healthy, where, told):
    shown = shown_by(healthy, f"ops_tests/{where}")
    assert any(line.strip().startswith(told) for line in shown.splitlines()), shown


def test_a_check_that_only_looks_changes_nothing(healthy):
    shown = shown_by(healthy, "ops_tests/stage_21_01c/test_preflight.py")
    assert "storage" in shown
    assert not [line for line in shown.splitlines() if line.strip().startswith(("change", "command", "test data   by"))]


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (("target", "ALLOW_MUTATIONS=true", "ALLOW_MUTATIONS=false"), "ALLOW_MUTATIONS is not true"),
        (("env", f"{FLAG}=false", f"{FLAG}=true"), f"{FLAG} is already true"),
        (("env", f"{FLAG}=false", "OTHER=1"), FLAG),
    ],
    ids=["mutations-not-allowed", "flag-already-on", "flag-absent"],
)
def test_what_would_refuse_the_run_is_told(trap, spoil, why):
    which, old, new = spoil
    file = trap.file if which == "target" else trap.env
    file.write_text(file.read_text().replace(old, new))
    before = trap.tree()
    done = trap.plan("ops_tests/stage_21_01c/test_flag_on.py")
    refused = done.stdout[done.stdout.find("REFUSED") :]
    assert done.returncode == 13, done.stdout
    assert why in " ".join(refused.split())
    assert (trap.callers, trap.tree()) == ([], before)


def test_production_says_when_each_stage_would_begin(trap):
    trap.file.write_text(trap.file.read_text().replace("TARGET_KIND=staging", "TARGET_KIND=production"))
    approved = ("--outside-window", "agreed with the owner", "--operator", "M. Olsen")
    done = trap.plan("ops_tests/stage_21_01c/test_flag_on.py", *approved)
    assert done.returncode == 0, done.stdout
    assert "not asked for: agreed with the owner" in " ".join(done.stdout.split())


def test_secrets_are_not_in_a_plan(healthy):
    shown = shown_by(healthy, "ops_tests")
    assert not [word for word in ("canary-password", "canary-grafana", "hidden-value") if word in shown]


def test_a_wrong_target_file_is_a_usage_error(trap):
    trap.file.write_text("TARGET_NAME=trap\n")
    done = trap.plan()
    assert done.returncode == 4
    assert "TARGET_KIND" in done.stderr + done.stdout
