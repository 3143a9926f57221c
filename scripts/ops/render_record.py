#!/usr/bin/env python3
"""Draw a deployment record from its event log alone, after a run that was killed before it could.

Exit code 0: drawn; 1: the log was changed after it was written; 2: usage, or no event log there.
"""

import argparse
import json
import sys
from pathlib import Path

from acceptance.events import TamperedLog
from acceptance.record.publish import load, render


def main(arguments: list[str] | None = None) -> int:
    """Draw one folder's page and say where it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the run's folder below reports/")
    parser.add_argument("--json", action="store_true", help="for machines")
    options = parser.parse_args(arguments)
    try:
        outcome, page = load(options.folder).outcome, render(options.folder)
    except TamperedLog as error:
        print(f"CHANGED: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 2
    facts = {"outcome": outcome, "page": str(page)}
    print(json.dumps(facts) if options.json else f"{outcome}: {page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
