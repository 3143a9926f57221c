"""Before and after: the rules by which two numbers are compared. Pure; the tests are in ``statistics``.

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
from collections.abc import Sequence
from statistics import median

from acceptance.baseline.comparison import Comparison, Limit
from acceptance.baseline.statistics import (
    Count,
    increase_p,
    least_over,
    least_seen,
    level_ratio,
    proportion_bounds,
)
from acceptance.verdict import Verdict

MAX_ERRORS = 0.05
#: Level of a bound that must exclude something for a PASS.
EXCLUDES = 0.05


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
