"""Hold how a soak is going: time, each gate so far, the triggers.

What is held here decides nothing; the gates are judged once, at the end, by `acceptance.stages.soak`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from acceptance import tally
from acceptance.gates.measures import Gate, GateResult
from acceptance.stages.watch_state import WatchState
from acceptance.verdict import Inconclusive


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
        tally.watches()
        while not self._over.wait(self.every_s):
            with suppress(Inconclusive):  # shown only; the watch and the judgement say what could not be seen
                self.latest = tuple(self.judged(gate) for gate in self.gates)
