#!/usr/bin/env python3
"""Verify a deployment record: manifest, chain of the event log, the files drawn from it, and the signature.

Exit code 0: nothing changed since the run; 1: something did, or with --allowed-signers nobody allowed signed it;
2: usage, or no record there.
"""

import argparse
import json
import sys
from pathlib import Path

from acceptance.record.publish import SIGNATURE
from acceptance.record.signing import signer
from acceptance.record.verify import NoRecord, verify
from acceptance.verdict import Inconclusive


def main(arguments: list[str] | None = None) -> int:
    """Verify one folder and say so in one line, or as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the run's folder below reports/")
    parser.add_argument("--allowed-signers", type=Path, metavar="FILE", help="who may sign; then a signature is needed")
    parser.add_argument("--json", action="store_true", help="for machines")
    options = parser.parse_args(arguments)
    name = ""
    try:
        faults = verify(options.folder)
        if options.allowed_signers:
            name = signer(options.folder, options.allowed_signers)
    except ValueError as error:
        faults.append(str(error))
    except (NoRecord, Inconclusive, OSError) as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 2
    if options.json:
        facts = {"folder": str(options.folder), "intact": not faults, "faults": faults, "signed_by": name or None}
        print(json.dumps(facts))
    elif faults:
        print(f"CHANGED: {options.folder}: {'; '.join(faults)}")
    else:
        print(f"INTACT: {options.folder}: every file is as the run left it{_signed(options.folder, name)}")
    return 1 if faults else 0


def _signed(folder: Path, name: str) -> str:
    if name:
        return f"; signed by {name}"
    return "; signature not checked, for that give --allowed-signers" if (folder / SIGNATURE).exists() else ""


if __name__ == "__main__":
    sys.exit(main())
