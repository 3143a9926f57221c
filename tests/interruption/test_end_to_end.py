"""Rollbacks that fail, and kills at chosen points of a restart, over a real lab."""

import os
import signal
import subprocess
import sys
import time

import pytest
from held_lab import broken, control, control_command, held_lab, retold
from small_project import ROOT, Project

from acceptance.conduct.journal import Journal
from acceptance.events import read_events
from acceptance.polling import poll
from acceptance.process import is_stopped
from interruption.aftermath import MARK, faults_left, journal_fault, leftovers, processes
from interruption.small_disk import small_disk

FAILS = (
    "\ndef test_fails(flag_on, target):\n    (target.infra_dir / 'broken').touch()\n    assert 'seen' == 'expected'\n"
)
GOOD = "def test_on(flag_on): assert flag_on.restarted.proved\n"
RESTART = """
[ -e broken ] && { echo "make: *** no room"; exit 1; }
wait_at() { [ -e "wait-$1" ] && mv "wait-$1" waiting && cat gate; return 0; }
wait_at before
make day-12-restart-api || exit 1
wait_at after
"""
"""Restarts the API; ends with 1 while ``broken`` is there, and waits on a FIFO where it is told to, once."""


class Scene:
    """A lab whose API is restarted by our own script, and a project that runs against it."""

    def __init__(self, folder, lab):
        self.project = Project(folder, retold(lab, "scene", RESTART_API="sh restart.sh", RESTART_TIMEOUT_SECONDS="20"))
        self.target = self.project.target
        self.infra = self.target.infra_dir
        (self.infra / "restart.sh").write_text(RESTART)
        self.gate = self.infra / "gate"
        if not self.gate.exists():
            os.mkfifo(self.gate)
        self.env_before = self.target.env_file.read_bytes()
        self.mark = f"{os.getpid()}-{folder.name}"
        self.restarted = "lab.api"
        self.environment = os.environ | {"PYTHONPATH": str(ROOT)}
        self.recovery = [sys.executable, str(ROOT / "scripts/ops/recover.py"), f"--target={self.target.source}"]

    def start(self, *args):
        return self.project.start(*args, **{MARK: self.mark})

    def run(self, *args):
        return self.project.finish(self.start(*args))

    def recover(self):
        return subprocess.run(
            self.recovery, env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )

    def recovering(self):
        """Have a colleague recover, whose restart waits until it is let go."""
        (self.infra / "wait-before").touch()
        process = subprocess.Popen(self.recovery, env=self.environment)
        self.await_restart()
        return process

    def stopped_in_restart(self, place):
        """Start a run and wait until its restart is at ``place``, where it stays until it is let go."""
        (self.infra / f"wait-{place}").touch()
        process = self.start()
        self.await_restart()
        return process

    def await_restart(self):
        assert poll((self.infra / "waiting").exists, bool, 150)
        (self.infra / "waiting").unlink()

    def kill_watchdog(self):
        watchdogs = [pid for pid, each in processes(self.mark).items() if "acceptance.conduct.guardian" in each]
        os.kill(watchdogs[0], signal.SIGKILL)

    def killed_in_restart(self, place, *victims):
        """Start a run, wait until its restart is at ``place``, and kill these."""
        process = self.stopped_in_restart(place)
        for victim in victims:
            process.kill() if victim == "controller" else self.kill_watchdog()
        return process

    def let_go(self):
        self.gate.write_text("go\n")

    def faults(self):
        return faults_left(self.target, self.mark, self.env_before, self.restarted) + journal_fault(self.target)

    def pending(self):
        return [entry.undo["kind"] for entry in Journal(self.target.journal_file, "look").pending()]


@pytest.fixture(scope="module")
def lab():
    with held_lab() as target_file:
        yield target_file


@pytest.fixture
def scene(tmp_path, lab):
    made = Scene(tmp_path, lab)
    yield made
    for name in ("broken", "waiting", "wait-before", "wait-after"):
        (made.infra / name).unlink(missing_ok=True)
    assert made.faults() == []


def test_restart_target_that_fails_in_the_rollback_is_the_loudest_thing(scene):
    scene.project.stage("21_01c", flag_on=GOOD + FAILS)
    done = scene.run()
    assert (done.code, done.outcome) == (12, "NO-GO"), done.output
    failed = done.of("rollback.finished")[0]
    assert failed["ok"] is False
    assert "make: *** no room" in failed["account"]
    assert f"cd {scene.infra} && sh restart.sh" in failed["by_hand"]
    assert f"USE_NEW_STORAGE_ADAPTER is false in {scene.target.env_file}" in failed["state"]  # the file is back
    assert "ROLLBACK FAILED" in done.of("run.finished")[0]["reasons"][0]
    assert scene.pending() == ["flag"]
    refused = scene.run()
    assert (refused.code, "could not be undone" in refused.output) == (14, True), refused.output
    (scene.infra / "broken").unlink()
    recovered = scene.recover()
    assert recovered.returncode == 0, recovered.stderr


