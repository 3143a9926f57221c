"""Whether a trigger fires; pure.

Two views of the same samples: everything since flag-on, and the newest minutes alone. The first has the most to go
by; the second sees a release that goes bad late, which a long good beginning would dilute below any threshold.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from acceptance.gates.judging import curve, increase, until
from acceptance.gates.measures import GateResult, Samples, Series, Threshold, Trigger
from acceptance.verdict import Verdict

#: From when on the value at a time counts, both in unix seconds; and that in words.
View = tuple[Callable[[float], float], str]


def fires(trigger: Trigger, samples: Samples, own: float = 0, quiet_since: float = 0) -> GateResult | None:
    """Say whether a trigger fires on the samples; None while it does not, or cannot see enough.

    Args:
        trigger: What to judge.
        samples: What Prometheus held since flag-on.
        own: Events on ``query`` that the suite itself provoked, to be subtracted.
        quiet_since: Unix seconds from when on it provoked none; the newest minutes are looked at from then on, since
            which of them hold how many of our own is not known.
    """
    (whole, over), *recent = _views(trigger, samples, "since flag-on", quiet_since)
    if result := _breached(trigger, samples, own, whole, over):
        return result
    return next((_breached(trigger, samples, 0, since, over) for since, over in recent), None)


def fired(trigger: Trigger, samples: Samples) -> GateResult | None:
    """Say when a trigger would first have fired, had it been looked at all along; None if it would not.

    Args:
        trigger: What to judge; neither of alerts nor of log events, which are counted at the moment of a look.
        samples: What Prometheus held of a time in which the suite itself provoked nothing.
    """
    for since, over in _views(trigger, samples, "since then"):
        points = _looks(trigger, samples, 0, since)
        for last in range(1, len(points) + 1):
            if result := _held(trigger, samples, points[max(0, last - trigger.of) : last], since, over):
                at = datetime.fromtimestamp(points[last - 1][0], UTC)
                return replace(result, reason=f"at {at:%H:%M:%S} UTC {result.reason}", series=points)
    return None


def _views(trigger: Trigger, samples: Samples, whole: str, quiet_since: float = 0) -> list[View]:
    """Give the views that a trigger is judged by: everything, in words ``whole``, first."""
    views: list[View] = [(lambda _: samples.start, whole)]
    if trigger.kind in ("ratio", "quantile"):
        newest = 60 * trigger.recent_minutes
        recent = f"over the last {trigger.recent_minutes:g} min"
        views.append((lambda at: max(samples.start, quiet_since, at - newest), recent))
    return views


def _breached(
    trigger: Trigger, samples: Samples, own: float, since: Callable[[float], float], over: str
) -> GateResult | None:
    return _held(trigger, samples, _looks(trigger, samples, own, since, newest=trigger.of), since, over)


def _looks(
    trigger: Trigger, samples: Samples, own: float, since: Callable[[float], float], newest: int = 0
) -> list[tuple[float, float]]:
    """Give what a trigger shows at each look, NaN where it cannot see enough."""
    return [
        (at, value if _enough(trigger, samples, since(at), at) else math.nan)
        for at, value in curve(trigger, samples, own, since, newest=newest)
    ]


def _held(
    trigger: Trigger, samples: Samples, points: Series, since: Callable[[float], float], over: str
) -> GateResult | None:
    """Judge the newest looks."""
    breaches = [value for _, value in points if Threshold(trigger.threshold).holds(value)]
    if len(breaches) < trigger.breaches:
        return None
    reason = f"found {breaches[-1]:.4g} {trigger.unit} {over}, in {len(breaches)} of the last {trigger.of} looks; "
    reason += f"fires at {trigger.threshold}"
    seen = round(increase(samples.total, since(samples.end)))
    return GateResult(trigger, Verdict.FAIL, breaches[-1], seen, reason, samples.start, samples.end, points)


def _enough(trigger: Trigger, samples: Samples, start: float, at: float) -> bool:
    return not trigger.total or increase(until(samples.total, at), start) >= trigger.min_samples
