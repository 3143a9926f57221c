"""Comparing the p95 of durations before and after, by counting those over what it may become. Pure.

Source: checklist items post24.monitoring.4, trigger.2; the rule stands in ``acceptance.baseline.comparing``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from acceptance.baseline.comparing import EXCLUDES
from acceptance.baseline.comparison import Comparison, Limit
from acceptance.baseline.readings import nearest_rank
from acceptance.baseline.statistics import Count, binomial_tail, least_over, proportion_bounds
from acceptance.stages.judging import quantile_of
from acceptance.verdict import Verdict

#: Share of the calls that may take longer: the 5 % above a p95.
SHARE = 0.05


def judge_tail(
    subject: str, measure: str, before: Sequence[float], after: Sequence[float], limit: Limit, alpha: float
) -> Comparison:
    """Judge the p95 of single durations in seconds by how many lie above what it may become."""
    if not before or not after:
        return _blind(subject, measure, limit, (len(before), len(after)))
    old, new = nearest_rank(before, 0.95), nearest_rank(after, 0.95)
    allowed = limit.allowed(old)
    over = Count(sum(seconds > allowed for seconds in after), len(after))
    return _judged_tail(subject, measure, (old, new), allowed, over, len(before), limit, alpha)


def judge_p95(
    subject: str, measure: str, before: Mapping[float, float], after: Mapping[float, float], limit: Limit, alpha: float
) -> Comparison:
    """Judge a histogram's p95 by how many calls lie above what it may become: above the next bucket bound, that is.

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
    values = quantile_of(before, 0.95), quantile_of(after, 0.95)
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
