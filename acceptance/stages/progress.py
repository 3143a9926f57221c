"""Show how a soak is going: time, each gate's value against its threshold, the triggers.

What is shown here decides nothing; the gates are judged once, at the end, by `acceptance.stages.soak`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from acceptance.gates.measures import Gate, GateResult
from acceptance.stages.watch_state import WatchState
from acceptance.verdict import Inconclusive, Verdict


@dataclass(frozen=True)
class SoakProgress:
    """How a running soak stands.

    Attributes:
        stage: Stage id.
        elapsed: Seconds since its start.
        total: Seconds that it lasts.
        gates: What each gate is worth so far; empty before the first progress.
        watch: How the watch stands; None where there is none.
        fired: The reason why the soak must end, or empty.
    """

    stage: str
    elapsed: float
    total: float
    gates: Sequence[GateResult] = ()
    watch: WatchState | None = None
    fired: str = ""


Tell = Callable[[SoakProgress], None]


@dataclass
class GateEvaluations:
    """Evaluates the gates in a thread of its own: a slow Prometheus must not hold up the traffic."""

    gates: Sequence[Gate]
    judged: Callable[[Gate], GateResult]
    every_s: float
    latest: tuple[GateResult, ...] = ()
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[GateEvaluations]:
        """Evaluate as long as the block lasts; an evaluation under way at its end is not waited for."""
        threading.Thread(target=self._run, name="gate evaluations", daemon=True).start()
        try:
            yield self
        finally:
            self._over.set()

    def _run(self) -> None:
        while not self._over.wait(self.every_s):
            with suppress(Inconclusive):  # shown only; the watch and the judgement say what could not be seen
                self.latest = tuple(self.judged(gate) for gate in self.gates)


def shown(result: GateResult, *, unit: bool = True) -> str:
    """Give a gate as `id value (threshold unit)`; `!` marks one that would not pass now."""
    gate = result.gate
    threshold = f"({gate.threshold} {gate.unit if unit else ''}".rstrip() + ")"
    if result.value is None:
        return f"{gate.id} no data {threshold}"
    mark = "! " if result.verdict is Verdict.FAIL else ""
    return f"{mark}{gate.id} {result.value:.3g} {threshold}"


def line(progress: SoakProgress) -> str:
    """Give everything in one line, for a log file."""
    texts = [shown(result) for result in progress.gates] or ["no gate seen yet"]
    return "  ".join([f"soak {progress.stage} {_times(progress)}", *texts, _tail(progress)])


def short_line(progress: SoakProgress, width: int, turn: int = 0) -> str:
    """Give what fits into a terminal's line: breaches first, then the gates in turn.

    Args:
        progress: What was seen.
        width: Most characters.
        turn: Which of the good gates comes first.
    """
    texts = [shown(result, unit=False) for result in progress.gates] or ["no gate seen yet"]
    bad = [text for text in texts if text.startswith("! ")]
    good = [text for text in texts if text not in bad]
    start = turn % len(good) if good else 0
    head, tail = f"soak {_times(progress)}", _tail(progress)
    chosen: list[str] = []
    for text in [*bad, *good[start:], *good[:start]]:
        if not chosen or len("  ".join([head, *chosen, text, tail])) <= width:
            chosen.append(text)
    return "  ".join([head, *chosen, tail])[:width]


@dataclass
class Tenths:
    """Lets through the first line of each tenth of a soak, and its end: a log file needs no more."""

    _last: int = -1

    def due(self, progress: SoakProgress) -> bool:
        """Tell whether this begins another tenth."""
        tenth = int(10 * progress.elapsed / progress.total) if progress.total else 10
        if tenth <= self._last and self._last >= 0:
            return False
        self._last = tenth
        return True


def _times(progress: SoakProgress) -> str:
    return f"{_clock(progress.elapsed)}/{_clock(progress.total)}"


def _tail(progress: SoakProgress) -> str:
    if progress.fired:
        return f"TRIGGER: {progress.fired}"
    return progress.watch.told() if progress.watch else "no watch"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"
