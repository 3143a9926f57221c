#!/usr/bin/env python3
"""Run the suite for the night and keep its exit code; render the history, remove old rehearsals, post on change.

    scripts/ops/nightly.py --target staging [--keep-days 30] [-- PYTEST ARGUMENTS]

The post goes to OPS_WEBHOOK_URL where that is set (docs/record.md), and only when the outcome, the exit code or the
stages that are bad are others than the night before. Exit code: that of the run; 3 where the run was good and something
after it failed; 13 where the folder of the records cannot be used.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import _environment  # noqa: F401 - first: it finds the packages

from acceptance.commands.nightly import (
    Night,
    absolute,
    expired,
    last_night,
    name_of,
    night_of,
    remember,
    run_to_its_end,
)
from acceptance.commands.notify import channels, send_post
from acceptance.commands.output import say, to_its_end
from acceptance.disk import replace_text
from acceptance.events import TamperedLog
from acceptance.record.history import Run, read_runs
from acceptance.record.history_page import history
from acceptance.record.publish import JUNIT
from acceptance.record.receipts import told_of
from acceptance.verdict import ExitCode, Inconclusive

ROOT = Path(__file__).resolve().parents[2]
FAILED_AFTERWARDS = 3


def main(arguments: list[str] | None = None) -> int:
    """Run, remember, tidy up, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", default="lab", help="a name in targets/ (default: lab)")
    parser.add_argument("--reports", type=Path, default=ROOT / "reports", help="where records are kept")
    parser.add_argument("--keep-days", type=int, default=30, help="older rehearsals are removed (default: 30)")
    parser.add_argument("arguments", nargs="*", help="for pytest, after --")
    options = parser.parse_args(arguments)
    try:
        options.reports.mkdir(parents=True, exist_ok=True)
        before, _ = read_runs(options.reports)
    except OSError as error:
        told = f"expected a folder of records that can be read and written, found {error}"
        print(f"REFUSED: --reports: {told}; nothing was run; correct it", file=sys.stderr)
        return ExitCode.REFUSED
    target = absolute(options.target)
    command = [sys.executable, "-m", "pytest", "--target", target, f"--reports={options.reports.resolve()}"]
    code = run_to_its_end([*command, *options.arguments], ROOT)
    try:
        runs, _ = read_runs(options.reports)
    except OSError as error:
        failed = _failed(code, error)
        return code or failed
    failed = 0
    for step in _afterwards(options, night_of(code, before, runs), runs):
        try:
            step()
        except (OSError, Inconclusive, TamperedLog) as error:  # a post that nobody takes ends no other step
            failed = _failed(code, error)
    return code or failed


def _failed(code: int, error: Exception) -> int:
    """Say what failed after the run, and give the exit code of that."""
    say(f"ERROR: the run ended with {code}; after it: {error}", error=True)
    return FAILED_AFTERWARDS


def _afterwards(options: argparse.Namespace, night: Night, runs: list[Run]) -> Iterator[Callable[[], object]]:
    """Give what follows the run, in its order."""
    name = name_of(options.target)
    yield lambda: _tell(options.reports / f"nightly-{name}.json", name, night)
    yield lambda: _show(options.reports / night.folder / JUNIT, options.reports / f"nightly-{name}.xml", night)
    old: list[Run] = []
    yield lambda: old.extend(expired(runs, options.keep_days, datetime.now(UTC), told_of(options.reports)))
    for run in old:
        yield partial(_remove, options.reports / run.folder, f"a rehearsal older than {options.keep_days} days")
    yield lambda: replace_text(options.reports / "index.html", history(*read_runs(options.reports)))


def _tell(state: Path, name: str, night: Night) -> None:
    """Post how the night ended, where that is news."""
    if not night.same_as(was := last_night(state)):
        text = night.post(name, was)
        say(text)
        if address := channels(os.environ).webhook:
            send_post(address, text)
    remember(state, night)


def _remove(folder: Path, why: str) -> None:
    shutil.rmtree(folder)
    say(f"removed: {folder.name}, {why}")


def _show(found: Path, results: Path, night: Night) -> None:
    """Copy the night's results to where a CI finds them."""
    results.unlink(missing_ok=True)
    if night.folder and found.is_file():
        shutil.copyfile(found, results)


if __name__ == "__main__":
    sys.exit(to_its_end(main))