def test_service_that_does_not_come_back_with_its_flag_on_is_rolled_back(scene, lab):
    scene.project.stage("21_01c", flag_on=GOOD)
    with broken(lab, "service-does-not-come-back"):
        done = scene.run()
        assert (done.code, done.outcome) == (1, "NO-GO"), done.output
        assert done.of("rollback.finished")[-1]["ok"] is True


def test_service_that_stays_on_the_new_path_is_a_failed_rollback_until_it_leaves_it(scene, lab):
    scene.restarted = "lab.worker"
    scene.project.stage("21_01d", flag_on="def test_on(flag_on): assert not flag_on.restarted.proved\n")
    with broken(lab, "flags-stuck-on"):
        done = scene.run()
    assert (done.code, done.outcome) == (12, "NO-GO"), done.output
    failed = done.of("rollback.finished")[0]
    assert "it still takes the new path" in failed["account"]
    assert f"cd {scene.infra} && make day-12-restart-workers" in failed["by_hand"]
    assert (scene.pending(), scene.project.flags()) == (["flag"], [])
    recovered = scene.recover()
    assert (recovered.returncode, "shows nothing of the new path" in recovered.stdout) == (0, True), recovered


@pytest.mark.parametrize("place", ["before", "after"])
def test_controller_killed_in_a_restart_is_undone_once_that_has_ended(scene, place):
    scene.project.stage("21_01c", flag_on=GOOD)
    process = scene.killed_in_restart(place, "controller")
    process.wait(10)
    assert scene.target.env_file.read_bytes() != scene.env_before  # the watchdog waits for the change in progress
    scene.let_go()
    done = scene.project.finish(process)
    assert poll(lambda: journal_fault(scene.target), lambda fault: not fault, 60) == []
    assert done.code == -signal.SIGKILL
    assert poll(lambda: list(scene.project.folder.glob("out/*/record.html")), bool, 30), "the watchdog draws the page"


@pytest.mark.parametrize("signals", [["SIGINT"], ["SIGTERM"], ["SIGINT", "SIGINT"], ["SIGQUIT", "SIGHUP", "SIGTERM"]])
def test_signals_while_the_flag_is_switched_have_one_ending(scene, signals):
    """Exit code 2, a panel with the truth as the last word, and somebody who says meanwhile what is going on."""
    scene.project.stage("21_01c", flag_on=GOOD)
    process = scene.stopped_in_restart("before")
    for name in signals:
        process.send_signal(getattr(signal, name))
        time.sleep(1.2)  # as a person presses again, while nothing seems to happen
    scene.let_go()
    done = scene.project.finish(process)
    assert (done.code, done.outcome) == (2, "INTERRUPTED"), done.output
    assert "undo, 1 s: restarting" in done.output
    last = done.output[done.output.rindex("INTERRUPTED") :]
    assert ("flags now" in last, "=true" in last, "undo," in last) == (True, False, False), last
    assert "Traceback" not in done.output


def test_output_that_nobody_reads_any_more_leaves_no_flag_on_and_has_its_record(scene):
    """`pytest | head`, or a terminal that went away without a signal: each write of pytest's own fails."""
    scene.project.stage("21_01c", flag_on=GOOD)
    process = scene.stopped_in_restart("before")
    process.stdout.close()
    scene.let_go()
    code = process.wait(120)
    assert poll(lambda: journal_fault(scene.target), lambda fault: not fault, 60) == []
    ended = [event.data for log in scene.project.folder.glob("out/*/events.jsonl") for event in read_events(log)][-1]
    assert (code != 0, ended.get("outcome") != "GO", list(scene.project.folder.glob("out/*/record.html")) != []) == (
        True,
        True,
        True,
    ), (code, ended)


