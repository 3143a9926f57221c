"""A mutant of the suite's own code: the unit tests that execute the mutated statement are run in a copy that has it."""

import re
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

from coverage import CoverageData
from held_lab import ROOT
from removals.copied import Copied

from mutants.places import Place, statement_lines
from mutants.trial import Result, changed
from tests.ledger import latest

EACH_S, LONGEST_S = 60, 600
"""What one test, and all that are asked about a mutant, may take; what never ends was noticed."""
FIRST = 40
"""So many tests are asked at first, the nearest and quickest; the others if none of these notices."""
MOST_RED = 0.01
"""Of the unit tests, without a mutation."""


class Tests:
    """Which unit tests execute which line of the suite.

    Args:
        data: What was executed, by whom.
        root: Of the copy in which it was.
        took: Seconds of each test without a mutation.
        red: Tests that are red there without a mutation, for want of git or of another account's rights.
    """

    def __init__(self, data: CoverageData, root: Path, took: Mapping[str, float], red: Collection[str] = ()) -> None:
        self._data, self._root, self._took, self._red = data, root, took, red

    @classmethod
    def of(cls, copy: Copied) -> "Tests":
        """Run them all once.

        Raises:
            RuntimeError: Too many are red.
        """
        ledger = copy.root / "ledger.jsonl"
        options = ("-n2", f"--timeout={EACH_S}", "--cov=acceptance", "--cov-context=test", "--cov-report=")
        ended = copy.pytest(*options, "-ptests.ledger", f"--ledger={ledger}", "tests/unit", limit_s=3 * LONGEST_S)
        entries = latest(ledger)
        red = {test for test, entry in entries.items() if entry.outcome == "failed"}
        if not entries or len(red) > MOST_RED * len(entries):
            raise RuntimeError(ended.stdout[-3000:])
        data = CoverageData(str(copy.root / ".coverage"))
        data.read()
        return cls(data, copy.root, {test: entry.seconds for test, entry in entries.items()}, red)

    def that_execute(self, place: Place, source: str) -> list[str]:
        """Give those that execute a place, by node id, its own file's and room's first, and of those the quickest.

        What is executed when a file is imported is there for each test of that file.
        """
        lines = self._data.contexts_by_lineno(str(self._root / place.file))
        around = {context for line in statement_lines(source, place.line) for context in lines.get(line, ())}
        found = _names(around) or _names({context for contexts in lines.values() for context in contexts})
        near = f"test_{Path(place.file).stem}.py", f"tests/unit/{place.stage}/"
        return sorted(
            found.difference(self._red),
            key=lambda test: (*(it not in test for it in near), self._took.get(test, 0), test),
        )


def _names(contexts: set[str]) -> set[str]:
    return {test for test, _, _ in (context.rpartition("|") for context in contexts) if test}


class Copies:
    """Copies to mutate in, one for each trial that runs at a time."""

    def __init__(self, folder: Path, number: int) -> None:
        self._free: Queue[Copied] = Queue()
        for n in range(number):
            self._free.put(Copied.of(ROOT, folder / str(n)))

    @contextmanager
    def one(self) -> Iterator[Copied]:
        """Lend a copy."""
        copy = self._free.get()
        try:
            yield copy
        finally:
            self._free.put(copy)


def trial(place: Place, copies: Copies, tests: Tests) -> Result:
    """Run the tests that execute a place where it is mutated."""
    begin = time.monotonic()
    source = (ROOT / place.file).read_text(encoding="utf-8")
    mutated = place.mutated(source)
    change = changed(source, mutated)
    asked = tests.that_execute(place, source)
    if not asked:
        return Result(place, "not reached", "", "", 0.0, change)
    with copies.one() as copy:
        file, selection = copy.root / place.file, copy.root / "selection.txt"
        file.write_text(mutated, encoding="utf-8")
        caught, said = False, ""
        try:
            # Few of the many that are far away notice what those nearby do not, and to collect them takes seconds.
            for some in filter(None, (asked[:FIRST], asked[FIRST:])):
                selection.write_text("\n".join(some), encoding="utf-8")
                ended = copy.pytest("-x", f"--timeout={EACH_S}", f"@{selection}", limit_s=LONGEST_S)
                if caught := bool(ended.returncode):
                    said = ended.stdout
                    break
        except subprocess.TimeoutExpired:
            caught, said = True, f"no end within {LONGEST_S} s"
        finally:
            file.write_text(source, encoding="utf-8")
    seconds = time.monotonic() - begin
    if not caught:
        return Result(place, "survived", "", f"{len(asked)} tests passed", seconds, change)
    red = re.search(r"(?m)^(?:FAILED|ERROR) (\S+)(?: - (.*))?", said)
    return Result(place, "caught", red[1] if red else "", (red[2] or "" if red else said)[-300:], seconds, change)
