"""Take guards out of a copy of the suite, one at a time, and print which test noticed.

    python -m tests.removals [NAME ...]

A NAME is a part of a row's number, words or name, such as `9 Loki`. Exit code 0: every removal was noticed; 1: not so,
or a row does not fit the source any more; 2: wrong use.
"""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

from removals.guards import Rotten, load  # noqa: E402
from removals.trials import trials  # noqa: E402
from removals.workshop import Unusable  # noqa: E402

_WIDTHS = (22, 44, 13)
_SAID = 110


def main() -> int:
    """Try the chosen rows; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.removals", description=__doc__.strip().partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="rows with this in their number, words or name")
    names = parser.parse_args().names
    guards = [guard for guard in load() if not names or any(name.lower() in str(guard).lower() for name in names)]
    if not guards:
        parser.error(f"no row holds {' or '.join(names)}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a lab that is at work ends with its test
    begin = time.monotonic()
    faults = 0
    print(f"{len({guard.test for guard in guards})} tests with every guard in place, then each without ...", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="removals-") as folder,
        trials(guards, Path(folder).resolve()) as tried,
    ):
        print(_line("row", "guard that is taken out", "with, without", "test, and what it says without"))
        for trial in (future.result() for future in tried.values()):
            ended = f"{trial.with_it.kind}, {trial.without.kind if trial.without else 'not tried'}"
            print(_line(trial.guard.row, trial.guard.name, ended, trial.guard.test), flush=True)
            fault = trial.fault()
            faults += bool(fault)
            print(_line("", "", "", f"FAULT: {fault}" if fault else trial.without.said[:_SAID]), flush=True)
    print(f"{len(guards) - faults} of {len(guards)} removals noticed, {time.monotonic() - begin:.0f} s")
    return 1 if faults else 0


def _line(*columns: str) -> str:
    return " ".join([*(f"{column:<{width}}" for column, width in zip(columns, _WIDTHS, strict=False)), columns[-1]])


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Rotten, Unusable) as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted: the copies are gone, the checkout was not touched", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
