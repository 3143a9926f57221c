"""All the chosen rows tried: first every test with all guards in place, then the removals, side by side."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from removals.guards import Guard, Rotten
from removals.verdicts import Seen
from removals.workshop import ROOT, Workshop, build

JOBS = 2
"""Copies that are worked in at once; a test of a lab does not need a core of its own."""


@dataclass(frozen=True)
class Trial:
    """How a row's test ended.

    Attributes:
        without: None where it was not green before, so that the removal was not tried.
        rotten: What keeps the row from being tried at all, or empty.
    """

    guard: Guard
    with_it: Seen
    without: Seen | None = None
    rotten: str = ""

    def fault(self) -> str:
        """Say why the removal was not noticed, or nothing."""
        test, file = self.guard.test, self.guard.file
        if self.rotten:
            return self.rotten
        if self.with_it.kind != "green" or self.without is None:
            said = f"{self.with_it.kind}: {self.with_it.said}"
            return f"{test} is not green with the guard in place ({said}); mend it first"
        if self.without.kind == "red" or (self.without.kind == "slow" and self.guard.hang):
            return ""
        if self.without.kind == "green":
            return f"{test} stays green without the guard in {file}: nothing would miss it; write a test that does"
        return (
            f"{test} without the guard in {file}: expected a failed test, found {self.without.kind}: "
            f"{self.without.said}; that proves nothing, so correct the replacement or name another test"
        )


@contextmanager
def trials(guards: Sequence[Guard], folder: Path, source: Path = ROOT) -> Iterator[dict[Guard, Future[Trial]]]:
    """Try rows in copies of the checkout below ``folder``.

    Raises:
        Unusable: As for ``build``.
    """
    workshops = [build(folder / f"copy-{number}", source) for number in range(JOBS)]
    free: SimpleQueue[Workshop] = SimpleQueue()
    for workshop in workshops:
        free.put(workshop)

    def attempt(guard: Guard) -> Trial:
        with_it = next(done[guard.test] for done in [each.result() for each in green] if guard.test in done)
        if with_it.kind != "green":
            return Trial(guard, with_it)
        workshop = free.get()
        try:
            return Trial(guard, with_it, workshop.without(guard))
        except Rotten as error:
            return Trial(guard, with_it, rotten=str(error))
        finally:
            free.put(workshop)

    pool = ThreadPoolExecutor(JOBS)
    try:
        tests = sorted({guard.test for guard in guards})
        green = [pool.submit(shop.green, _part(tests, number)) for number, shop in enumerate(workshops)]
        yield {guard: pool.submit(attempt, guard) for guard in guards}
    finally:
        for workshop in workshops:
            workshop.close()
        pool.shutdown(cancel_futures=True)


def _part(tests: Sequence[str], number: int) -> Sequence[str]:
    """Give one of ``JOBS`` parts; neighbours stay together, since they share a lab."""
    return tests[len(tests) * number // JOBS : len(tests) * (number + 1) // JOBS]
