#!/usr/bin/env python3
"""Run the suite for the night and keep its exit code; render the history, remove old rehearsals, post on change.

    scripts/ops/nightly.py --target staging [--keep-days 30] [-- PYTEST ARGUMENTS]

The post goes to OPS_WEBHOOK_URL where that is set (docs/record.md), and only when the outcome, the exit code or the
stages that are bad are others than the night before. Exit code: that of the run; 3 where the run was good and something
after it failed.
"""

import argparse
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import _environment  # noqa: F401 - first: it finds the packages

from acceptance.commands.nightly import expired, last_night, night_of, remember, run_to_its_end
from acceptance.commands.notify import channels, send_post
from acceptance.disk import replace_text
from acceptance.record.history import Run, read_runs
from acceptance.record.history_page import history
from acceptance.record.publish import JUNIT
from acceptance.verdict import Inconclusive

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
    options.reports.mkdir(parents=True, exist_ok=True)
    before, _ = read_runs(options.reports)
    command = [sys.executable, "-m", "pytest", "--target", options.target, f"--reports={options.reports.resolve()}"]
    code = run_to_its_end([*command, *options.arguments], ROOT)
    try:
        _afterwards(options, code, before)
    except (OSError, Inconclusive) as error:
        print(f"ERROR: the run ended with {code}; after it: {error}", file=sys.stderr)
        return code or FAILED_AFTERWARDS
    return code


def _afterwards(options: argparse.Namespace, code: int, before: list[Run]) -> None:
    runs, _ = read_runs(options.reports)
    night = night_of(code, before, runs)
    name = Path(options.target).stem
    state = options.reports / f"nightly-{name}.json"
    results = options.reports / f"nightly-{name}.xml"
    results.unlink(missing_ok=True)
    found = options.reports / night.folder / JUNIT
    if night.folder and found.is_file():
        shutil.copyfile(found, results)
    if not night.same_as(was := last_night(state)):
        text = night.post(name, was)
        print(text)
        if address := channels(os.environ).webhook:
            send_post(address, text)
    remember(state, night)
    for run in expired(runs, options.keep_days, datetime.now(UTC)):
        print(f"removed: {run.folder}, a rehearsal older than {options.keep_days} days")
        shutil.rmtree(options.reports / run.folder)
    replace_text(options.reports / "index.html", history(*read_runs(options.reports)))


if __name__ == "__main__":
    sys.exit(main())
