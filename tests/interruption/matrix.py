"""The matrix: which signal, with or without xdist, to whom; each cell a number of kills at random moments."""

import itertools
import os
import random
import shutil
import signal
import subprocess
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field, replace

from small_project import Project

from acceptance.polling import poll
from interruption.aftermath import MARK, faults_left, journal_fault, processes
from interruption.checks import stage_of

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGKILL")
CELLS = [
    *itertools.product(SIGNALS, ["plain"], ["controller", "watchdog"]),
    *itertools.product(SIGNALS, ["xdist"], ["controller", "worker", "watchdog"]),
]
ARGS = {"plain": (), "xdist": ("-n", "2")}
VICTIM_WITHIN_S = 60
_MARKS = {"watchdog": "acceptance.conduct.guardian", "worker": "sys.stdin.readline"}


@dataclass(frozen=True)
class Kill:
    """One kill; ``moment`` in seconds from the run's start."""

    signal: str
    xdist: str
    whom: str
    moment: float

    def __str__(self):
        return f"{self.signal}-{self.xdist}-{self.whom}-{self.moment:.2f}s"


@dataclass
class Tally:
    """How many of a cell's kills hit a process, how many of those with the flag on, and how many ended well."""

    kills: int = 0
    hit: int = 0
    flag_on: int = 0
    well: int = 0
    faults: list[str] = field(default_factory=list)


def kills(number, seed, length=None):
    """Choose ``number`` kills, spread evenly over the cells, at moments that the seed decides."""
    chance = random.Random(seed)
    spans = length or {"plain": 7.0, "xdist": 9.0}
    cells = list(itertools.islice(itertools.cycle(CELLS), number))
    return [Kill(*cell, chance.uniform(0.2, 0.95 * spans[cell[1]])) for cell in cells]


class Arena:
    """A lab and a folder in which runs are started and killed."""

    def __init__(self, lab, folder):
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._made = itertools.count(1)
        self._lab = lab

    def calm(self, xdist):
        """How long a run takes that nobody kills, in seconds; it must be a good one."""
        project, _ = self._project()
        begin = time.monotonic()
        done = project.run(*ARGS[xdist])
        assert set(done.verdicts().values()) == {"PASS"}, done.output
        return time.monotonic() - begin

    def kill(self, kill):
        """Start a run, kill it, and look; returns (whether it hit, whether the flag was on then, what is wrong).

        A moment at which the victim was gone already is tried again, earlier.
        """
        for share in (1.0, 0.8, 0.6, 0.4):
            hit, flag_on, faults = self._kill(replace(kill, moment=kill.moment * share))
            if hit or faults:
                break
        return hit, flag_on, faults

    def _kill(self, kill):
        project, mark = self._project()
        env_before = project.target.env_file.read_bytes()
        process = project.start(*ARGS[kill.xdist], **{MARK: mark})
        time.sleep(kill.moment)  # the moment is the point, not a condition
        hit = _strike(kill, process, mark)
        flag_on = hit and project.target.env_file.read_bytes() != env_before
        try:
            output = process.communicate(timeout=120)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            return hit, flag_on, [f"{kill}: the run did not end within 120 s"]
        faults = faults_left(project.target, mark, env_before)
        if journal_fault(project.target):
            faults = self._next_start(env_before)  # controller and watchdog are both gone: the journal's turn
        if faults:
            (project.folder / "output.txt").write_text(output)
        else:
            shutil.rmtree(project.folder)
        return hit, flag_on, [f"{kill}: {fault} ({project.folder})" for fault in faults]

    def _next_start(self, env_before):
        """Where the journal was left open, the next run must find it and put all in order."""
        project, mark = self._project()
        done = project.start("-k", "test_off", **{MARK: mark})
        output = done.communicate(timeout=120)[0]
        faults = faults_left(project.target, mark, env_before) + journal_fault(project.target)
        return [f"after the next start ({done.returncode}): {fault}\n{output[-800:]}" for fault in faults]

    def _project(self):
        number = next(self._made)
        folder = self._folder / f"run-{number}"
        folder.mkdir()
        return stage_of(Project(folder, self._lab)), f"{os.getpid()}-{self._folder.name}-{number}"


def _strike(kill, process, mark):
    """Send the signal; returns whether there was somebody to take it.

    Who is not there yet is waited for as long as the run lasts: a busy machine starts it late, and an earlier try would
    find nobody either.
    """
    if kill.whom == "controller":
        victims = [process.pid] if process.poll() is None else []  # an ended run still takes signals until it is reaped
    else:
        found = poll(
            lambda: _victims(kill.whom, process.pid, mark),
            lambda found: found or process.poll() is not None,
            VICTIM_WITHIN_S,
        )
        victims = sorted(found)[:1]
    for victim in victims:
        with suppress(ProcessLookupError):
            os.kill(victim, getattr(signal, kill.signal))
            return True
    return False


def _victims(whom, pid, mark):
    return [each for each, command in processes(mark).items() if each != pid and _MARKS[whom] in command]


def table(tallies):
    """Print the tallies of all cells."""
    lines = [f"{'signal':8} {'xdist':6} {'whom':11} {'kills':>5} {'hit':>5} {'flag on':>7} {'ended well':>10}"]
    for (name, xdist, whom), tally in tallies.items():
        lines.append(f"{name:8} {xdist:6} {whom:11} {tally.kills:5} {tally.hit:5} {tally.flag_on:7} {tally.well:10}")
    total = [sum(getattr(tally, name) for tally in tallies.values()) for name in ("kills", "hit", "flag_on", "well")]
    lines.append(f"{'total':27} {total[0]:5} {total[1]:5} {total[2]:7} {total[3]:10}")
    return "\n".join(lines)


def tally(results):
    """Count results by cell, in the order of the matrix."""
    tallies = defaultdict(Tally, {cell: Tally() for cell in CELLS})
    for kill, hit, flag_on, faults in results:
        one = tallies[kill.signal, kill.xdist, kill.whom]
        one.kills += 1
        one.hit += hit
        one.flag_on += flag_on
        one.well += not faults
        one.faults += faults
    return {cell: one for cell, one in tallies.items() if one.kills}