@pytest.mark.parametrize("writing", ["", "fcntl.flock(log, fcntl.LOCK_EX); "], ids=["", "while it writes to the log"])
def test_stopped_run_is_rolled_back_when_its_lease_ends_and_says_so_when_it_goes_on(scene, writing):
    """Ctrl-Z, a debugger, a frozen cgroup: the flag is on, and nobody looks."""
    stops = f"    with open(run.events) as log: {writing}os.kill(os.getpid(), signal.SIGSTOP)\n"
    scene.project.stage(
        "21_01c",
        flag_on=GOOD,
        soak=f"import fcntl\ndef test_waits(flag_on, run):\n{stops}    time.sleep(6)\n",
        exit_gate="def test_accepted(stage_work): stage_work.conductor.accept('21_01c')\n",
    )
    stage_file = scene.project.folder / "ops_tests" / "stage_21_01c" / "stage.toml"
    stage_file.write_text("blind_seconds = 6\n" + stage_file.read_text())
    process = scene.start()
    assert poll(lambda: is_stopped(process.pid), bool, 90)
    assert poll(scene.project.flags, lambda on: not on, 60) == []
    process.send_signal(signal.SIGCONT)
    done = scene.project.finish(process)
    assert (done.code in (10, 11), done.outcome) == (True, "INCONCLUSIVE"), done.output
    assert "no evaluation on fresh data for 6 s" in done.of("run.finished")[0]["reasons"][0]


@pytest.mark.parametrize("place", ["before", "after"])
def test_watchdog_killed_in_a_restart_ends_the_run_which_undoes_it(scene, place):
    scene.project.stage("21_01c", flag_on=GOOD)
    process = scene.killed_in_restart(place, "watchdog")
    done = scene.project.finish(process)
    scene.let_go()  # the restart itself outlived the watchdog
    assert done.outcome == "INTERRUPTED", done.output
    assert ("recovery.undone" in done.kinds(), "undo, 1 s: " in done.output) == (True, True), done.output
    assert "flags now     USE_NEW_STORAGE_ADAPTER=false" in done.output


def test_colleague_who_recovers_already_is_waited_for(scene):
    scene.project.stage("21_01c", flag_on=GOOD)
    process = scene.stopped_in_restart("before")
    process.send_signal(signal.SIGSTOP)
    scene.kill_watchdog()
    colleague = scene.recovering()
    process.send_signal(signal.SIGCONT)
    time.sleep(6)  # longer than the lock of somebody who was just killed is waited for
    scene.let_go()
    assert colleague.wait(60) == 0
    done = scene.project.finish(process)
    assert (done.code, "ROLLBACK FAILED" in done.output, "=true" in done.output) == (2, False, False), done.output


@pytest.mark.parametrize("place", ["before", "after"])
def test_all_killed_in_a_restart_is_undone_by_the_next_start(scene, place):
    scene.project.stage("21_01c", flag_on=GOOD)
    process = scene.killed_in_restart(place, "watchdog", "controller")
    process.wait(10)
    assert scene.pending() == ["flag"]
    scene.let_go()
    done = scene.run()
    assert (done.code, done.verdicts()) == (10, {"test_on": "PASS"}), done.output
    assert "recovery.undone" in done.kinds()


def test_database_down_at_the_end_is_told_and_the_next_run_removes_the_data(scene, lab):
    body = """
from acceptance.conduct.testdata import database
def test_writes(target, new_id):
    with database(target) as mongo:
        mongo["long_tasks"].insert_one({"user_id": new_id("late")})
    os.system(pathlib.Path('stop').read_text())
    assert 'seen' == 'expected'
"""
    scene.project.stage("21_01c", flag_on=body)
    (scene.project.folder / "stop").write_text(" ".join(control_command(lab, "stop", "infra:mongo")))
    try:
        done = scene.run()
    finally:
        control(lab, "start", "infra:mongo")
    assert (done.code, done.outcome) == (1, "NO-GO"), done.output  # for its check; the rollback did not fail
    assert any("LEFT TO THE NEXT START" in reason for reason in done.of("run.finished")[0]["reasons"])
    assert "ROLLBACK FAILED" not in done.output
    assert (scene.pending(), scene.project.flags()) == (["data"], [])
    assert leftovers(scene.target)
    (scene.project.folder / "stop").write_text("true")
    assert "recovery.undone" in scene.run().kinds()


def test_full_disk_of_the_reports_does_not_keep_the_flag_on(scene, tmp_path):
    body = """
def test_fills(flag_on, run):
    with open(run.folder / 'ballast', 'wb', buffering=0) as ballast:
        for size in (65536, 1024, 1):
            try:
                while True: ballast.write(bytes(size))
            except OSError: pass
    assert 'seen' == 'expected'
"""
    scene.project.stage("21_01c", flag_on=body)
    with small_disk(tmp_path / "out"):
        done = scene.run()
        last = done.output[done.output.rindex("NOT RECORDED (exit 3)") :]
        assert ("No space left" in last, f"STORAGE_ADAPTER is false in {scene.target.env_file}" in last) == (True, True)
        assert (done.code, "Traceback" in last, scene.project.flags()) == (3, False, [])
