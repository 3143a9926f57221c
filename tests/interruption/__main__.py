"""Kill runs at random moments and print the table.

    python -m tests.interruption 200 [--labs 2] [--seed 21]

Exit code 0: every kill ended well; 1: not so.
"""

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

from held_lab import held_lab  # noqa: E402

from interruption.matrix import Arena, kills, table, tally  # noqa: E402


def main():
    """Run the matrix; each lab takes the next kill as soon as it is free."""
    parser = argparse.ArgumentParser(description=__doc__.strip().partition("\n")[0])
    parser.add_argument("number", type=int, nargs="?", default=200)
    parser.add_argument("--labs", type=int, default=1, help="side by side (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=21)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="interruption-"))
    waiting = SimpleQueue()
    results = []

    def work(name):
        with held_lab() as lab:
            arena = Arena(lab, folder / name)
            if name == "lab-0":
                lengths = {xdist: arena.calm(xdist) for xdist in ("plain", "xdist")}
                print(f"a calm run takes {lengths}; what went wrong is kept in {folder}", flush=True)
                for kill in [*kills(options.number, options.seed, lengths), *[None] * options.labs]:
                    waiting.put(kill)
            while kill := waiting.get():
                hit, flag_on, faults = arena.kill(kill)
                results.append((kill, hit, flag_on, faults))
                when = "flag on" if flag_on else "" if hit else "too late"
                print(f"{len(results):4} {kill!s:38} {when:8} {'; '.join(faults) or 'well'}", flush=True)

    with ThreadPoolExecutor(options.labs) as pool:
        list(pool.map(work, [f"lab-{number}" for number in range(options.labs)]))
    tallies = tally(results)
    print(table(tallies))
    return 0 if all(one.well == one.kills for one in tallies.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
