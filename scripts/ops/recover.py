#!/usr/bin/env python3
"""Undo what a crashed run left open on a target, or list it with --dry-run; twice is harmless.

Exit code 0: nothing is open, or all is undone, and flags and services are as expected; 1: something is open still, or
a flag or a service is not as expected, with the commands to finish by hand, or archives of the crashed run were lost;
10: only test data is left; 2: usage, or the target is in use or out of reach.
"""

import argparse
import sys
from dataclasses import replace

import _environment  # noqa: F401 - first: it finds the packages

from acceptance.commands import cli
from acceptance.commands.interruption import report_signals_only, reporting
from acceptance.conduct.lock import LockHeld, LockUnusable
from acceptance.conduct.manual_recovery import state_found
from acceptance.conduct.progress import Progress
from acceptance.conduct.recovery import by_hand, open_changes, recover_target
from acceptance.conduct.unexpected import unexpected
from acceptance.finding import Finding, Severity, ranked
from acceptance.target import by_hand as commands
from acceptance.target.model import Target
from acceptance.verdict import DataLeft, RecoveryNeeded


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="only list")


def _act(target: Target, args: argparse.Namespace) -> cli.Answer:
    before = open_changes(target)
    facts = {"open": [f"{entry.what} (run {entry.run}, {entry.at})" for entry in before]}
    if args.dry_run:
        step = "run this without --dry-run"
        listed = [
            Finding("open change", f"open: {line}", "it undone", "it open", next_step=step) for line in facts["open"]
        ]
        nothing = cli.Answer(listed, f"{target.name}: nothing is open", facts)
        return nothing if listed else _compared(target, nothing)
    lost: list[Finding] = []
    report_signals_only()
    undo = Progress("finish")
    try:
        with reporting(undo):
            accounts = recover_target(target, "recover.py", undo, lost.append)
    except DataLeft as left:
        return _data_left(target, left, lost)
    undone = "\n  ".join(accounts)
    line = f"{target.name}: undone:\n  {undone}" if accounts else f"{target.name}: nothing was open"
    return _compared(target, cli.Answer(lost, line, facts | {"undone": accounts}))


def _data_left(target: Target, left: DataLeft, lost: list[Finding]) -> cli.Answer:
    """Say that only test data is left, where flags and services are as expected indeed."""
    again = commands.recover(target.source)
    compared = _compared(target, cli.Answer(lost, ""))
    if not compared.findings:
        raise DataLeft(f"{left}\nflags and services are as expected; run this once more: {again}") from left
    found = Finding("test data left", target.name, "none of ours", str(left), Severity.MEDIUM, f"run it again: {again}")
    return replace(compared, findings=[*compared.findings, found])


def _compared(target: Target, answer: cli.Answer) -> cli.Answer:
    """Add how flags and services stand, where no change is open that explains it."""
    found = ranked(unexpected(target))
    bad = [finding for finding in found if finding.severity > Severity.LOW]
    notes = "".join(f"\n  note: {finding}" for finding in found if finding.severity == Severity.LOW)
    undone = [answer.line] if answer.facts.get("undone") else []
    return cli.Answer([*answer.findings, *bad], answer.line + notes, answer.facts, undone)


def _undone(target: Target, args: argparse.Namespace) -> cli.Answer:
    """Do it, and give the commands by hand for what is open afterwards."""
    try:
        return _act(target, args)
    except (LockHeld, DataLeft):
        raise
    except LockUnusable as error:  # guard: who-cannot-lock-is-told-how-flags-stand
        raise LockUnusable(f"{error}\n{_found_now(target)}") from error
    except RecoveryNeeded as error:
        found = Finding("not undone", target.name, "every change undone", str(error), Severity.CRITICAL)
        return cli.Answer([found], "", notes=_by_hand(target))


def _by_hand(target: Target) -> list[str]:
    try:
        left = open_changes(target)
    except RecoveryNeeded:  # the journal itself cannot be read: its own message says what to do
        return [_found_now(target)]
    return [f"by hand, for «{entry.what}»:\n  " + "\n  ".join(by_hand(target, entry)) for entry in left]


def _found_now(target: Target) -> str:
    return "found now:\n  " + "\n  ".join(state_found(target).said)


if __name__ == "__main__":
    sys.exit(cli.main(__doc__, _undone, _arguments))
