"""Mutate code at random and print which mutants are caught: of Butler, by the suite; of the suite, by its unit tests.

    python -m tests.mutants --sample 30 --seed 1 [--of butler|suite] [--labs 2] [--ledger FILE]

A mutant of Butler is one of the lab's services. It gets a lab of its own and the stage that owns its code, with a short
soak. A mutant of the suite is one of the code that decides and undoes; the unit tests that execute its line are run.
The ledger makes it resumable: a mutant that stands there is not tried again. One that nothing executes is not run.
Exit code 0: ended; 1: without a mutation it is not GO, or not green, either; 2: wrong use.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]


from held_lab import ROOT  # noqa: E402

from acceptance.gates.statistics import Count, proportion_bounds  # noqa: E402
from mutants import places, suite  # noqa: E402
from mutants.places import Place  # noqa: E402
from mutants.trial import Result, control, trial  # noqa: E402

ALPHA = 0.025
Trial = Callable[[Place], Result]


def main() -> int:
    """Try a sample and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__.partition("\n")[0])
    parser.add_argument("--sample", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--of", choices=["butler", "suite"], default="butler")
    parser.add_argument("--labs", type=int, default=2, help="trials side by side")
    parser.add_argument("--ledger", type=Path, default=ROOT / "reports" / "mutants.jsonl")
    options = parser.parse_args()
    every = places.of_suite(ROOT) if options.of == "suite" else places.of_butler(ROOT)
    chosen = places.sample(ROOT, every, options.sample, options.seed)
    known = {line["key"]: line for line in _read(options.ledger)}
    keys = {json.dumps(place.as_json(), sort_keys=True): place for place in chosen}
    left = [place for key, place in keys.items() if key not in known]
    print(f"{len(every)} places, {len(chosen)} drawn, seed {options.seed}, {len(left)} left to try", flush=True)
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        try:
            one = _of_suite(Path(folder), options.labs) if options.of == "suite" else _of_butler(left, options.labs)
        except RuntimeError as error:
            print(f"without a mutation it is not good either, so that no mutant would show anything\n{error}")
            return 1
        begin = time.monotonic()
        with ThreadPoolExecutor(options.labs) as pool, options.ledger.open("a", encoding="utf-8") as ledger:
            tried = [pool.submit(one, place) for place in left]
            for done, future in enumerate(as_completed(tried), 1):
                result = future.result()
                line = {"key": json.dumps(result.place.as_json(), sort_keys=True), **result.as_json()}
                ledger.write(json.dumps(line) + "\n")
                ledger.flush()
                print(_told(result, done, len(left), begin), flush=True)
                known[line["key"]] = line
    _table([known[key] for key in keys])
    return 0


def _of_butler(left: list[Place], labs: int) -> Trial:
    """Run each stage that is asked without a mutation, and give the trial of one."""
    owners = sorted({place.owner for place in left})
    with ThreadPoolExecutor(labs) as pool:
        controls = dict(zip(owners, pool.map(control, owners), strict=True))
    if faults := [f"{owner}: {each.fault}" for owner, each in controls.items() if each.fault]:
        raise RuntimeError("\n".join(faults))
    return lambda place: trial(place, controls[place.owner])


def _of_suite(folder: Path, side_by_side: int) -> Trial:
    """Run the unit tests without a mutation, and give the trial of one."""
    folder.chmod(0o755)  # some tests are another account's
    copies = suite.Copies(folder, side_by_side)
    with copies.one() as copy:
        tests = suite.Tests.of(copy)
    return lambda place: suite.trial(place, copies, tests)


def _read(ledger: Path) -> list[dict]:  # type: ignore[type-arg]
    return [json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines()] if ledger.exists() else []


def _told(result: Result, done: int, of: int, begin: float) -> str:
    remaining = (time.monotonic() - begin) / done * (of - done)
    place = result.place
    where = f"{place.file}:{place.line} {place.kind}: {result.change}"
    return f"[{done}/{of}, {remaining:.0f} s left] {result.ended} by {result.by}: {where}"


def _table(lines: list[dict]) -> None:  # type: ignore[type-arg]
    for name, of in (("all", lambda line: "all"), ("stage", _stage), ("kind", _kind)):
        for value in sorted({of(line) for line in lines}):
            group = [line for line in lines if of(line) == value]
            ended = Counter(line["ended"] for line in group)
            noticed = ended["caught"] + ended["does not start"]
            shares = [_share(noticed, number) for number in (len(group), len(group) - ended["not reached"])]
            print(f"{name:6} {value:33} {noticed:4} caught {shares[0]}, of those reached {shares[1]} {dict(ended)}")
    for line in lines:
        if line["ended"] == "survived":
            print(f"survived: {line['place']['file']}:{line['place']['line']} {line['change']}")


def _share(noticed: int, of: int) -> str:
    low, high = proportion_bounds(Count(noticed, of), ALPHA) if of else (0.0, 1.0)
    return f"of {of:4} (95 %: {low:.0%}-{high:.0%})"


def _stage(line: dict) -> str:  # type: ignore[type-arg]
    return Place(**line["place"]).stage


def _kind(line: dict) -> str:  # type: ignore[type-arg]
    return Place(**line["place"]).kind


if __name__ == "__main__":
    sys.exit(main())
