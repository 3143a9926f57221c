"""Print how quick the suite is, as ratios measured in one run; a benchmark, which passes and fails nothing.

    python -m tests.performance [--soak SECONDS] [--write]

Takes about four minutes on two idle cores. `--write` puts the table into `docs/performance.md`, with commit and date.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import mean

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

import record_samples  # noqa: E402
from held_lab import ROOT, held_lab, retold  # noqa: E402
from power.stage_run import StageRun, ended, pytest_process, run_stage  # noqa: E402
from small_project import Project  # noqa: E402

from acceptance.events import Event  # noqa: E402
from acceptance.record.publish import publish  # noqa: E402
from tests.ledger import git  # noqa: E402

PAGE = ROOT / "docs" / "performance.md"
TESTS = 604
"""Of the plain file: as many as there were checks when the first ratio was measured."""
TIMES = 5
HEAD = """\
# Performance

Made by `python -m tests.performance --soak {soak:g} --write` on {date}, commit {commit}, {cores} cores, load {load:.1f}
at the start. All rows are of one run; read the ratios, for the seconds are this machine's.
A load above the number of cores is others' work: it lengthens the rows of the stage, whose soak takes the same time.
Run it again on an idle machine before you believe those.

| what | measured | ratio | goal |
| --- | --- | --- | --- |"""
Row = tuple[str, str, str, str]


def collection(folder: Path) -> Iterator[Row]:
    """Compare the collection of one stage with that of a plain file; each is the quickest of a few, taken in turn."""
    plain = folder / "plain"
    plain.mkdir()
    (plain / "test_plain.py").write_text("".join(f"def test_{n}(): pass\n\n\n" for n in range(TESTS)))
    ask = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-pno:cacheprovider", "-pno:hypothesispytest"]
    commands = {ROOT: [*ask, "-mstage_21_01c"], plain: [*ask, f"--rootdir={plain}", "-c", os.devnull]}
    took: dict[Path, list[float]] = {where: [] for where in commands}
    for _ in range(TIMES):
        for where, command in commands.items():
            took[where].append(_seconds(partial(_quietly, command, where)))
    suite, other = min(took[ROOT]), min(took[plain])
    told = f"{suite:.2f} s; a plain file of {TESTS} tests {other:.2f} s"
    yield "`--collect-only -m stage_21_01c`", told, f"{suite / other:.2f}", "1.3"


def whole_command(folder: Path) -> Iterator[Row]:
    """Run the stage as its user does, with a lab that comes and goes."""
    run = _good(run_stage("lab", folder / "whole"))
    soak = float(re.findall(r"(\d+) s", run.of("run.started")[0]["soak_note"])[0])
    begin, end = (
        next(_at(event) for event in events if event.kind == kind)
        for kind, events in (("run.started", run.events), ("run.finished", run.events[::-1]))
    )
    beyond = end - begin - soak
    told = f"{beyond:.1f} s beside {soak:g} s"
    yield "stage 21_01c beyond its soak", told, f"{beyond / soak:.2f}", f"{10 / soak:.2f}"
    yield "the whole command, the lab with it", f"{run.seconds:.1f} s", f"{run.seconds / soak:.2f}", f"{30 / soak:.2f}"


def memory(folder: Path, lab: Path, soak: float) -> Iterator[Row]:
    """Sample the memory of the run's process in its soak, and compare its last quarter with its second."""
    target = retold(lab, "soaked", SOAK_SECONDS=f"{soak:g}")
    samples: list[tuple[float, int]] = []
    process = subprocess.Popen(**pytest_process(target, folder / "soaked", "-mstage_21_01c", "-q"))
    sampler = threading.Thread(target=lambda: samples.extend(_sampled(process)))
    sampler.start()
    said, _ = process.communicate()
    sampler.join()
    run = _good(ended(process.returncode, said, 0, folder / "soaked"))
    times = [_at(event) for event in run.events if event.kind == "check.finished"]
    begin, end = max(pairwise(times), key=lambda pair: pair[1] - pair[0])  # the check that waits for the soak
    within = [size for at, size in samples if begin <= at <= end]
    quarter = len(within) // 4
    early, late = mean(within[quarter : 2 * quarter]), mean(within[-quarter:])
    told = f"{early / 1024:.1f} MiB, then {late / 1024:.1f} MiB, in a soak of {soak:g} s ({len(within)} samples)"
    yield "memory, last quarter of a soak to its second", told, f"{late / early:.3f}", "1"


