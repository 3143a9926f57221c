"""Run our own tests: the quick tier, or all of them. What already passed in this state of the tree is not run again.

    python -m tests.tiers quick|all [STEP ...]

Exit code 0: all is green; 1: not so; 130: interrupted, and the next call goes on from there.
"""

import argparse
import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from tests.ledger import ROOT, Entry, git, latest, read_on, tree_state, write
from tests.steps import LINT, STEPS, Step

WORK = ROOT / ".tiers"
LEDGER = WORK / "ledger.jsonl"
MOST_ONCE_MORE = 12
"""Tests that are run once more by themselves; more failures than these are no matter of luck."""
STALLED_S = 60
"""So long after a step's longest test a step in which none ends waits for a worker that died."""
SECONDS_BETWEEN_LINES = 0.5 if sys.stderr.isatty() else 20.0


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
    alone = (WORK / "lock").open("w")  # until we end; two at once would share ledger and logs
    try:
        fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("another run of the tests is under way in this checkout: waiting until it ends", flush=True)
        fcntl.flock(alone, fcntl.LOCK_EX)
    tree = tree_state()
    known = latest(LEDGER)
    done = {test for test, entry in known.items() if entry.tree == tree and entry.outcome != "failed"}
    wanted = [step for step in STEPS if not arguments.steps or step.name in arguments.steps]
    if arguments.tier == "quick":  # few of each, that mostly wait; what fails in company is run once more
        wanted = [replace(step, beside=True) for step in wanted]
    with ThreadPoolExecutor(1) as beside:  # the style of the tests and what they are: neither waits for the other
        linting = beside.submit(lint, tree, done) if not arguments.steps or "lint" in arguments.steps else None
        plan = {step: [test for test in chosen(step, arguments.tier) if test not in done] for step in wanted}
        linted = linting is None or linting.result()
    expected = {
        test: known[test].seconds if test in known else step.typical for step, tests in plan.items() for test in tests
    }
    print(
        f"{len(expected)} tests to run, {len(done)} passed before in this state of the tree ({tree[:10]})", flush=True
    )
    bad = run_all({step: tests for step, tests in plan.items() if tests}, tree, expected)
    bad = once_more([step for step in wanted if step.name in bad], plan, tree) if bad else []
    faults = [*([] if linted else ["lint"]), *bad]
    verdict = f"NOT GREEN: {', '.join(faults)}; see the logs in {WORK.name}/" if faults else "green"
    print(f"{arguments.tier}: {verdict} after {time.monotonic() - begin:.0f} s", flush=True)
    return 1 if faults else 0


def environment() -> dict[str, str]:
    """Give the tests' environment: what they compile is kept for the next process, of which there are thousands."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": str(WORK / "bytecode")}


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
    if tier == "quick" and step.sample == 0:
        return []
    argv = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-pno:cacheprovider", *step.paths]
    listed = subprocess.run(argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    if listed.returncode:
        sys.exit(f"{step.name}: the tests cannot be collected\n{listed.stdout[-4000:]}")
    tests = [line for line in listed.stdout.splitlines() if "::" in line]
    if tier == "all" or step.sample is None:
        return tests
    always = [test for test in tests if test.partition("[")[0] in step.always or test in step.always]
    if missing := [name for name in step.always if not any(test.startswith(name) for test in always)]:
        sys.exit(f"{step.name}: no test {missing}; correct `always` of the step in tests/steps.py")
    commit = git("rev-parse", "HEAD")
    others = sorted(
        (test for test in tests if test not in always),
        key=lambda test: hashlib.sha256(f"{commit}{test}".encode()).digest(),
    )
    return [*always, *others[: step.sample]]


def bar(total: float) -> "tqdm[None]":
    shape = "{desc}{percentage:3.0f}% |{bar:30}| {elapsed} gone{postfix}\n"
    if sys.stderr.isatty():
        shape = shape.rstrip()
    return tqdm(total=total, bar_format=shape, mininterval=SECONDS_BETWEEN_LINES, miniters=0)


def remaining(progress: "tqdm[None]") -> str:
    """Say how long it will take: a second for each of its tests' seconds at most, as several run at once."""
    facts = progress.format_dict
    per_second = max(1.0, facts["n"] / max(1.0, facts["elapsed"]))
    return f"about {tqdm.format_interval(max(0.0, facts['total'] - facts['n']) / per_second)} left"


