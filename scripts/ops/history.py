#!/usr/bin/env python3
"""Draw the index over all records of a folder: outcomes, gates over time, checks that flip, time to rollback.

Exit code 0: drawn; 1: drawn, but at least one folder could not be read (the page says which); 2: usage, no folder.
"""

import argparse
import json
import sys
from pathlib import Path

from acceptance.record.history import read_runs
from acceptance.record.history_page import history
from acceptance.record.publish import replace_text

REPORTS = Path(__file__).resolve().parents[2] / "reports"


def main(arguments: list[str] | None = None) -> int:
    """Draw one folder's index and say where it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=REPORTS, help="where records are (default: reports/)")
    parser.add_argument("--json", action="store_true", help="for machines")
    options = parser.parse_args(arguments)
    page = options.folder / "index.html"
    try:
        runs, unreadable = read_runs(options.folder)
        replace_text(page, history(runs, unreadable))
    except OSError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 2
    if options.json:
        broken = [{"folder": each.folder, "why": each.why} for each in unreadable]
        print(json.dumps({"page": str(page), "runs": len(runs), "unreadable": broken}))
    else:
        print(f"{len(runs)} runs, {len(unreadable)} folders could not be read: {page}")
    return 1 if unreadable else 0


if __name__ == "__main__":
    sys.exit(main())
