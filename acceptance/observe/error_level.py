"""Error lines in Loki, now and before: "low count (baseline level)" (post.validation.4).

Stated: the lines that name an error are counted in a stretch that ends now and in the stretch of the same length before
it. Given both counts, the later is binomial if nothing changed (exact conditional test of two Poisson rates), so no
large numbers are needed. Lines of the suite's own requests are left out; multi-line stack traces count line by line, on
both sides alike.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from acceptance.gates import Bound, Gate, GateResult
from acceptance.observe.loki import Line, Loki
from acceptance.statistics import Count, increase_p, least_seen, rate_ratio
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

    FAIL when the errors rose, or when there are more than a few and the time before had not half as many. PASS when
    they did not rise, and are few or at most doubled. What is between is INCONCLUSIVE, and so is no log at all.

    Args:
        increase: Bound of the test's p.
        few: Bound of the errors a minute that need no excuse.
        level: What was counted.
    """
    if not level.seen:
        why = f"no line of {increase.query} in the last {level.end - level.start:.0f} s: that is no good news"
        return GateResult(increase, Verdict.INCONCLUSIVE, None, 0, why, level.start, level.end)
    before, after = level.before, level.after
    known = before.of > 0
    p = increase_p(before, after) if known else None
    per_minute = 60 * after.rate
    is_few = not after.events or Bound(few.bound).holds(per_minute)
    rose = p is not None and not Bound(increase.bound).holds(p)
    unlike = not is_few and after.rate > TIMES * (before.rate if known else 0.0)
    good = not after.events or (known and (is_few or rate_ratio(before, after, 0.05)[1] <= TIMES))
    verdict = Verdict.FAIL if rose or unlike else Verdict.PASS if good else Verdict.INCONCLUSIVE
    told = f"{after.events} error lines in {after.of:.0f} s ({per_minute:.3g} a minute; few is {few.bound})"
    if known:
        least = least_seen(before, after.of, Bound(increase.bound).limit)
        told += f", before {before.events} in {before.of:.0f} s: p = {p:.3g}, expected {increase.bound}"
        told += f"; from {least} on it would be an increase"
    else:
        told += "; no log of the time before to compare with"
    return GateResult(increase, verdict, p, level.seen, told, level.start, level.end)
