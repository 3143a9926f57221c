"""Print the table of `docs/power.md`: `python -m tests.simulation [--soaks N] [--seed S]`."""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path
from statistics import median

from acceptance.stage import load_stage

from .soaks import Service, soak

STAGES = Path(__file__).parents[2] / "ops_tests"
SERVICES = {
    "1 % slow, 1 % failed": Service(0.01, 0.01),
    "3 % slow": Service(0.0, 0.03),
    "3 % slow, 6 a minute": Service(0.0, 0.03, 6),
    "10 % slow": Service(0.0, 0.10),
    "10 % failed": Service(0.10, 0.0),
    "20 % slow, 6 a minute": Service(0.0, 0.20, 6),
    "20 % failed, 6 a minute": Service(0.20, 0.0, 6),
    "20 % slow in the last half": Service(0.0, 0.20, 60, 0.5),
    "1 % slow, 1 % failed, others too": Service(0.01, 0.01, others_failed=0.01),
    "others 3 % failed": Service(others_failed=0.03),
    "others 3 % failed, 6 a minute": Service(per_minute=6, others_failed=0.03),
    "others 10 % failed": Service(others_failed=0.10),
    "others 20 % failed, 6 a minute": Service(per_minute=6, others_failed=0.20),
}


def main(arguments: list[str]) -> None:
    """Print a line for each stage, service and scrape interval."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--soaks", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=21)
    parser.add_argument("--services", default="", help="only those that hold this in their name, such as `others`")
    options = parser.parse_args(arguments)
    print(
        "| stage | service | scrapes | rolled back by a trigger | median after | stopped by trigger or latency gate |"
    )
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    stages = [load_stage(STAGES / f"stage_21_01{letter}") for letter in "abcd"]
    for stage in stages:
        others = [each for each in stages if each is not stage]
        for name, service in ((name, each) for name, each in SERVICES.items() if options.services in name):
            for scrape_s in (15, 60):
                dice = random.Random(f"{options.seed} {stage.id} {name} {scrape_s}")
                found = [soak(stage, service, scrape_s, dice, others) for _ in range(options.soaks)]
                times = [each.rolled_back_after for each in found if each.rolled_back_after is not None]
                stopped = sum(each.refused or each.rolled_back_after is not None for each in found)
                after = f"{median(times):.0f} s" if times else ""
                cells = (stage.id, name, f"{scrape_s} s", f"{len(times) / len(found):.1%}", after)
                print(f"| {' | '.join(cells)} | {stopped / len(found):.1%} |", flush=True)
                print(f"{stage.id} {name}: {options.soaks} soaks", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
