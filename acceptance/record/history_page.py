"""Render the index over all runs as one HTML file without script, in the record's own style."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib.resources import files

from markupsafe import Markup, escape

from acceptance.record.cards import as_cards
from acceptance.record.chart import limit_of, number
from acceptance.record.first_screen import FAILED, NOT_BEGUN
from acceptance.record.formatting import parse
from acceptance.record.history import Run, Unreadable
from acceptance.record.html import environment
from acceptance.record.trends import Trend, flaky, last_passes, spans, trends, undone
from acceptance.verdict import Outcome, Verdict

WIDTH, HEIGHT, MARGIN = 320, 68, 4
LEFT = 46
"""Where the axis of time begins; the figures of the other axis are before it."""
FOOT = 52
"""Height of the zero line; the days are below it."""
SHOWN = 50
"""Flaky checks shown, and runs shown before the rest is folded."""


def history(runs: Sequence[Run], unreadable: Sequence[Unreadable]) -> str:
    """Give the page over these runs, oldest first as `read_runs` gives them."""
    by_target: dict[str, list[Run]] = {}
    for run in runs:
        by_target.setdefault(f"{run.target}, {run.mode or 'mode unknown'}", []).append(run)
    counted = Counter(run.word for run in runs)
    first, last = spans(runs)
    asked = [run for run in runs if run.mode != "survey"]  # it asks another question, and has other verdicts
    flips = flaky(asked)
    return as_cards(
        environment()
        .get_template("record_history.html.j2")
        .render(
            style=Markup(files("acceptance").joinpath("data/record.css").read_text(encoding="utf-8")),  # noqa: S704
            runs=runs,
            strips=by_target,
            counts={word: counted[word] for word in (FAILED, *Outcome, NOT_BEGUN) if counted[word]},
            first=first,
            last=last,
            trends=[(each, _counts(each), spark(each)) for each in trends(asked)],
            flaky=flips,
            undone=undone(runs),
            unreadable=[each for each in unreadable if each.record],
            no_records=[each for each in unreadable if not each.record],
            refused=[run for run in runs if run.refused],
            passed=last_passes(asked),
            last_go={run.target: run.folder for run in runs if run.outcome is Outcome.GO},
            SHOWN=SHOWN,
        )
    )


def spark(trend: Trend) -> Markup:
    """Draw one gate over time: the line, its threshold as it was then, and a mark where it did not pass.

    A run without data leaves a gap in the line and a mark at the foot.
    """
    if _flat(trend):
        said = f"0 in each of {len(trend.points)} runs"
        return Markup(f'<p class="flat"><span aria-hidden="true">▁▁▁▁▁▁▁▁</span> {said}</p>')  # noqa: S704
    limits = [limit_of(point.threshold) for point in trend.points]
    values = [*trend.values, *(limit for limit in limits if limit is not None)]
    low, high = min([0.0, *values]), max(values, default=1.0)
    xs = _places(trend)

    def height(value: float | None) -> float:
        above = ((low if value is None else value) - low) / ((high - low) or 1.0)
        return round(FOOT - above * (FOOT - MARGIN), 1)

    lines: list[list[str]] = [[]]
    marks = []
    for place, (x, point) in enumerate(zip(xs, trend.points, strict=True)):
        if point.value is None:
            lines.append([])
        else:
            lines[-1].append(f"{x},{height(point.value)}")
        if point.verdict is not Verdict.PASS or _alone(trend, place):
            marks.append(f'<circle class="h-{_word(point.verdict)}" cx="{x}" cy="{height(point.value)}" r="3"/>')
    levels = [(x, height(limit)) for x, limit in zip(xs, limits, strict=True) if limit is not None]
    steps = "".join(f"H{x}V{y}" for x, y in levels)
    shapes = [f'<path class="c-threshold" d="M{LEFT} {levels[0][1]}{steps}H{WIDTH - MARGIN}"/>'] if levels else []
    shapes += [f'<polyline class="c-line" points="{" ".join(line)}"/>' for line in lines if len(line) > 1]
    return Markup(  # noqa: S704 - all text in it went through escape()
        f'<svg class="chart" role="img" aria-label="{escape(_label(trend))}" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f"{''.join([*shapes, *marks, *_dates(trend), *_figures(low, high)])}</svg>"
    )


def _alone(trend: Trend, place: int) -> bool:
    """Tell whether a value has no neighbour, so that no line shows it."""
    beside = [*trend.points[max(place - 1, 0) : place], *trend.points[place + 1 : place + 2]]
    return all(point.value is None for point in beside)


def _places(trend: Trend) -> list[float]:
    """Give where each run stands on the axis of time; all at its end where they began at once, or nobody knows when."""
    known = [parse(point.run.started_at) for point in trend.points]
    first, last = (pick((at for at in known if at), default=None) for pick in (min, max))
    if first is None or last is None or first == last:
        return [WIDTH - MARGIN - 3.0] * len(known)
    scale = (WIDTH - LEFT - MARGIN) / (last - first).total_seconds()
    return [round(LEFT + ((at or first) - first).total_seconds() * scale, 1) for at in known]


def _dates(trend: Trend) -> list[str]:
    """Write the day of the first and of the last run below the line."""
    days = [found.strftime("%Y-%m-%d") for point in trend.points if (found := parse(point.run.started_at))]
    ends = [(LEFT, "start", days[0]), (WIDTH - MARGIN, "end", days[-1])] if days else []
    return [
        f'<text class="c-num" x="{x}" y="{HEIGHT - 2}" text-anchor="{anchor}">{day}</text>'
        for x, anchor, day in (ends if len(set(days)) > 1 else ends[-1:])
    ]


def _figures(low: float, high: float) -> list[str]:
    """Write the least and the greatest value of the axis before it; the unit stands beside the latest value."""
    return [
        f'<text class="c-num" x="{LEFT - 6}" y="{y}" text-anchor="end">{number(value)}</text>'
        for value, y in {high: MARGIN + 7, low: FOOT + 3}.items()
    ]


def _flat(trend: Trend) -> bool:
    """Tell whether each value is zero and good, so that a drawing shows nothing."""
    return all(point.value == 0 and point.verdict is Verdict.PASS for point in trend.points)


def _label(trend: Trend) -> str:
    latest = f"{number(trend.points[-1].value)} {trend.unit}".strip()
    told = ", ".join(f"{count} {word}" for word, count in _counts(trend).items())
    return f"{trend.id} over {len(trend.points)} runs: {told}; latest {latest}, threshold {trend.threshold}"


def _counts(trend: Trend) -> dict[str, int]:
    found = Counter(point.verdict.value for point in trend.points)
    return {verdict.value: found[verdict.value] for verdict in Verdict if found[verdict.value]}


def _word(verdict: Verdict) -> str:
    return verdict.value.replace(" ", "_")