def run_all(plan: dict[Step, list[str]], tree: str, expected: dict[str, float]) -> list[str]:
    """Run the steps, at most two at once, and name those that are not green."""
    waiting, running, bad = list(plan), list[Running](), list[str]()
    with bar(sum(expected.values()) + 0.01) as progress, LEDGER.open() as ledger:  # a sum of floats may come out larger
        ledger.seek(0, os.SEEK_END)
        try:
            while waiting or running:
                if waiting and may_begin(waiting[0], [one.step for one in running]):
                    step = waiting.pop(0)
                    running.append(Running(step, plan[step], tree))
                time.sleep(0.3)
                over = [one for one in running if one.process.poll() is not None]
                ended = read_on(ledger)
                for one in running:
                    one.heard({entry.test: entry for entry in ended if entry.test in one.tests})
                progress.set_description(", ".join(map(str, running)) + " ", refresh=False)
                progress.set_postfix_str(remaining(progress), refresh=False)
                progress.update(sum(expected.get(entry.test, 0.0) for entry in ended))
                for one in over:
                    running.remove(one)
                    bad += [] if one.is_green(progress.write) else [one.step.name]
        finally:
            for one in running:  # we were interrupted: their labs end with them
                one.end()
    return bad


def once_more(bad: list[Step], plan: dict[Step, list[str]], tree: str) -> list[str]:
    """Run the tests that were not green once more, one after another, and name the steps that still are not.

    A test that fails among others and passes by itself is told as FLAKY: it wants mending, and is no broken suite.
    Where many failed it is not the company that they were in.
    """
    entries = latest(LEDGER)
    passed = {test for test, entry in entries.items() if entry.tree == tree and entry.outcome != "failed"}
    left = {replace(step, options=(), beside=False): [t for t in plan[step] if t not in passed] for step in bad}
    tests = [test for of_step in left.values() for test in of_step]
    if not tests or len(tests) > MOST_ONCE_MORE:
        return [step.name for step in bad]
    still = run_all({step: of_step for step, of_step in left.items() if of_step}, tree, dict.fromkeys(tests, 10.0))
    entries = latest(LEDGER)
    for test in tests:
        if (entry := entries.get(test)) and entry.tree == tree and entry.outcome != "failed":
            print(f"FLAKY: {test} failed among others and passed by itself: mend it", flush=True)
    return still


def may_begin(step: Step, running: list[Step]) -> bool:
    """Tell whether a step may begin while others run."""
    return not running or (len(running) == 1 and step.beside and running[0].beside)


class Running:
    """Tests of a step that are under way; their log stays in the work folder."""

    def __init__(self, step: Step, tests: list[str], tree: str) -> None:
        self.step, self.tests = step, set(tests)
        self.begin = self.last = time.monotonic()
        self.ended: dict[str, Entry] = {}
        self.log, selection = WORK / f"{step.name}.log", WORK / f"{step.name}.txt"
        selection.write_text("\n".join(tests) + "\n")
        options = ["-q", "-ra", f"--timeout={step.longest}", "-ptests.ledger", f"--ledger={LEDGER}", f"--tree={tree}"]
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pytest", "-pno:cacheprovider", *options, *step.options, f"@{selection}"],
                cwd=ROOT,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
            )

    def __str__(self) -> str:
        return f"{self.step.name} {len(self.ended)}/{len(self.tests)}"

    def heard(self, ended: dict[str, Entry]) -> None:
        """Note tests that have ended; where none does any more, end the step."""
        self.ended |= ended
        self.last = time.monotonic() if ended else self.last
        if time.monotonic() > self.last + self.step.longest + STALLED_S:
            self.end()

    def end(self) -> None:
        """End it as Ctrl-C does, and by force where that takes minutes."""
        for how in (signal.SIGINT, signal.SIGKILL):
            with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(self.process.pid, how)
                self.process.wait(180)
                return

    def is_green(self, say: Callable[[str], None]) -> bool:
        """Say how it ended, and why not well; a test that did not end is not green."""
        skipped = sum(entry.outcome == "skipped" for entry in self.ended.values())
        passed = sum(entry.outcome == "passed" for entry in self.ended.values())
        good = self.process.returncode == 0 and passed + skipped == len(self.tests)
        if not good:
            say(self.log.read_text(errors="replace")[-20000:])
        word = "green" if good else f"NOT GREEN (exit code {self.process.returncode})"
        counts = f"{passed} of {len(self.tests)} passed, {skipped} skipped"
        say(f"{self.step.name}: {word}, {counts}, {time.monotonic() - self.begin:.0f} s")
        return good


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("interrupted: the next call goes on from here", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
