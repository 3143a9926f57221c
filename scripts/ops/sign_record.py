#!/usr/bin/env python3
"""Sign a deployment record: its manifest, with your SSH key. The folder is verified first.

Exit code 0: signed; 1: the folder was changed since the run, nothing was signed; 2: usage, no record, or the key
could not sign.
"""

import argparse
import sys
from pathlib import Path

from acceptance.record.signing import sign
from acceptance.record.verify import NoRecord, verify
from acceptance.verdict import Inconclusive


def main(arguments: list[str] | None = None) -> int:
    """Sign one folder and name the signature's file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the run's folder below reports/")
    parser.add_argument("--key", type=Path, required=True, help="private key, or the public key of one in ssh-agent")
    options = parser.parse_args(arguments)
    try:
        if faults := verify(options.folder):
            print(f"CHANGED: {options.folder}: nothing was signed: {'; '.join(faults)}", file=sys.stderr)
            return 1
        print(f"SIGNED: {sign(options.folder, options.key)}")
    except (NoRecord, Inconclusive, OSError) as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
