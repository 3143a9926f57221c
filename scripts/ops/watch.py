#!/usr/bin/env python3
"""Watch a run from a second terminal or a phone, read-only: its checks, its flag, its soak.

    scripts/ops/watch.py [FOLDER] [--once]

FOLDER is a run's folder, or one that holds runs (default: reports/); then it is the run that wrote last. Ends with the
run. Exit code: 0, or 2 where there is no run that can be read.
"""

import argparse
import sys
from pathlib import Path

import _environment  # noqa: F401 - first: it finds the packages
from rich.console import Console

from acceptance.commands.output import to_its_end
from acceptance.commands.watching import follow, newest
from acceptance.events import TamperedLog


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to `to_its_end`: rich would end with 1."""
        raise BrokenPipeError


def main(arguments: list[str] | None = None) -> int:
    """Find the run and follow it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parents[2] / "reports")
    parser.add_argument("--once", action="store_true", help="show it once and end")
    options = parser.parse_args(arguments)
    if (run := newest(options.folder)) is None:
        print(f"{options.folder}: expected a run's folder with events.jsonl, found none; name it", file=sys.stderr)
        return 2
    try:
        follow(run, _Console(), once=options.once)
    except KeyboardInterrupt:
        return 0
    except (TamperedLog, FileNotFoundError) as error:
        print(f"{run}: expected the event log of a run, found {error}; name another run", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(to_its_end(main))
