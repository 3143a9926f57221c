#!/usr/bin/env python3
"""Verify a deployment record: manifest, chain of the event log, record.json.

Exit code 0: nothing changed since the run; 1: something did; 2: usage, or no record there.
"""

import argparse
import json
import sys
from pathlib import Path

from acceptance.record.verify import NoRecord, verify


def main(arguments: list[str] | None = None) -> int:
    """Verify one folder and say so in one line, or as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the run's folder below reports/")
    parser.add_argument("--json", action="store_true", help="for machines")
    options = parser.parse_args(arguments)
    try:
        faults = verify(options.folder)
    except (NoRecord, OSError) as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps({"folder": str(options.folder), "intact": not faults, "faults": faults}))
    elif faults:
        print(f"CHANGED: {options.folder}: {'; '.join(faults)}")
    else:
        print(f"INTACT: {options.folder}: every file is as the run left it")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
