"""Error lines in Loki, now and before: "low count (baseline level)" (post.validation.4).

Stated: the lines that name an error are counted in a stretch that ends now and in the stretch of the same length before
it. Given both counts, the later is binomial if nothing changed (exact conditional test of two Poisson rates), so no
large numbers are needed. Lines of the suite's own requests are left out; multi-line stack traces count line by line, on
both sides alike.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from acceptance.gates.measures import Gate, GateResult, Threshold
from acceptance.gates.statistics import Count, increase_p, least_seen, rate_ratio
from acceptance.observe.loki import Line, Loki
from acceptance.verdict import Verdict

ERRORS = '|~ "ERROR|CRITICAL|Traceback"'
SHOWN = 20
#: What was seen must exclude this many times the rate of before.
TIMES = 2.0


@dataclass(frozen=True)
class ErrorLevel:
    """Error lines before and after.

    Attributes:
        before: Errors, out of so many seconds of which there are logs; 0 seconds where there are none.
        after: The same for the stretch that ends now.
        seen: All lines of that stretch, errors or not.
        start: Its start, unix seconds.
        end: Its end.
        newest: The newest error lines of it.
    """

    before: Count
    after: Count
    seen: int
    start: float
    end: float
    newest: tuple[Line, ...] = ()


def error_level(loki: Loki, selector: str, end: float, seconds: float, trace_prefix: str = "") -> ErrorLevel:
    """Count the errors of the last ``seconds`` and of as long before.

    Args:
        loki: Where to look.
        selector: LogQL stream selector.
        end: Unix seconds.
        seconds: Length of either stretch.
        trace_prefix: Lines with it are the suite's own; empty for none.

    Raises:
        Inconclusive: Loki does not answer.
    """
    start = end - seconds
    own = f" != {json.dumps(trace_prefix)}" if trace_prefix else ""
    errors = f"{selector} {ERRORS}{own}"
    first = loki.lines(selector, start - seconds, end, 1, oldest=True)
    begun = first[0].at if first else end
    before = Count(loki.count(errors, start - seconds, start), max(0.0, start - max(begun, start - seconds)))
    return ErrorLevel(
        before=before if before.of else Count(0, 0.0),
        after=Count(loki.count(errors, start, end), end - max(begun, start)),
        seen=loki.count(selector, start, end),
        start=start,
        end=end,
        newest=tuple(loki.lines(errors, start, end, SHOWN)),
    )


def judge_level(increase: Gate, few: Gate, level: ErrorLevel) -> GateResult:
    """Judge an error level; pure.

    FAIL when the errors rose, or when they are surely more than a few and the time before had not half as many. PASS
    when they did not rise, and may be a few or have at most doubled. What is between is INCONCLUSIVE, and so is no log.

    Args:
        increase: Threshold of the p of either test.
        few: Threshold of the errors a minute that need no excuse.
        level: What was counted.
    """
    if not level.seen:
        why = f"no line of {increase.query} in the last {level.end - level.start:.0f} s: that is no good news"
        return GateResult(increase, Verdict.INCONCLUSIVE, None, 0, why, level.start, level.end)
    before, after, likely = level.before, level.after, Threshold(increase.threshold)
    p = increase_p(before, after) if before.of else None
    many = not likely.holds(poisson_tail(after.events, Threshold(few.threshold).limit * after.of / 60))
    rose = p is not None and not likely.holds(p)
    unlike = many and after.rate > TIMES * (before.rate if before.of else 0.0)
    good = not after.events or (before.of and (not many or rate_ratio(before, after, 0.05)[1] <= TIMES))
    verdict = Verdict.FAIL if rose or unlike else Verdict.PASS if good else Verdict.INCONCLUSIVE
    told = f"{after.events} error lines in {after.of:.0f} s; a few are {few.threshold} a minute"
    if p is None:
        told += "; there is no log of the time before to compare with"
    else:
        least = least_seen(before, after.of, likely.limit)
        told += f"; before {before.events} in {before.of:.0f} s: p = {p:.3g}, expected {increase.threshold}"
        told += f"; from {least} on it would be an increase"
    return GateResult(increase, verdict, p, level.seen, told, level.start, level.end)


def poisson_tail(events: int, mean: float) -> float:
    """P(X >= events) for X Poisson with this mean."""
    if mean <= 0:
        return 0.0 if events else 1.0
    terms = (math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(events))
    return max(0.0, 1 - math.fsum(terms))
