#!/usr/bin/env python3
"""Check that every flag is in the env file, once, readable and false (pre.technical.4, 21_00.exit.1, rollback plan)."""

import argparse
import sys

import _environment  # noqa: F401 - first: it finds the packages

from acceptance.commands import cli
from acceptance.preparation.flagcheck import flag_findings, flag_notes, flag_states
from acceptance.target.model import Target
from acceptance.verdict import Refused


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Reads only. The file decides what a service reads at its next start, not what it runs with."
    parser.add_argument("--epic", type=int, choices=[21], default=21, help="the epic (21)")
    parser.add_argument(
        "--expect", action="append", default=[], metavar="FLAG=true", help="a flag that is to be something else"
    )


def _act(target: Target, args: argparse.Namespace) -> cli.Answer:
    expected = dict(_expectation(text, target) for text in args.expect)
    states = flag_states(target)
    told = ", ".join(f"{flag}={value}" for flag, value in states.items())
    found = flag_findings(target, expected=expected)
    notes = flag_notes(target)
    line = "; to know: ".join([f"{target.env_file}: {told}", *map(str, notes)])
    facts = {**states, "notes": [str(note) for note in notes]}
    return cli.Answer([*found, *notes] if found else [], line, facts, [f"found {told}"])


def _expectation(text: str, target: Target) -> tuple[str, bool]:
    flag, _, value = text.partition("=")
    if flag not in target.flags.values() or value not in ("true", "false"):
        known = ", ".join(target.flags.values())
        raise Refused(f"--expect {text}: expected FLAG=true or FLAG=false, of {known}")
    return flag, value == "true"


if __name__ == "__main__":
    sys.exit(cli.main(__doc__, _act, _arguments))
