"""The lab's commands: `python -m lab serve | fetch | fault | faults`."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from lab import faults, telegram
from lab.binaries import BinariesMissingError, fetch
from lab.serve import serve
from lab.shape import SHAPES, VARIABLE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the result is the exit code: 0 good, 1 failed, 2 wrong use."""
    options = _parser().parse_args(arguments)
    if options.command == "serve":
        if options.shape:
            os.environ[VARIABLE] = options.shape  # the services inherit it
        if options.dialog:
            os.environ[telegram.VARIABLE] = options.dialog
        return serve(options.home, options.fault, options.keep)
    if options.command == "fetch":
        return _fetch()
    if options.command == "fault":
        return _fault(options.home, options.name, options.state)
    for fault in faults.catalogue():
        print(f"{fault.name:30} {fault.stage:16} {fault.breaks}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab", description="The embedded rehearsal stack.")
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", help="run a lab until standard input ends or SIGTERM")
    serving.add_argument("--home", type=Path, help="folder of the lab, new or empty (default: a temporary one)")
    serving.add_argument("--fault", action="append", default=[], metavar="NAME", help="seed a fault; may be repeated")
    serving.add_argument("--shape", choices=sorted(SHAPES), help="what the deployment looks like (default: checklist)")
    serving.add_argument("--dialog", choices=("http", "telegram"), help="where its users are (default: http)")
    serving.add_argument("--keep", action="store_true", help="do not remove the folder at the end")
    commands.add_parser("fetch", help="get prometheus, alertmanager and clamd into the cache")
    switching = commands.add_parser("fault", help="turn a fault of a running lab on or off")
    switching.add_argument("home", type=Path)
    switching.add_argument("name")
    switching.add_argument("state", choices=("on", "off"))
    commands.add_parser("faults", help="list the seeded faults")
    return parser


def _fetch() -> int:
    try:
        found = fetch()
    except BinariesMissingError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    for program in (found.prometheus, found.alertmanager, found.clamd):
        print(program)
    return 0


def _fault(home: Path, name: str, state: str) -> int:
    try:
        faults.switch(home, name, on=state == "on")
    except ValueError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
