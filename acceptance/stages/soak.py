"""Soak a stage: its service under synthetic traffic for as long as the checklist watches it.

The full time must elapse; traffic runs all along so that there is something to see; then every gate is judged
on one range query over the whole window.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

from acceptance.evidence import Evidence
from acceptance.finding import Finding
from acceptance.gates.judging import judge, traffic_fault
from acceptance.gates.measures import Gate, GateResult
from acceptance.gates.series import increase
from acceptance.observe.exported import last_good_scrape, slow_scrape_s
from acceptance.observe.prometheus import LOST_SCRAPES, Prometheus
from acceptance.polling import beside
from acceptance.stage import Stage
from acceptance.stages.progress import GateEvaluations, SoakProgress, Tell
from acceptance.stages.prometheus_clock import Observer, unsettled
from acceptance.stages.watch_state import WatchState
from acceptance.verdict import Inconclusive, Verdict

Traffic = Callable[[], Sequence[Finding]]
"""Sends one synthetic request; returns what was wrong with the answer."""

_NEARLY = 0.001
"""Seconds that a soak has left while it waits for its last samples."""


@dataclass(frozen=True)
class SoakReport:
    """What a soak saw.

    Attributes:
        start: Unix seconds.
        end: Unix seconds.
        sent: Synthetic requests sent.
        findings: What was wrong with their answers.
        results: By gate id.
    """

    start: float
    end: float
    sent: int
    findings: list[Finding]
    results: Mapping[str, GateResult]


def soak(
    stage: Stage,
    prometheus: Prometheus,
    job: str,
    traffic: Traffic,
    *,
    seconds: float,
    step: float,
    per_minute: float,
    stopped: Callable[[], str],
    tell: Tell | None = None,
    watch: Callable[[], WatchState | None] = lambda: None,
) -> SoakReport:
    """Keep the stage under traffic for `seconds` and judge its gates.

    Args:
        stage: Whose gates.
        prometheus: Where to look.
        job: Prometheus job of the stage's service.
        traffic: One synthetic request.
        seconds: Length.
        step: The scrape interval in seconds.
        per_minute: Volume of the traffic.
        stopped: Gives the reason why the soak must end now, or an empty string.
        tell: Shown how the soak stands before each request; None where nobody watches.
        watch: Gives how the watch stands.

    Raises:
        Inconclusive: It was stopped before its time, the clock was set meanwhile, or Prometheus keeps another time,
            was restarted meanwhile, or does not answer at the beginning or the end. Carries how the gates stood.
    """
    observer = Observer.now(prometheus, step)
    _pause(2 * step)  # what came before, our own security probes among it, must be in the scrape that we start from
    start, kept = time.time(), time.monotonic()
    _pause(slow_scrape_s(step))  # and that scrape must be over, or it would hold our first requests too
    begin = time.monotonic()

    def judged(gate: Gate) -> GateResult:
        return judge(gate, prometheus.samples(gate, job, start, time.time(), step))

    def show(left: float) -> None:
        if tell:
            tell(SoakProgress(stage.id, seconds - left, seconds, evaluations.latest, watch(), stopped()))

    def go_on(left: float) -> None:
        show(left)
        if reason := stopped():
            cut = f"the soak ended {left:.0f} s early: {reason}"
            raise Inconclusive(cut, _so_far(stage.gates, judged, cut))

    evaluations = GateEvaluations(stage.gates, judged, step)
    with evaluations.running() if tell else nullcontext():
        answers = _under_traffic(traffic, begin, seconds, per_minute, go_on)
        sent, over = prometheus.clock(), time.monotonic()
        # The last requests are in the next scrape, or where that one fails, in the next good one.
        while (waited := time.monotonic() - over) < 2 * step or (
            waited < LOST_SCRAPES * step and last_good_scrape(prometheus, job) <= sent
        ):
            show(_NEARLY)  # not over yet, and not silent either
            _pause(min(1.0, step))
    end = time.time()
    _require_kept_time(end - start - (time.monotonic() - kept), step)
    results = _judged(stage, prometheus, job, (start, end, step), answers.count([]))
    if lost := observer.lost():
        raise Inconclusive(lost, unsettled(results.values(), lost))
    if tell:
        tell(SoakProgress(stage.id, seconds, seconds, tuple(results.values()), watch(), stopped()))
    return SoakReport(start, end, len(answers), list(chain.from_iterable(answers)), results)


def _under_traffic(
    traffic: Traffic, begin: float, seconds: float, per_minute: float, go_on: Callable[[float], None]
) -> list[list[Finding]]:
    """Send one request after the other for the whole time; gives what was wrong with the answer to each.

    Args:
        traffic: Sends one.
        begin: Monotonic seconds, for the wall clock may be set in between.
        seconds: How long.
        per_minute: How many.
        go_on: Told before each how many seconds are left; raises where the soak must end.
    """
    answers: list[list[Finding]] = []
    while (left := begin + seconds - time.monotonic()) > 0:
        go_on(left)
        answers.append([*traffic()])
        due = begin + len(answers) * 60 / per_minute
        _pause(max(0.0, min(due, begin + seconds) - time.monotonic()))
    return answers


def _pause(seconds: float) -> None:
    threading.Event().wait(seconds)


def _require_kept_time(jump: float, step: float) -> None:
    """Refuse a soak in which the wall clock was set: Prometheus keeps its samples by that clock."""
    if abs(jump) > max(1.0, step):  # guard: clock-that-was-set-is-no-pass
        raise Inconclusive(
            f"the clock was set by {jump:+.0f} s in the soak, so what Prometheus holds cannot be matched with it; "
            "see that time is kept (chronyc tracking, timedatectl) and soak again"
        )


def _judged(
    stage: Stage, prometheus: Prometheus, job: str, when: tuple[float, float, float], good: int
) -> dict[str, GateResult]:
    """Judge each gate over the whole soak; a PASS counts only where the counters show our own good requests."""
    whole = _side_by_side(stage.gates, lambda gate: judge(gate, prometheus.samples(gate, job, *when)))
    why = _uncounted(stage, prometheus, job, when, good)
    return {result.gate.id: doubted(result, why) if why else result for result in whole}


def _uncounted(stage: Stage, prometheus: Prometheus, job: str, when: tuple[float, float, float], good: int) -> str:
    """Say why the counters cannot be believed, by what we sent ourselves; nothing where the stage names no counter."""
    if not stage.traffic_counter:
        return ""
    control = Gate("synthetic-traffic", "Our own traffic is counted", (), "count", stage.traffic_counter, ">= 0")
    samples = prometheus.samples(control, job, *when)
    return traffic_fault(good, increase(samples.query, samples), stage.traffic_in_flight)


def doubted(result: GateResult, why: str) -> GateResult:
    """Make a PASS inconclusive, because the counters cannot be believed."""
    if result.verdict is not Verdict.PASS:
        return result
    return replace(result, verdict=Verdict.INCONCLUSIVE, reason=f"{why}; as counted: {result.reason}")


def _so_far(gates: Sequence[Gate], judged: Callable[[Gate], GateResult], why: str) -> tuple[Evidence, ...]:
    with suppress(Inconclusive):  # a soak that ends because nothing can be seen has nothing to show
        return unsettled(_side_by_side(gates, judged), why)
    return ()


def _side_by_side(gates: Sequence[Gate], judged: Callable[[Gate], GateResult]) -> list[GateResult]:
    """Judge all gates at once: the flag is on, and a slow Prometheus would take minutes for one after the other."""
    answers = [beside(partial(judged, gate)) for gate in gates]
    return [answer.result() for answer in answers]
