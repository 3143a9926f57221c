"""Read what many runs tell together: outcomes, gates over time, checks that flip, time to rollback.

Made from each folder's `record.json`. A folder that cannot be read is named with the reason: a run that is
missing from a history without a word would make it look better than it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from acceptance.checklist import State
from acceptance.record.formatting import parse
from acceptance.record.publish import EVENTS, JSON, MANIFEST, PAGE, SCHEMA_ID
from acceptance.verdict import Outcome, Verdict


@dataclass(frozen=True)
class Point:
    """What one run measured at one gate; `value` is None where there were no data."""

    run: Run
    value: float | None
    verdict: Verdict


@dataclass(frozen=True)
class Run:
    """One run, as far as a history needs it.

    `verdicts` is node id -> verdict, `lines` the checklist's items with their state, `seconds` the run's length,
    `soak_seconds` what a soak was scaled to, empty where it was the checklist's own.
    """

    folder: str
    outcome: Outcome
    reason: str
    started_at: str
    seconds: float | None
    target: str
    mode: str
    commit: str
    ticket: str
    operator: str
    counts: Mapping[str, int]
    rollbacks: Sequence[Mapping[str, Any]]
    gates: Sequence[Mapping[str, Any]]
    verdicts: Mapping[str, Verdict]
    page: bool
    lines: Mapping[str, State] = field(default_factory=dict)
    soak_seconds: str = ""


@dataclass(frozen=True)
class Unreadable:
    """A folder below the records that tells nothing, and why."""

    folder: str
    why: str


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


def read_runs(root: Path) -> tuple[list[Run], list[Unreadable]]:
    """Read every run below a folder, oldest first, and name what could not be read.

    Raises:
        FileNotFoundError: There is no such folder.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: expected the folder of the records, found none")
    runs, broken = [], []
    for folder in _folders(root):
        name = folder.relative_to(root).as_posix()
        try:
            runs.append(_read(folder, name))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            told = str(error) if isinstance(error, Unsealed) else f"{JSON}: {type(error).__name__}: {error}"
            broken.append(Unreadable(name, told))
    return sorted(runs, key=lambda run: (run.started_at, run.folder)), broken


class Unsealed(ValueError):
    """A folder without a record that fits its manifest."""


def _folders(root: Path) -> Iterator[Path]:
    """Give the run folders; a folder that only holds folders is looked into."""
    for folder in sorted(path for path in root.iterdir() if path.is_dir() and not path.is_symlink()):
        inside = list(folder.iterdir())
        if inside and all(path.is_dir() for path in inside):
            yield from _folders(folder)
        else:
            yield folder


def _read(folder: Path, name: str) -> Run:
    if not (folder / JSON).is_file():
        left = "it has an event log: render it with scripts/ops/record.py render" if (folder / EVENTS).exists() else ""
        raise Unsealed(f"no {JSON}; {left or 'and no event log'}")
    text = (folder / JSON).read_bytes()
    if not (folder / MANIFEST).is_file():
        raise Unsealed(f"no {MANIFEST}: the run could not finish its record; see scripts/ops/record.py render")
    if f"{hashlib.sha256(text).hexdigest()}  {JSON}" not in (folder / MANIFEST).read_text(encoding="utf-8"):
        raise Unsealed(f"{JSON} is not the one of {MANIFEST}: changed after the run; see scripts/ops/record.py verify")
    raw = json.loads(text)
    if raw.get("schema") != SCHEMA_ID:
        raise Unsealed(f"{JSON}: expected schema {SCHEMA_ID}, found {raw.get('schema')}")
    facts = raw["facts"]
    return Run(
        folder=name,
        outcome=Outcome(raw["outcome"]),
        reason=str(next(iter(raw["reasons"]), "")),
        started_at=str(facts["started_at"]),
        seconds=facts["seconds"],
        target=str(facts["target"].get("name") or facts["target_kind"] or "unknown"),
        mode=str(facts["mode"]),
        commit=str(facts["commit"]),
        ticket=str(facts["ticket"]),
        operator=str(facts["operator"]),
        counts=raw["counts"],
        rollbacks=raw["rollbacks"],
        gates=[gate | {"stage": stage["id"]} for stage in raw["stages"] for gate in stage["gates"]],
        verdicts={check["nodeid"]: Verdict(check["verdict"]) for check in raw["checks"]},
        page=(folder / PAGE).is_file(),
        lines={line["id"]: State(line["state"]) for line in raw["lines"]},
        soak_seconds=str(facts["target"].get("soak_seconds") or ""),
    )


def trends(runs: Iterable[Run]) -> list[Trend]:
    """Give each gate's trend, by target, stage and gate in the order of their first run."""
    found: dict[tuple[str, str, str], list[tuple[Run, Mapping[str, Any]]]] = {}
    for run in runs:
        for gate in run.gates:
            found.setdefault((run.target, str(gate["stage"]), str(gate["id"])), []).append((run, gate))
    return [
        Trend(
            *key,
            title=str(seen[-1][1]["title"]),
            unit=str(seen[-1][1]["unit"]),
            threshold=seen[-1][1]["threshold"],
            points=tuple(Point(run, _number(gate["value"]), Verdict(gate["verdict"])) for run, gate in seen),
        )
        for key, seen in found.items()
    ]


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
    found: dict[tuple[bool, str, str], list[Mapping[str, Any]]] = {}
    for run in runs:
        for each in run.rollbacks:
            found.setdefault((bool(each["routine"]), run.target, str(each["stage"])), []).append(each)
    return [_undone(*key, found[key]) for key in sorted(found)]


def _undone(routine: bool, target: str, stage: str, each: Sequence[Mapping[str, Any]]) -> Undone:
    times = [number for one in each if one["ok"] and (number := _number(one["seconds"])) is not None]
    return Undone(
        target=target,
        stage=stage,
        routine=routine,
        count=len(each),
        failed=sum(one["ok"] is not True for one in each),
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
