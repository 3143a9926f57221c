#!/usr/bin/env python3
"""Print which check answers which item of the checklist, and how: automated, sign-off, generated, or MISSING.

Exit code 0: every item has a check, no check names an unknown item, sign-offs are at most 20; 1: not so;
2: usage, or the checks could not be collected.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

import _environment  # noqa: F401 - first: it finds the packages

from acceptance.commands.coverage import Kind, Row, collect, left_to_a_person, matrix, unknown
from acceptance.commands.output import to_its_end
from acceptance.target.file import TargetError
from acceptance.target.loading import find_target, load_target
from acceptance.verdict import Inconclusive

PROJECT = Path(__file__).resolve().parents[2]
MOST_SIGN_OFFS = 20


def main(arguments: list[str] | None = None) -> int:
    """Print the matrix and what is wrong with it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--missing", action="store_true", help="only what is missing or wrong")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--target", help="a target file: which items its commands leave to a person")
    options = parser.parse_args(arguments)
    try:
        checks = collect(PROJECT)
        target = load_target(find_target(options.target, PROJECT / "targets")) if options.target else None
    except (Inconclusive, TargetError) as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 2
    rows, strange = matrix(checks), unknown(checks)
    counts = Counter(row.kind for row in rows)
    wrong = bool(counts[Kind.MISSING] or strange or counts[Kind.SIGN_OFF] > MOST_SIGN_OFFS)
    if options.json:
        told = [{"item": row.item.id, "kind": row.kind, "checks": [check.name for check in row.checks]} for row in rows]
        print(json.dumps({"items": told, "unknown": strange}))
        return int(wrong)
    for row in rows:
        if not options.missing or row.kind is Kind.MISSING:
            print("\n".join(_lines(row)))
    for item_id, names in strange.items():
        print(f"{item_id:22} UNKNOWN    {', '.join(names)}")
    print(f"{len(rows)} items: {', '.join(f'{counts[kind]} {kind}' for kind in Kind)}; {len(strange)} unknown named")
    if target:
        left = left_to_a_person(rows, target.evidence)
        others = "the others are answered by its commands or our own records"
        print(f"{target.source}: {len(left)} items are left to a person: {', '.join(left) or 'none'}; {others}")
    return int(wrong)


def _lines(row: Row) -> list[str]:
    head = f"{row.item.id:22} {row.kind:10} "
    names = [f"{check.name}{f' ({check.cases} cases)' if check.cases > 1 else ''}" for check in row.checks]
    return [f"{head}{(names or [row.item.text])[0]}", *(f"{'':{len(head)}}{name}" for name in names[1:])]


if __name__ == "__main__":
    sys.exit(to_its_end(main))
