"""Read the runs below a folder of records, as far as a history needs them.

Made from each folder's `record.json`. A folder that cannot be read is named with the reason: a run that is
missing from a history without a word would make it look better than it was.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acceptance.checklist import State
from acceptance.events import EVENTS
from acceptance.outcome import REFUSED
from acceptance.record import first_screen
from acceptance.record.order import Place, in_order
from acceptance.record.publish import DRILL, JSON, MANIFEST, PAGE, SCHEMA_ID
from acceptance.record.schema import Rollback, last_tries
from acceptance.run_folder import NAME, at_work
from acceptance.verdict import Outcome, Verdict


@dataclass(frozen=True)
class Run:
    """One run, as far as a history needs it.

    `verdicts` is node id -> verdict, `lines` the checklist's items with their state, `seconds` the run's length,
    `soak_seconds` what a soak was scaled to, empty where it was the checklist's own. `deployed`: the commit that ran.
    `refused`: the run did not begin, and `reason` says why.
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
    rollbacks: Sequence[Rollback]
    gates: Sequence[Mapping[str, Any]]
    verdicts: Mapping[str, Verdict]
    page: bool
    lines: Mapping[str, State] = field(default_factory=dict)
    soak_seconds: str = ""
    stages: Mapping[str, Verdict] = field(default_factory=dict)
    deployed: str = ""
    refused: bool = False
    rollback_failed: bool = False
    run_id: str = ""
    follows: str = ""

    @property
    def word(self) -> str:
        """Give the word of the run's own page: a failed rollback is louder than its NO-GO."""
        refused = first_screen.NOT_BEGUN if self.refused else self.outcome.value
        return first_screen.FAILED if self.rollback_failed else refused


@dataclass(frozen=True)
class Unreadable:
    """A folder below the records that tells nothing, and why; `record` is False where it is none of a run's."""

    folder: str
    why: str
    record: bool = True


def read_runs(root: Path) -> tuple[list[Run], list[Unreadable]]:
    """Read every run below a folder, oldest first, and name what could not be read.

    Raises:
        FileNotFoundError: There is no such folder.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: expected the folder of the records, found none")
    runs, broken = [], []
    for folder in folders(root):
        name = folder.relative_to(root).as_posix()
        if folder.is_symlink() or not is_run(folder) or in_progress(folder):
            broken.append(Unreadable(name, why_none(folder), record=False))
            continue
        try:
            runs.append(_read(folder, name))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            told = str(error) if isinstance(error, Unsealed) else f"{JSON}: {type(error).__name__}: {error}"
            broken.append(Unreadable(name, told))
    return in_order(runs, lambda run: Place(run.started_at, run.folder, run.run_id, run.follows)), broken


def why_none(folder: Path) -> str:
    """Say what a folder is that tells of no run."""
    if folder.is_symlink():
        return f"a link, which is not followed: ask for {folder.resolve()} itself"
    if is_closed(folder):
        return "this user may not read it"
    if since := in_progress(folder):
        return f"in progress since {since}"
    return f"a rollback drill, see its {DRILL}" if is_drill(folder) else "no record of a run is in it"


class Unsealed(ValueError):
    """A folder without a record that fits its manifest."""


def folders(root: Path) -> Iterator[Path]:
    """Give the runs' folders at any depth, the uppermost of those in which there is none, and links, not followed."""
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        inside = [] if folder.is_symlink() or is_closed(folder) or is_run(folder) else list(folders(folder))
        yield from inside if any(map(is_run, inside)) else [folder]


def is_run(folder: Path) -> bool:
    """Tell whether a folder is a run's: by what is in it, or by a name as runs have it."""
    if is_drill(folder):
        return False
    if NAME.fullmatch(folder.name):
        return True
    return not is_closed(folder) and any((folder / name).exists() for name in (EVENTS, JSON, MANIFEST))


def in_progress(folder: Path) -> str:
    """Say since when a run is at work in its folder, which it has not sealed yet; empty where none is."""
    return "" if os.path.exists(folder / MANIFEST) else at_work(folder)  # noqa: PTH110 - false also where it is closed


def is_drill(folder: Path) -> bool:
    """Tell whether a folder is a rollback drill's; one that changed production is to be explained like a run."""
    try:
        account = json.loads((folder / DRILL).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    sealed = (folder / MANIFEST).exists()
    return isinstance(account, dict) and account.get("environment") not in (None, "production") and not sealed


def is_closed(folder: Path) -> bool:
    """Tell whether this user may not look into a folder, such as a disk's `lost+found`."""
    return not os.access(folder, os.R_OK | os.X_OK)


def _reason(reasons: Sequence[str]) -> str:
    """Give the first reason; of a refused run, the reason of the refusal."""
    return str(next((each for each in reasons if each.startswith(REFUSED)), next(iter(reasons), "")))


def _read(folder: Path, name: str) -> Run:
    if not (folder / JSON).is_file():
        left = "it has an event log: render it with scripts/ops/record.py render" if (folder / EVENTS).exists() else ""
        raise Unsealed(f"no {JSON}; {left or 'and no event log'}")
    text = (folder / JSON).read_bytes()
    if not (folder / MANIFEST).is_file():
        raise Unsealed(f"no {MANIFEST}: the run could not finish its record; see scripts/ops/record.py render")
    if f"{hashlib.sha256(text).hexdigest()}  {JSON}" not in (folder / MANIFEST).read_text("utf-8", "surrogateescape"):
        raise Unsealed(f"{JSON} is not the one of {MANIFEST}: changed after the run; see scripts/ops/record.py verify")
    raw = json.loads(text)
    if raw.get("schema") != SCHEMA_ID:
        raise Unsealed(f"{JSON}: expected schema {SCHEMA_ID}, found {raw.get('schema')}")
    facts, tries = raw["facts"], last_tries(Rollback(**each) for each in raw["rollbacks"])
    return Run(
        folder=name,
        outcome=Outcome(raw["outcome"]),
        reason=_reason(raw["reasons"]),
        started_at=str(facts["started_at"]),
        seconds=facts["seconds"],
        target=str(facts["target"].get("name") or facts["target_kind"] or "unknown"),
        mode=str(facts["mode"]),
        commit=str(facts["commit"]),
        ticket=str(facts["ticket"]),
        operator=str(facts["operator"]),
        counts=raw["counts"],
        rollbacks=tries,
        gates=[gate | {"stage": stage["id"]} for stage in raw["stages"] for gate in stage["gates"]],
        verdicts={check["nodeid"]: Verdict(check["verdict"]) for check in raw["checks"]},
        page=(folder / PAGE).is_file(),
        lines={line["id"]: State(line["state"]) for line in raw["lines"]},
        soak_seconds=str(facts["target"].get("soak_seconds") or ""),
        stages={stage["id"]: Verdict(stage["verdict"]) for stage in raw["stages"]},
        deployed=first_screen.commit_of(facts["code"]),
        rollback_failed=bool(raw["rollback_failure"]) or any(each.ok is False for each in tries),
        refused=not facts["run_id"] and any(reason.startswith(REFUSED) for reason in raw["reasons"]),
        run_id=str(facts["run_id"]),
        follows=str(facts.get("follows", "")),
    )