def checks(folder: Path, lab: Path) -> Iterator[Row]:
    """Run stages of 10, 100 and 1,000 checks that do nothing."""
    took = {}
    for count in (10, 100, 1000):
        (folder / str(count)).mkdir()
        project = Project(folder / str(count), lab)
        project.stage("21_01c", preflight="".join(f"def test_{n}(): pass\n" for n in range(count)))
        took[count] = _seconds(partial(project.run, "-q"))
    yield from _growth("checks of a stage", took)


def records(folder: Path) -> Iterator[Row]:
    """Write the record of 50, 500 and 5,000 results: page, JSON, exports, manifest."""
    took = {}
    for count in (50, 500, 5000):
        made = record_samples.large(folder / f"record-{count}", count)
        took[count] = min(_seconds(partial(publish, made)) for _ in range(3))
    yield from _growth("results of a record", took)


def _growth(what: str, took: dict[int, float]) -> Iterator[Row]:
    """Compare what each one more takes among many with what it takes among few; below 1 the first ones took longer."""
    (a, few), (b, some), (c, many) = took.items()
    told = ", ".join(f"{count:,}: {seconds:.2f} s" for count, seconds in took.items())
    ratio = (many - some) / (c - b) / ((some - few) / (b - a))
    yield f"growth from {a} to {c:,} {what}", told, f"{ratio:.2f}", "1 (linear)"


def _sampled(process: "subprocess.Popen[str]") -> Iterator[tuple[float, int]]:
    """Give the time and the KiB in memory of a process twice a second until it ends."""
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
        except OSError:
            return
        if found := re.search(r"VmRSS:\s+(\d+)", status):
            yield time.time(), int(found[1])
        time.sleep(0.5)


def _seconds(act: Callable[[], object]) -> float:
    begin = time.monotonic()
    act()
    return time.monotonic() - begin


def _quietly(command: list[str], where: Path) -> None:
    subprocess.run(command, cwd=where, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=True)


def _good(run: StageRun) -> StageRun:
    if run.outcome != "GO":
        sys.exit(f"expected a GO, for a run that ends early takes no time, found {run.outcome}: {run.explain()}")
    return run


def _at(event: Event) -> float:
    return datetime.fromisoformat(event.at).timestamp()


def measured(folder: Path, soak: float) -> Iterator[Row]:
    """Measure everything, what needs no lab first."""
    yield from collection(folder)
    yield from records(folder)
    yield from whole_command(folder)
    with held_lab() as lab:
        yield from checks(folder, lab)
        yield from memory(folder, lab, soak)


def main() -> None:
    """Print the table as it comes, and write the page where it is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.performance", description=__doc__.partition("\n")[0])
    parser.add_argument("--soak", type=float, default=60, help="seconds of the soak whose memory is sampled")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # where it is set, each process compiles everything again
    facts = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": git("rev-parse", "--short", "HEAD").strip()}
    text = [HEAD.format(soak=options.soak, cores=os.cpu_count(), load=os.getloadavg()[0], **facts)]
    print(text[0], flush=True)
    with tempfile.TemporaryDirectory(prefix="performance-") as folder:
        for row in measured(Path(folder), options.soak):
            text.append(f"| {' | '.join(row)} |")
            print(text[-1], flush=True)
    if options.write:
        PAGE.write_text("\n".join([*text, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
