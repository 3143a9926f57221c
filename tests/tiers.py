"""Run our own tests: the quick tier, or all of them. What already passed in this state of the tree is not run again.

    python -m tests.tiers quick|all [STEP ...]

Exit code 0: all is green; 1: not so; 130: interrupted, and the next call goes on from there.
"""

import argparse
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from tests.ledger import ROOT, Entry, git, read, tree_state, write

WORK = ROOT / ".tiers"
LEDGER = WORK / "ledger.jsonl"
SECONDS_BETWEEN_LINES = 0.5 if sys.stderr.isatty() else 20.0


@dataclass(frozen=True)
class Step:
    """Tests that are run together.

    Attributes:
        paths: Where they are, below the root.
        options: Pytest's, beside those of every step.
        typical: Seconds of one test that was never timed here, for the remaining time.
        sample: How many of them, chosen by the commit, are in the quick tier; None for all.
        always: What the quick tier runs besides.
    """

    name: str
    paths: tuple[str, ...]
    options: tuple[str, ...] = ()
    typical: float = 1.0
    sample: int | None = None
    always: tuple[str, ...] = field(default=())


LINT = {
    "ruff check": ["ruff", "check"],
    "ruff format": ["ruff", "format", "--check"],
    "mypy": ["mypy"],
    "lint-imports": ["lint-imports"],
}
POWER = "tests/power"
STEPS = (
    Step("unit", ("tests/unit", "tests/scripts", "tests/mutants"), ("-n2", "--dist=loadfile"), 0.2),
    Step("plugin", ("tests/plugin",), ("-n2",), 4.0),
    Step("lab", ("tests/lab",), (), 1.0, sample=0),
    Step("dependencies", ("tests/dependencies",), (), 6.0, sample=0),
    Step("removals", ("tests/removals",), ("-n2",), 4.0, sample=2),
    Step("interruption", ("tests/interruption",), ("-n2", "--dist=worksteal"), 10.0, sample=2),
    Step(
        "power",
        (POWER,),
        ("-n3", "--dist=worksteal"),
        9.0,
        sample=3,
        always=(
            f"{POWER}/test_healthy.py::test_healthy_lab_is_green[1]",
            f"{POWER}/test_storage_faults.py::test_fault_turns_its_check_red[21_01c-checksum-not-verified]",
        ),
    ),
)


