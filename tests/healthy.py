"""Make whole deployments of a healthy lab, one after another, and print how each ended: all are to be GO.

    python -m tests.healthy 20 [--shape other] [--busy 2]

Each is made in a lab of its own, since its flags stay on. `--busy` keeps as many processes in an endless loop.
Exit code 0: every one was GO; 1: not so, and the folder with its records is named.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

from power.deployment import SHAPES, first_not_go  # noqa: E402


@contextmanager
def kept_busy(number: int) -> Iterator[None]:
    """Keep a number of processes in an endless loop meanwhile."""
    spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()


def main() -> int:
    """Make them and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("number", type=int, nargs="?", default=20)
    parser.add_argument("--shape", choices=SHAPES, default="lab")
    parser.add_argument("--busy", type=int, default=0, help="processes in an endless loop (default: %(default)s)")
    options = parser.parse_args()
    folder, well = Path(tempfile.mkdtemp(prefix="healthy-")), 0
    with kept_busy(options.busy):
        for number in range(1, options.number + 1):
            begun = time.monotonic()
            wrong = first_not_go(options.shape, folder / str(number))
            well += not wrong
            took, load = time.monotonic() - begun, os.getloadavg()[0]
            print(f"{number:4} {took:5.0f} s  load {load:4.1f}  {wrong or 'GO'}", flush=True)
    print(f"{well} of {options.number} whole deployments GO, shape {options.shape}; records in {folder}")
    return int(well != options.number)


if __name__ == "__main__":
    raise SystemExit(main())
