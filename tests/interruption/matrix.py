"""The matrix: what is done to a run, with or without xdist, to whom; each cell a number of kills at random moments.

Every second kill of a cell comes while the flag is on, or is about to be restored.

Two signals follow each other: the second after a moment, or once the flag of a run that was frozen is off.
"""

import itertools
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGKILL")
BOTH = ("plain", "xdist")
COLLEAGUE = "both; another account recovers"
"""An operator's run loses its controller and its watchdog, and a colleague of the same team recovers."""
Cell = tuple[str, str, str]
CELLS: list[Cell] = [
    *itertools.product(SIGNALS, ["plain"], ["controller", "watchdog"]),
    *itertools.product(SIGNALS, ["xdist"], ["controller", "worker", "watchdog"]),
    *itertools.product(["SIGINT+SIGINT", "SIGTERM+SIGKILL"], BOTH, ["controller"]),
    *itertools.product(["SIGKILL"], BOTH, ["both", "recovery"]),
    *itertools.product(["SIGKILL"], BOTH, [COLLEAGUE]),
    *itertools.product(["hang-up"], BOTH, ["controller"]),
    ("full disk", "plain", "env file"),
    *itertools.product(["SIGSTOP+SIGCONT", "SIGSTOP+SIGKILL"], BOTH, ["controller"]),
    *itertools.product(["SIGSTOP"], BOTH, ["watchdog"]),
]
FROZEN = 6
"""How many of the last cells wait for a lease or a watchdog that hangs: up to a minute each."""


@dataclass(frozen=True)
class Kill:
    """One kill; `moment` is a share of the run, or of the flag's time, so that a slower machine makes the same kill."""

    signal: str
    xdist: str
    whom: str
    moment: float
    since: str = "start"

    def __str__(self) -> str:
        return f"{self.signal}-{self.xdist}-{self.whom}-{self.since}-{self.moment:.3f}".replace("; ", "_").replace(
            " ", "_"
        )


@dataclass
class Tally:
    """How many of a cell's kills hit a process, how many of those with the flag on, and how many ended well."""

    kills: int = 0
    hit: int = 0
    flag_on: int = 0
    well: int = 0


def kills(number: int, seed: int) -> list[Kill]:
    """Choose ``number`` kills, spread evenly over the cells, at moments that the seed decides."""
    chance = random.Random(seed)
    laps = (
        Kill(*cell, chance.uniform(0.03, 0.95), since) for since in itertools.cycle(["flag", "start"]) for cell in CELLS
    )
    return list(itertools.islice(laps, number))


def table(tallies: Mapping[Cell, Tally]) -> str:
    """Print the tallies of all cells, as Markdown."""
    lines = [
        "| what is done | xdist | to whom | kills | hit | flag on | ended well |",
        "| --- " * 3 + "| ---: " * 4 + "|",
    ]
    for cell, one in tallies.items():
        lines.append(f"| {' | '.join(cell)} | {one.kills} | {one.hit} | {one.flag_on} | {one.well} |")
    total = [sum(getattr(tally, name) for tally in tallies.values()) for name in ("kills", "hit", "flag_on", "well")]
    return "\n".join([*lines, f"| total | | | {' | '.join(map(str, total))} |"])


def tally(results: Iterable[tuple[Kill, bool, bool, list[str]]]) -> dict[Cell, Tally]:
    """Count results (kill, whether it hit, whether the flag was on, faults) by cell, in the order of the matrix."""
    tallies = defaultdict(Tally, {cell: Tally() for cell in CELLS})
    for kill, hit, flag_on, faults in results:
        one = tallies[kill.signal, kill.xdist, kill.whom]
        one.kills += 1
        one.hit += hit
        one.flag_on += flag_on
        one.well += not faults
    return {cell: one for cell, one in tallies.items() if one.kills}
