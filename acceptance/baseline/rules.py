"""Compare two numbers, before and after a change, by stated rules. Pure; the tests are in `statistics`.

- **errors**: FAIL when they rose (exact conditional binomial test), or when more than 5 % are shown (exact, at 95 %);
  PASS when they did not rise and 5 % are excluded, which takes 59 requests without an error.
- **p95**: the share of calls that took over twice the baseline's p95 (of a histogram: over the next bucket bound) must
  be less than 5 %: the exact test again, on counts that no interpolation has touched.
- **levels** (mean latency, CPU, memory): Mann-Whitney over non-overlapping windows. FAIL when the level rose and its
  interval reaches the bound, PASS when the interval stays below the bound.

What is between is INCONCLUSIVE. Source: checklist items post24.monitoring.1-5, trigger.1 ("Error rate >5 %"),
trigger.2 ("Latency >2x baseline (e.g., dialog context >200ms)").
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any

from acceptance.finding import Finding
from acceptance.gates.judging import quantile_edge
from acceptance.gates.statistics import (
    Count,
    binomial_tail,
    increase_p,
    least_over,
    least_seen,
    level_ratio,
    nearest_rank,
    proportion_bounds,
)
from acceptance.verdict import Verdict

MAX_ERRORS = 0.05
EXCLUDES = 0.05
"""Level of a bound that must exclude something for a PASS."""


@dataclass(frozen=True)
class Limit:
    """What a level may become.

    Attributes:
        times: Times the baseline's level.
        least: A baseline below this counts as this: twice nearly nothing is nearly nothing.
        resolution: Smallest value told from nothing.
        unit: Of the level.
    """

    times: float
    least: float
    resolution: float
    unit: str

    def allowed(self, before: float) -> float:
        """Give the highest good level after this one."""
        return self.times * max(before, self.least)


@dataclass(frozen=True)
class Comparison:
    """One judged pair of numbers.

    Attributes:
        subject: The service, or what else it is about.
        measure: Such as `errors of butler_messages`.
        verdict: PASS, FAIL, INCONCLUSIVE, or SKIPPED where nothing was to be compared.
        reason: What decided, with the numbers.
        before: The baseline's number.
        after: The number now.
        unit: Of both.
        effect: After divided by before.
        low: Lower confidence bound of the effect.
        high: Its upper confidence bound.
        samples: How many requests or windows before and after.
        detectable: The smallest change that would have been called one, in words.
    """

    subject: str
    measure: str
    verdict: Verdict
    reason: str
    before: float | None = None
    after: float | None = None
    unit: str = ""
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    samples: tuple[int, int] = (0, 0)
    detectable: str = ""

    def finding(self) -> Finding:
        """Give this comparison as a finding; for one that is a FAIL."""
        return Finding("worse", f"{self.subject}: {self.measure}", "it no worse than in the baseline", self._numbers())

    def explain(self) -> str:
        """Give one line with the verdict and all numbers."""
        return f"{self.verdict}: {self.subject}: {self.measure}: {self._numbers()}"

    def _numbers(self) -> str:
        return f"{self.reason}; smallest change that shows: {self.detectable}" if self.detectable else self.reason

    def as_json(self) -> dict[str, Any]:
        """Give JSON-able facts; a number that is not finite becomes text."""
        facts = asdict(self) | {"verdict": self.verdict.value, "samples": list(self.samples)}
        return {
            name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in facts.items()
        }


def judge_errors(subject: str, measure: str, before: Count, after: Count, alpha: float) -> Comparison:
    """Judge error counts; a baseline without requests leaves only the 5 %."""
    if not after.of:
        return Comparison(subject, measure, Verdict.INCONCLUSIVE, "expected requests, found none", unit="ratio")
    p = increase_p(before, after)
    low, high = proportion_bounds(after, EXCLUDES)
    least = least_seen(before, after.of, alpha) if before.of else least_over(MAX_ERRORS, after.of, EXCLUDES)
    verdict, why = Verdict.PASS, f"no increase (p = {p:.3g}), and over {MAX_ERRORS:.0%} are excluded"
    if before.of and p < alpha:
        verdict, why = Verdict.FAIL, f"an increase (p = {p:.2g} < {alpha:.2g})"
    elif low > MAX_ERRORS:
        verdict, why = Verdict.FAIL, f"at least {low:.1%}, expected at most {MAX_ERRORS:.0%}"
    elif high > MAX_ERRORS:
        verdict, why = (
            Verdict.INCONCLUSIVE,
            f"up to {high:.1%} are possible: too few requests to exclude {MAX_ERRORS:.0%}",
        )
    old = f"{before.events} of {before.of:g}" if before.of else "no baseline"
    return Comparison(
        subject,
        measure,
        verdict,
        f"{after.events} of {after.of:g} failed, before {old}: {why}",
        before=before.rate if before.of else None,
        after=after.rate,
        unit="ratio",
        effect=after.rate / before.rate if before.events else None,
        low=low,
        high=high,
        samples=(round(before.of), round(after.of)),
        detectable=f"{least} errors ({least / after.of:.1%})",
    )


def judge_levels(
    subject: str, measure: str, before: Sequence[float], after: Sequence[float], limit: Limit, alpha: float
) -> Comparison:
    """Judge a level by its values in windows before and after."""
    samples = (len(before), len(after))
    if not before or not after:
        reason = f"expected windows with data on both sides, found {samples[0]} before and {samples[1]} after"
        return Comparison(subject, measure, Verdict.INCONCLUSIVE, reason, unit=limit.unit, samples=samples)
    ratio = level_ratio(before, after, alpha, limit.resolution)
    base = max(median(before), limit.resolution)
    allowed = limit.allowed(base)
    bound = allowed / base
    verdict, why = Verdict.PASS, f"stays below {allowed:.3g} {limit.unit}"
    if ratio.high >= bound:
        rose = ratio.low > 1
        verdict = Verdict.FAIL if rose else Verdict.INCONCLUSIVE
        why = ("rose, and" if rose else "too uneven:") + f" {allowed:.3g} {limit.unit} are not excluded"
    interval = f"{ratio.estimate:.3g} x (between {ratio.low:.3g} and {ratio.high:.3g}, p = {ratio.p:.2g})"
    least = max(ratio.estimate / ratio.low, bound * ratio.estimate / ratio.high) if ratio.low else math.inf
    seen = f"{least:.3g} x, {least * base:.3g} {limit.unit}"
    return Comparison(
        subject,
        measure,
        verdict,
        f"{base:.3g} -> {median(after):.3g} {limit.unit}, {interval}: {why}",
        before=base,
        after=median(after),
        unit=limit.unit,
        effect=ratio.estimate,
        low=ratio.low,
        high=ratio.high,
        samples=samples,
        detectable=seen if math.isfinite(least) else f"none with {samples[0]} and {samples[1]} windows",
    )


SHARE = 0.05
"""Share of the calls that may take longer: the 5 % above a p95."""


def judge_tail(
    subject: str, measure: str, before: Sequence[float], after: Sequence[float], limit: Limit, alpha: float
) -> Comparison:
    """Judge the p95 of single durations, in seconds, by how many lie above its limit."""
    if not before or not after:
        return _blind(subject, measure, limit, (len(before), len(after)))
    old, new = nearest_rank(before, 0.95), nearest_rank(after, 0.95)
    allowed = limit.allowed(old)
    over = Count(sum(seconds > allowed for seconds in after), len(after))
    return _judged_tail(subject, measure, (old, new), allowed, over, len(before), limit, alpha)


def judge_p95(
    subject: str, measure: str, before: Mapping[float, float], after: Mapping[float, float], limit: Limit, alpha: float
) -> Comparison:
    """Judge a histogram's p95 by how many calls lie above the first bucket bound from its limit on.

    Args:
        subject: The service.
        measure: What is measured.
        before: Upper bound in seconds -> calls at or below it.
        after: The same.
        limit: Of the p95.
        alpha: Level of the test.
    """
    samples = round(max(before.values(), default=0)), round(max(after.values(), default=0))
    if not all(samples):
        return _blind(subject, measure, limit, samples)
    edge = min(bound for bound, count in before.items() if count >= 0.95 * samples[0])
    above = [bound for bound in after if limit.allowed(edge) <= bound < math.inf]
    if not above:
        reason = f"no bucket ends at or above {limit.allowed(edge):.3g} s: the histogram cannot show it"
        return replace(_blind(subject, measure, limit, samples), reason=reason)
    over = Count(samples[1] - round(after[min(above)]), samples[1])
    values = quantile_edge(before, 0.95), quantile_edge(after, 0.95)
    return _judged_tail(subject, measure, values, min(above), over, samples[0], limit, alpha)


def _judged_tail(
    subject: str,
    measure: str,
    values: tuple[float, float],
    allowed: float,
    over: Count,
    calls_before: int,
    limit: Limit,
    alpha: float,
) -> Comparison:
    p, high = binomial_tail(over.events, over.of, SHARE), proportion_bounds(over, EXCLUDES)[1]
    verdict, why = Verdict.PASS, "5 % are excluded"
    if p < alpha:
        verdict, why = Verdict.FAIL, f"more than 5 % (p = {p:.2g} < {alpha:.2g})"
    elif high > SHARE:
        verdict, why = Verdict.INCONCLUSIVE, f"up to {high:.1%} are possible: too few calls to exclude 5 %"
    old, new = values
    return Comparison(
        subject,
        measure,
        verdict,
        f"about {old:.3g} -> {new:.3g} s; {over.events} of {over.of:g} took over {allowed:.3g} s: {why}",
        before=old,
        after=new,
        unit=limit.unit,
        effect=new / old if old else None,
        samples=(calls_before, round(over.of)),
        detectable=f"{least_over(SHARE, over.of, alpha)} calls over {allowed:.3g} s",
    )


def _blind(subject: str, measure: str, limit: Limit, samples: tuple[int, int]) -> Comparison:
    reason = f"expected calls on both sides, found {samples[0]} before and {samples[1]} after"
    return Comparison(subject, measure, Verdict.INCONCLUSIVE, reason, unit=limit.unit, samples=samples)
