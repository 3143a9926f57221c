"""Kill runs at random moments and print the table; kills that ended well in this state of the tree are not repeated.

    python -m tests.interruption 300 [--labs 2] [--seed 21] [--again]

Exit code 0: every kill ended well; 1: not so; after Ctrl-C the next call goes on from there.
"""

import argparse
import json
import sys
import tempfile
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from queue import Empty, SimpleQueue

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]

from held_lab import held_lab  # noqa: E402

from interruption.arena import Arena  # noqa: E402
from interruption.matrix import Kill, kills, table, tally  # noqa: E402
from tests.ledger import git, tree_state  # noqa: E402

Result = tuple[bool, bool, list[str]]
LEDGER = ROOT / ".tiers" / "interruptions.jsonl"


def main() -> int:
    """Run the matrix; each lab takes the next kill as soon as it is free."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("number", type=int, nargs="?", default=300)
    parser.add_argument("--labs", type=int, default=1, help="side by side (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=21)
    parser.add_argument("--only", default="", help="those whose name holds this text")
    parser.add_argument("--again", action="store_true", help="repeat also what ended well before")
    options = parser.parse_args()
    folder, tree = Path(tempfile.mkdtemp(prefix="interruption-")), tree_state()
    chosen = [kill for kill in kills(options.number, options.seed) if options.only in str(kill)]
    results = {} if options.again else before(tree, chosen)
    waiting: SimpleQueue[Kill] = SimpleQueue()
    for kill in chosen:
        if kill not in results:
            waiting.put(kill)
    print(f"{waiting.qsize()} of {len(chosen)} kills to do; what goes wrong is kept in {folder}", flush=True)

    def work(name: str) -> None:
        with held_lab() as lab:
            arena = Arena(lab, folder / name)
            arena.lengths = {xdist: arena.calm(xdist) for xdist in ("plain", "xdist")}
            while True:
                try:
                    kill = waiting.get_nowait()
                except Empty:
                    return
                results[kill] = hit, flag_on, faults = arena.kill(kill)
                note(tree, kill, hit, flag_on, faults)
                when = "flag on" if flag_on else "" if hit else "too late"
                print(f"{len(results):4} {kill!s:45} {when:8} {'; '.join(faults) or 'well'}", flush=True)

    if waiting.qsize():
        with ThreadPoolExecutor(options.labs) as pool:
            working = [pool.submit(work, f"lab-{number}") for number in range(options.labs)]
            try:
                wait(working, return_when=FIRST_EXCEPTION)
            finally:  # after Ctrl-C each lab ends its kill
                while not waiting.empty():
                    waiting.get()
        for each in working:
            each.result()
    tallies = tally([(kill, *results[kill]) for kill in chosen if kill in results])
    print(f"{table(tallies)}\n\nseed {options.seed}, commit {git('describe', '--always', '--dirty')}")
    return 0 if all(one.well == one.kills for one in tallies.values()) else 1


def before(tree: str, chosen: list[Kill]) -> dict[Kill, Result]:
    """Give the kills that ended well in this state of the tree."""
    lines = LEDGER.read_text().splitlines() if LEDGER.exists() else []
    known = {entry["kill"]: entry for entry in map(json.loads, lines) if entry["tree"] == tree and not entry["faults"]}
    return {kill: (known[str(kill)]["hit"], known[str(kill)]["flag_on"], []) for kill in chosen if str(kill) in known}


def note(tree: str, kill: Kill, hit: bool, flag_on: bool, faults: list[str]) -> None:
    """Write a result down at once."""
    LEDGER.parent.mkdir(exist_ok=True)
    with LEDGER.open("a") as stream:
        entry = {"tree": tree, "kill": str(kill), "hit": hit, "flag_on": flag_on, "faults": faults}
        stream.write(json.dumps(entry) + "\n")


if __name__ == "__main__":
    sys.exit(main())