def main() -> int:
    """Run a tier; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.tiers", description=__doc__.partition("\n")[0])
    parser.add_argument("tier", choices=["quick", "all"])
    parser.add_argument("steps", nargs="*", metavar="STEP", help=f"only these: lint {' '.join(s.name for s in STEPS)}")
    arguments = parser.parse_args()
    begin = time.monotonic()
    # Whoever started us may ignore these, as nohup does; the tests send them and are to see them work.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    WORK.mkdir(exist_ok=True)
    tree = tree_state()
    known = read(LEDGER)
    done = {entry.test for entry in known if entry.tree == tree and entry.outcome != "failed"}
    seconds = {entry.test: entry.seconds for entry in known}
    wanted = [step for step in STEPS if not arguments.steps or step.name in arguments.steps]
    linted = lint(tree, done) if not arguments.steps or "lint" in arguments.steps else True
    plan = {step: [test for test in chosen(step, arguments.tier) if test not in done] for step in wanted}
    expected = {test: seconds.get(test, step.typical) for step, tests in plan.items() for test in tests}
    print(
        f"{len(expected)} tests to run, {len(done)} passed before in this state of the tree ({tree[:10]})", flush=True
    )
    with bar(sum(expected.values())) as progress:
        bad = [step.name for step, tests in plan.items() if tests and not run(step, tests, tree, expected, progress)]
    faults = [*([] if linted else ["lint"]), *bad]
    verdict = f"NOT GREEN: {', '.join(faults)}; see the logs in {WORK.name}/" if faults else "green"
    print(f"{arguments.tier}: {verdict} after {time.monotonic() - begin:.0f} s", flush=True)
    return 1 if faults else 0


def lint(tree: str, done: Iterable[str]) -> bool:
    """Check style, types and the one way of imports."""
    good = True
    for name, command in LINT.items():
        if f"lint::{name}" in done:
            continue
        begin = time.monotonic()
        ended = subprocess.run([Path(sys.executable).with_name(command[0]), *command[1:]], cwd=ROOT, check=False)
        outcome = "failed" if ended.returncode else "passed"
        write(LEDGER, Entry(tree, f"lint::{name}", outcome, time.monotonic() - begin))
        good = good and not ended.returncode
    return good


def chosen(step: Step, tier: str) -> list[str]:
    """Collect a step's tests, or its sample: the first by a hash of the commit and the name."""
    argv = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-pno:cacheprovider", *step.paths]
    listed = subprocess.run(argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    if listed.returncode:
        sys.exit(f"{step.name}: the tests cannot be collected\n{listed.stdout[-4000:]}")
    tests = [line for line in listed.stdout.splitlines() if "::" in line]
    if tier == "all" or step.sample is None:
        return tests
    always = [test for test in tests if test.partition("[")[0] in step.always or test in step.always]
    if missing := [name for name in step.always if not any(test.startswith(name) for test in always)]:
        sys.exit(f"{step.name}: no test {missing}; correct `always` of the step in {Path(__file__).name}")
    commit = git("rev-parse", "HEAD")
    others = sorted(
        (test for test in tests if test not in always),
        key=lambda test: hashlib.sha256(f"{commit}{test}".encode()).digest(),
    )
    return [*always, *others[: step.sample]]


def bar(total: float) -> "tqdm[None]":
    shape = "{desc}{percentage:3.0f}% |{bar:30}| {elapsed} gone, about {remaining} left\n"
    if sys.stderr.isatty():
        shape = shape.rstrip()
    return tqdm(total=total, bar_format=shape, mininterval=SECONDS_BETWEEN_LINES, miniters=0, smoothing=0.02)


def run(step: Step, tests: list[str], tree: str, expected: dict[str, float], progress: "tqdm[None]") -> bool:
    """Run tests of a step and say what was not good; the log of it stays in the work folder."""
    selection = WORK / f"{step.name}.txt"
    selection.write_text("\n".join(tests) + "\n")
    options = ["-q", "--timeout=900", "-ptests.ledger", f"--ledger={LEDGER}", f"--tree={tree}", *step.options]
    argv = [sys.executable, "-m", "pytest", "-ra", "-pno:cacheprovider", *options, f"@{selection}"]
    log, begin, before, gone = WORK / f"{step.name}.log", time.monotonic(), len(read(LEDGER)), 0
    with log.open("w") as output:
        process = subprocess.Popen(
            argv,
            cwd=ROOT,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
        )
        try:
            while process.poll() is None:
                time.sleep(0.3)
                ended = read(LEDGER)[before + gone :]
                gone += len(ended)
                progress.set_description(f"{step.name} {gone}/{len(tests)}", refresh=False)
                progress.update(sum(expected.get(entry.test, 0.0) for entry in ended))
        except KeyboardInterrupt:
            os.killpg(process.pid, signal.SIGINT)  # its labs end with it
            process.wait(120)
            raise
    entries = {entry.test: entry for entry in read(LEDGER)[before:]}
    bad = [test for test in tests if test not in entries or entries[test].outcome == "failed"]
    skipped = sum(entry.outcome == "skipped" for entry in entries.values())
    good = process.returncode == 0 and not bad
    if not good:
        progress.write(log.read_text()[-20000:])
    word = "green" if good else f"NOT GREEN (exit code {process.returncode}, {len(bad)} of {len(tests)} not passed)"
    progress.write(f"{step.name}: {word}, {len(tests)} tests, {skipped} skipped, {time.monotonic() - begin:.0f} s")
    return good


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("interrupted: the next call goes on from here", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
