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
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
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
    afterwards = Afterwards(code)
    with afterwards.step():
        runs, _ = read_runs(options.reports)
        _follow_up(afterwards, options, night_of(code, before, runs), runs)
    return code or (FAILED_AFTERWARDS if afterwards.failed else 0)


class Afterwards:
    """What follows the run: of its steps none is left out because another fails."""

    def __init__(self, code: int) -> None:
        self.failed = False
        self._code = code

    @contextmanager
    def step(self) -> Iterator[None]:
        """Say what fails in one step, such as a post that nobody takes, and go on."""
        try:
            yield
        except (OSError, Inconclusive, TamperedLog) as error:
            say(f"ERROR: the run ended with {self._code}; after it: {error}", error=True)
            self.failed = True


def _follow_up(afterwards: Afterwards, options: argparse.Namespace, night: Night, runs: list[Run]) -> None:
    """Tell, show, tidy up and render."""
    name = name_of(options.target)
    with afterwards.step():
        _tell(options.reports / f"nightly-{name}.json", name, night)
    with afterwards.step():
        _show(options.reports / night.folder / JUNIT, options.reports / f"nightly-{name}.xml", night)
    with afterwards.step():
        for run in expired(runs, options.keep_days, datetime.now(UTC), told_of(options.reports)):
            with afterwards.step():
                shutil.rmtree(options.reports / run.folder)
                say(f"removed: {Path(run.folder).name}, a rehearsal older than {options.keep_days} days")
    with afterwards.step():
        replace_text(options.reports / "index.html", history(*read_runs(options.reports)))


def _tell(state: Path, name: str, night: Night) -> None:
    """Post how the night ended, where that is news."""
    if not night.same_as(was := last_night(state)):
        text = night.post(name, was)
        say(text)
        if address := channels(os.environ).webhook:
            send_post(address, text)
    remember(state, night)


def _show(found: Path, results: Path, night: Night) -> None:
    """Copy the night's results to where a CI finds them."""
    results.unlink(missing_ok=True)
    if night.folder and found.is_file():
        shutil.copyfile(found, results)


if __name__ == "__main__":
    sys.exit(to_its_end(main))
