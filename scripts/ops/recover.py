#!/usr/bin/env python3
"""Undo what a crashed run left open on a target, or list it with --dry-run; twice is harmless.

Exit code 0: nothing is open, or all is undone, and flags and services are as expected; 1: something is open still, or
a flag or a service is not as expected, with the commands to finish by hand; 2: usage, or the target is in use or out of
reach.
"""

import argparse
import sys

import _environment  # noqa: F401 - first: it finds the packages

from acceptance.commands.cli import Answer, main
from acceptance.conduct.lock import LockHeld, LockUnusable
from acceptance.conduct.recovery import by_hand, open_changes, recover_target, standing
from acceptance.finding import Finding, Severity, ranked
from acceptance.target.model import Target
from acceptance.verdict import RecoveryNeeded


def act(target: Target, args: argparse.Namespace) -> Answer:
    """Undo, or list."""
    before = open_changes(target)
    facts = {"open": [f"{entry.what} (run {entry.run}, {entry.at})" for entry in before]}
    if args.dry_run:
        step = "run this without --dry-run"
        listed = [
            Finding("open change", f"open: {line}", "it undone", "it open", next_step=step) for line in facts["open"]
        ]
        return _compared(target, Answer(listed, f"{target.name}: nothing is open", facts))
    accounts = recover_target(target, "recover.py")
    undone = "\n  ".join(accounts)
    line = f"{target.name}: undone:\n  {undone}" if accounts else f"{target.name}: nothing was open"
    return _compared(target, Answer([], line, facts | {"undone": accounts}))


def _compared(target: Target, answer: Answer) -> Answer:
    """Add how flags and services stand, where no change is open that explains it."""
    if answer.findings:
        return answer
    found = ranked(standing(target))
    bad = [finding for finding in found if finding.severity > Severity.LOW]
    notes = "".join(f"\n  note: {finding}" for finding in found if finding.severity == Severity.LOW)
    undone = [answer.line] if answer.facts.get("undone") else []
    return Answer(bad, answer.line + notes, answer.facts, undone)


def undo(target: Target, args: argparse.Namespace) -> Answer:
    """Do it, and give the commands by hand for what is open afterwards."""
    try:
        return act(target, args)
    except (LockHeld, LockUnusable):
        raise
    except RecoveryNeeded as error:
        found = Finding("not undone", target.name, "every change undone", str(error), Severity.CRITICAL)
        return Answer([found], "", notes=_by_hand(target))


def _by_hand(target: Target) -> list[str]:
    try:
        left = open_changes(target)
    except RecoveryNeeded:  # the journal itself cannot be read: its own message says what to do
        return []
    return [f"by hand, for «{entry.what}»:\n  " + "\n  ".join(by_hand(target, entry)) for entry in left]


if __name__ == "__main__":
    flag = "--dry-run"
    sys.exit(main(__doc__, undo, lambda parser: parser.add_argument(flag, action="store_true", help="only list")))
