#!/usr/bin/env python3
"""Back up the database and the configuration, and prove it by a restore; or remove what is too old (pre.technical.3).

Exit code 0: a backup that can be restored; 1: none; 2: usage, or something is out of reach.
"""

import argparse
import sys
from dataclasses import asdict
from datetime import UTC, datetime

import _environment  # noqa: F401 - first: it finds the packages

from acceptance.backup.making import BackupFailed, back_up, retention
from acceptance.backup.restoring import backup_findings, restore_findings
from acceptance.commands import cli
from acceptance.conduct.testdata import new_prefix
from acceptance.finding import Finding
from acceptance.target.model import Target
from acceptance.verdict import Refused


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "The restore goes into a database of its own, which is dropped again; the real one is only read."
    parser.add_argument(
        "--clean", action="store_true", help="make none; remove those older than --days (post.backup.1)"
    )
    parser.add_argument("--days", type=float, default=7, help="how long backups are kept (7)")
    parser.add_argument("--dry-run", action="store_true", help="with --clean: only say what would be removed")


def _act(target: Target, args: argparse.Namespace) -> cli.Answer:
    if args.clean:
        done = retention(target.backup_dir, args.days, datetime.now(UTC), args.dry_run)
        return cli.Answer([], f"{target.backup_dir}: {done.explain()}", asdict(done))
    if not target.allow_mutations:
        raise Refused(f"{target.source}: ALLOW_MUTATIONS is not true, and a restore writes a database of its own")
    try:
        made = back_up(target)
        found = [*backup_findings(made), *restore_findings(target, made, new_prefix())]
    except BackupFailed as error:
        return cli.Answer([Finding("no backup", str(target.backup_dir), "a backup", str(error))], "")
    counts = ", ".join(f"{name} {content.documents}" for name, content in made.collections.items())
    line = f"{made.folder}, by {made.tool}, restored and compared: {counts} documents; {', '.join(made.files)}"
    return cli.Answer(found, line, asdict(made))


if __name__ == "__main__":
    sys.exit(cli.main(__doc__, _act, _arguments))
