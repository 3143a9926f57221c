"""Compute what many runs show together: gates over time, a stage's last GO, flaky checks, time to rollback. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from acceptance.record.formatting import parse
from acceptance.record.history import Run
from acceptance.record.schema import Rollback
from acceptance.verdict import Outcome, Verdict


@dataclass(frozen=True)
class Point:
    """What one run measured at one gate, and its threshold then; `value` is None where there were no data."""

    run: Run
    value: float | None
    verdict: Verdict
    threshold: float | str | None = None


@dataclass(frozen=True)
class Trend:
    """One gate of one target over its runs, oldest first; title, unit and threshold are the latest run's."""

    target: str
    stage: str
    id: str
    title: str
    unit: str
    threshold: float | str | None
    points: tuple[Point, ...]

    @property
    def values(self) -> list[float]:
        """What was measured."""
        return [point.value for point in self.points if point.value is not None]


@dataclass(frozen=True)
class Flaky:
    """A check whose verdict changed although suite commit and target did not; `seen` is oldest first."""

    nodeid: str
    target: str
    commit: str
    seen: tuple[Verdict, ...]

    @property
    def changes(self) -> int:
        """How often the verdict was another one than in the run before."""
        return sum(before is not after for before, after in zip(self.seen, self.seen[1:], strict=False))


@dataclass(frozen=True)
class Undone:
    """Rollbacks of one stage on one target; seconds over those that ended well. `routine`: after a rehearsal."""

    target: str
    stage: str
    routine: bool
    count: int
    failed: int
    median: float | None
    slowest: float | None
    last: float | None


@dataclass(frozen=True)
class Passed:
    """The last run that accepted a stage with one deployed commit; `since`: how often it was tried later."""

    target: str
    stage: str
    deployed: str
    run: Run
    since: int


def last_passes(runs: Sequence[Run]) -> list[Passed]:
    """Give the last acceptance of each stage, target and deployed commit, newest first. Runs are oldest first."""
    last: dict[tuple[str, str, str], int] = {}
    tried: dict[tuple[str, str], list[int]] = {}
    for number, run in enumerate(runs):
        for stage, verdict in run.stages.items():
            tried.setdefault((run.target, stage), []).append(number)
            if run.outcome is not Outcome.SURVEY and verdict is Verdict.PASS:
                last[run.target, stage, run.deployed] = number
    found = [Passed(*key, runs[number], sum(each > number for each in tried[key[:2]])) for key, number in last.items()]
    return sorted(found, key=lambda each: (each.run.started_at, each.stage), reverse=True)


def trends(runs: Iterable[Run]) -> list[Trend]:
    """Give each gate's trend, by target, stage and gate in the order of their first run."""
    found: dict[tuple[str, str, str], list[tuple[Run, Mapping[str, Any]]]] = {}
    for run in runs:
        for gate in run.gates:
            found.setdefault((run.target, str(gate["stage"]), str(gate["id"])), []).append((run, gate))
    return [_trend(key, seen) for key, seen in found.items()]


def _trend(key: tuple[str, str, str], seen: Sequence[tuple[Run, Mapping[str, Any]]]) -> Trend:
    points = [Point(run, _number(gate["value"]), Verdict(gate["verdict"]), gate["threshold"]) for run, gate in seen]
    _, latest = seen[-1]
    return Trend(*key, str(latest["title"]), str(latest["unit"]), latest["threshold"], tuple(points))


def flaky(runs: Iterable[Run]) -> list[Flaky]:
    """Give the checks that flip, most changes first.

    Only what was judged counts: a check that did not run says nothing. A commit that is unknown, or had changes
    that were not committed, is not the same code twice.
    """
    seen: dict[tuple[str, str, str], list[Verdict]] = {}
    for run in runs:
        if run.commit and " " not in run.commit and not run.commit.endswith("-dirty"):
            for nodeid, verdict in run.verdicts.items():
                if verdict in (Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE):
                    seen.setdefault((nodeid, run.target, run.commit), []).append(verdict)
    found = [Flaky(*key, tuple(verdicts)) for key, verdicts in seen.items() if len(set(verdicts)) > 1]
    return sorted(found, key=lambda each: (-each.changes, each.nodeid))


def undone(runs: Iterable[Run]) -> list[Undone]:
    """Give how rollbacks went, by target, stage and kind; those after a failure before those after a rehearsal."""
    found: dict[tuple[bool, str, str], list[Rollback]] = {}
    for run in runs:
        for each in run.rollbacks:
            found.setdefault((each.routine, run.target, each.stage), []).append(each)
    return [_undone(*key, found[key]) for key in sorted(found)]


def _undone(routine: bool, target: str, stage: str, each: Sequence[Rollback]) -> Undone:
    times = [one.seconds for one in each if one.ok and one.seconds is not None]
    return Undone(
        target=target,
        stage=stage,
        routine=routine,
        count=len(each),
        failed=sum(one.ok is not True for one in each),
        median=median(times) if times else None,
        slowest=max(times, default=None),
        last=times[-1] if times else None,
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def spans(runs: Sequence[Run]) -> tuple[str, str]:
    """Give the times of the first and the last run; empty without a run."""
    known = [run.started_at for run in runs if parse(run.started_at)]
    return (known[0], known[-1]) if known else ("", "")
