"""Leave out each check of each stage, in each way, and say how the run would end: `python -m tests.completeness`.

Whatever leaves a check out, the run's own selection lacks it and the suite's own collection has it. So the table has
two halves: what each way does to a selection is asked of pytest, for one check of each stage; how a run without a check
ends is asked of the record, for every check.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from acceptance.events import Event
from acceptance.outcome import Ending
from acceptance.planning.collection import Collection, collect, stage_named
from acceptance.record.build import conclude
from acceptance.verdict import Outcome

ROOT = Path(__file__).resolve().parents[1]
DROPS = "def pytest_collection_modifyitems(items): items[:] = [each for each in items if each.nodeid not in {out!r}]\n"
WAYS = ("node ids", "-k", "--deselect", "--ignore", "python_files", "PYTEST_ADDOPTS", "-p plugin")


@dataclass(frozen=True)
class Row:
    """What became of the checks of one stage: how many there are, and which of them a run could do without."""

    stage: str
    checks: int
    missed: tuple[str, ...]


def rows(everything: Collection) -> Iterator[Row]:
    """Leave out every check in turn; a run that ends GO all the same, or does not mark it, has missed it."""
    names = [str(check["nodeid"]) for check in everything.checks]
    for stage in dict.fromkeys(map(stage_named, names)):
        mine = [name for name in names if stage_named(name) == stage]
        yield Row(stage, len(mine), tuple(name for name in mine if _passes_without(everything, mine, name)))


def _passes_without(everything: Collection, mine: Sequence[str], out: str) -> bool:
    expected = everything.expected(name for name in mine if name != out)
    marked = [check["nodeid"] for check in expected if check.get("left_out")]
    return marked != [out] or ends(mine, expected, out) is Outcome.GO


def ends(mine: Sequence[str], expected: Sequence[Mapping[str, object]], out: str = "") -> Outcome:
    """Say how a run ends in which every check was good but the one that is left out."""
    told: list[tuple[str, dict[str, object]]] = [("run.started", {}), ("checks.expected", {"checks": expected})]
    told += [("check.finished", {"nodeid": name, "verdict": "PASS"}) for name in mine if name != out]
    at = "2026-11-28T02:00:00+00:00"
    return conclude([Event(n, at, kind, data, "", "") for n, (kind, data) in enumerate(told)], Ending()).outcome


def selected_by(way: str, everything: Collection, out: Sequence[str]) -> set[str]:
    """Ask pytest which checks a run selects that leaves these out in this way."""
    files = sorted({name.partition("::")[0] for name in out})
    kept = [str(check["nodeid"]) for check in everything.checks if check["nodeid"] not in out]
    others = sorted({name.partition("::")[0] for name in kept} - set(files))
    others_named = {Path(each).name for each in others} - {Path(each).name for each in files}
    by_name = " and ".join(f"not {name.rpartition('::')[2].partition('[')[0]}" for name in out)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "drops.py").write_text(DROPS.format(out=set(out)))
        options, environment = {
            "node ids": ([each for each in kept if each.partition("::")[0] in files] + others, {}),
            "-k": (["-k", by_name], {}),
            "--deselect": ([f"--deselect={each}" for each in out], {}),
            "--ignore": ([f"--ignore={each}" for each in files], {}),
            "python_files": (["-o", f"python_files={' '.join(others_named)}"], {}),
            "PYTEST_ADDOPTS": ([], {"PYTEST_ADDOPTS": " ".join(f"--deselect={each}" for each in out)}),
            "-p plugin": (["-p", "drops"], {"PYTHONPATH": os.pathsep.join([folder, str(ROOT)])}),
        }[way]
        argv = [sys.executable, "-m", "pytest", "--collect-only", "-q", "--no-header", "-n0", *options]
        kept_env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "OPS_"))}
        done = subprocess.run(argv, cwd=ROOT, env=kept_env | environment, capture_output=True, text=True, check=False)
    return {line for line in done.stdout.splitlines() if "::" in line}


def main() -> int:
    """Print the table; 0 when no check can be left out and no way is missed."""
    everything = collect(ROOT)
    last = list({stage_named(check["nodeid"]): str(check["nodeid"]) for check in everything.checks}.values())
    done_by = {way: selected_by(way, everything, last) for way in WAYS}
    without = [way for way, chosen in done_by.items() if not chosen or chosen & set(last)]
    print(f"{'stage':<18}{'checks':>7}{'ways':>6}{'not GO':>8}{'missed':>8}")
    missed = 0
    for row in rows(everything):
        missed += len(row.missed)
        held = (row.checks - len(row.missed)) * len(WAYS)
        print(f"{row.stage:<18}{row.checks:>7}{len(WAYS):>6}{held:>8}{len(row.missed):>8}")
    print(f"ways: {', '.join(WAYS)}; not tried, for pytest does not do them: {', '.join(without) or 'none'}")
    return int(bool(missed or without))


if __name__ == "__main__":
    sys.exit(main())
