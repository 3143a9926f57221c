"""A lab and a folder in which runs are started, killed or frozen, and looked at."""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path

from small_project import ROOT, Project

from acceptance.polling import poll
from interruption.accounts import ANN, BEN, TEAM, acting_as, give_to_team
from interruption.aftermath import MARK, faults_left, journal_fault, processes
from interruption.checks import LEASE_S, stage_of
from interruption.matrix import COLLEAGUE, Kill
from interruption.screen import unrecorded, untold
from interruption.small_disk import filled, small_disk_under

ARGS = {"plain": (), "xdist": ("-n", "2")}
LENGTHS = {"plain": 7.0, "xdist": 9.0}
FLAG_S = 5.0
"""About the time from the flag's switch to its restore in these runs."""
VICTIM_WITHIN_S = 60
ENDS_WITHIN_S = 150
RECOVERY_S = 2.5
"""About the time that `recover.py` takes; it is killed within that."""
_MARKS = {"watchdog": "acceptance.conduct.guardian", "worker": "sys.stdin.readline"}

Result = tuple[bool, bool, list[str]]


class Arena:
    """Runs one kill after the other; `lengths` are the seconds of a run that nobody kills."""

    def __init__(self, lab: Path, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._made = itertools.count(1)
        self._lab = lab
        self.lengths = LENGTHS

    def calm(self, xdist: str) -> float:
        """How long a run takes that nobody kills, in seconds; it must be a good one."""
        project, _ = self._project()
        begin = time.monotonic()
        done = project.run(*ARGS[xdist])
        assert set(done.verdicts().values()) == {"PASS"}, done.output
        return time.monotonic() - begin

    def kill(self, kill: Kill) -> Result:
        """Start a run, kill it, and look; returns (whether it hit, whether the flag was on then, what is wrong).

        A moment at which the victim was gone already is tried again, earlier.
        """
        for share in (1.0, 0.8, 0.6, 0.4):
            earlier = replace(kill, moment=kill.moment * share)
            with small_disk_under(self._lab) if kill.whom == "env file" else nullcontext() as disk:
                hit, flag_on, faults = self._kill(earlier, disk)
            if hit or faults:
                break
        return hit, flag_on, faults

    def _kill(self, kill: Kill, disk: Path | None) -> Result:
        project, mark = self._project()
        if kill.whom == COLLEAGUE:
            self._hand_to_ann(project)
        env_before = project.target.env_file.read_bytes()
        process = project.start(*ARGS[kill.xdist], **{MARK: mark})
        if kill.since == "flag":
            poll(lambda: project.flags() or process.poll() is not None, bool, 60, every=0.01)
        # the moment is the point, not a condition
        time.sleep(kill.moment * (FLAG_S if kill.since == "flag" else self.lengths[kill.xdist]))
        with filled(disk) if disk else nullcontext():
            hit = process.poll() is None if disk else _strike(kill, process, mark)
            flag_on = hit and bool(project.flags())
            faults = _second(kill, process, project) if hit else []
            try:
                output = "" if kill.signal == "hang-up" else process.communicate(timeout=ENDS_WITHIN_S)[0]
                process.wait(ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                for pid in (process.pid, *processes(mark)):  # a frozen one would hold the lab from all others
                    _send(signal.SIGKILL, [pid])
                process.wait()
                return hit, flag_on, [f"{kill}: the run did not end within {ENDS_WITHIN_S} s"]
            read = untold if output else unrecorded
            faults += read(process.returncode, output, project.folder)
            if disk and project.flags():
                faults.append(f"the flag is on while the disk is full:\n{output[-1500:]}")
        _send(signal.SIGCONT, _victims("watchdog", process.pid, mark) if "SIGSTOP" in kill.signal else [])
        if kill.whom == "recovery":
            faults += self._recovered(kill, mark)
        elif kill.whom == COLLEAGUE:
            faults += self._recovered_by_ben(mark)
        left = faults_left(project.target, mark, env_before)
        if journal_fault(project.target):
            left = self._next_start(env_before)  # controller and watchdog are both gone: the journal's turn
        if faults := faults + left:
            (project.folder / "output.txt").write_text(output)
        else:
            shutil.rmtree(project.folder)
        return hit, flag_on, [f"{kill}: {fault} ({project.folder})" for fault in faults]

    def _next_start(self, env_before: bytes) -> list[str]:
        """Where the journal was left open, the next run must find it and put all in order."""
        project, mark = self._project()
        done = project.start("-k", "test_off", **{MARK: mark})
        output = done.communicate(timeout=ENDS_WITHIN_S)[0]
        faults = faults_left(project.target, mark, env_before) + journal_fault(project.target)
        return [f"after the next start ({done.returncode}): {fault}\n{output[-800:]}" for fault in faults]

    def _recovered(self, kill: Kill, mark: str) -> list[str]:
        """Kill a recovery too; the second one must put all in order, and say so."""
        first = self._recovery(mark)
        time.sleep(kill.moment * RECOVERY_S)  # the moment is the point, not a condition
        first.kill()
        first.communicate()
        return _unsaid(self._recovery(mark))

    def _hand_to_ann(self, project: Project) -> None:
        """Let the lab be a team's, and a project one account's of it."""
        shutil.rmtree(project.target.journal_dir, ignore_errors=True)  # it was root's; let her make lock and journal
        give_to_team(self._lab.parent)
        give_to_team(self._folder)
        os.chown(project.target.env_file, ANN, TEAM)  # who is not its owner may undo a change, and make none
        project.before = acting_as(ANN, self._folder / "ann")

    def _recovered_by_ben(self, mark: str) -> list[str]:
        give_to_team(self._folder)  # where his home is
        return _unsaid(self._recovery(mark, *acting_as(BEN, self._folder / "ben")))

    def _recovery(self, mark: str, *before: str) -> subprocess.Popen[str]:
        command = [*before, sys.executable, str(ROOT / "scripts" / "ops" / "recover.py"), f"--target={self._lab}"]
        environment = os.environ | {"PYTHONPATH": str(ROOT), MARK: mark}
        return subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            stdin=subprocess.DEVNULL,
        )

    def _project(self) -> tuple[Project, str]:
        number = next(self._made)
        folder = self._folder / f"run-{number}"
        folder.mkdir()
        return stage_of(Project(folder, self._lab)), f"{os.getpid()}-{self._folder.name}-{number}"


def _unsaid(recovery: subprocess.Popen[str]) -> list[str]:
    """Say what is wrong with the end of a recovery that must have put all in order."""
    said = recovery.communicate(timeout=ENDS_WITHIN_S)[0]
    good = (recovery.returncode, "PASS: " in said) == (0, True)
    return [] if good else [f"recover.py: {recovery.returncode}, {said}"]


def _strike(kill: Kill, process: subprocess.Popen[str], mark: str) -> bool:
    """Send the signal; returns whether there was somebody to take it.

    Who is not there yet is waited for as long as the run lasts: a busy machine starts it late, and an earlier try would
    find nobody either.
    """
    controller = [process.pid] if process.poll() is None else []  # an ended run still takes signals until it is reaped
    if kill.signal == "hang-up" and process.stdout:  # a terminal that is gone takes no output either
        process.stdout.close()
        return _send(signal.SIGHUP, controller)
    if kill.whom == "controller":
        return _send(_first(kill), controller)
    whom = kill.whom if kill.whom in _MARKS else "watchdog"
    found = poll(
        lambda: _victims(whom, process.pid, mark),
        lambda found: bool(found) or process.poll() is not None,
        VICTIM_WITHIN_S,
    )
    hit = _send(_first(kill), sorted(found)[:1])
    if whom != kill.whom:  # both, and the recovery's turn
        _send(_first(kill), controller)
    return hit


def _first(kill: Kill) -> int:
    return signal.Signals[kill.signal.partition("+")[0]]


def _second(kill: Kill, process: subprocess.Popen[str], project: Project) -> list[str]:
    """Send the second signal; a run that is frozen first loses its flag, and says so when it goes on."""
    if not (name := kill.signal.partition("+")[2]):
        return []
    if frozen := kill.signal.startswith("SIGSTOP"):
        time.sleep(LEASE_S + 1)  # its end is the point
        on = poll(project.flags, lambda flags: not flags, 60)
    else:
        time.sleep(0.1 + kill.moment)
        on = []
    _send(getattr(signal, name), [process.pid] if process.poll() is None else [])
    return [f"frozen for {LEASE_S + 61} s, {on} still on"] if frozen and on else []


def _send(number: int, victims: Iterable[int]) -> bool:
    for victim in victims:
        with suppress(ProcessLookupError):
            os.kill(victim, number)
            return True
    return False


def _victims(whom: str, pid: int, mark: str) -> list[int]:
    return [each for each, command in processes(mark).items() if each != pid and _MARKS[whom] in command]
