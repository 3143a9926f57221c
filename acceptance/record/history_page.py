"""Render the index over all runs as one HTML file without script, in the record's own style."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib.resources import files

from markupsafe import Markup, escape

from acceptance.record.cards import as_cards
from acceptance.record.chart import limit_of, number
from acceptance.record.history import Run, Trend, Unreadable, flaky, spans, trends, undone
from acceptance.record.html import environment
from acceptance.verdict import Outcome, Verdict

WIDTH, HEIGHT, MARGIN = 320, 56, 4
SHOWN = 50
"""Flaky checks shown, and runs shown before the rest is folded."""


def history(runs: Sequence[Run], unreadable: Sequence[Unreadable]) -> str:
    """Give the page over these runs, oldest first as `read_runs` gives them."""
    by_target: dict[str, list[Run]] = {}
    for run in runs:
        by_target.setdefault(f"{run.target}, {run.mode or 'mode unknown'}", []).append(run)
    counted = Counter(run.outcome for run in runs)
    first, last = spans(runs)
    flips = flaky(runs)
    return as_cards(
        environment()
        .get_template("record_history.html.j2")
        .render(
            style=Markup(files("acceptance").joinpath("data/record.css").read_text(encoding="utf-8")),  # noqa: S704
            runs=runs,
            strips=by_target,
            counts={outcome.value: counted[outcome] for outcome in Outcome if counted[outcome]},
            first=first,
            last=last,
            trends=[(each, _counts(each), spark(each)) for each in trends(runs)],
            flaky=flips,
            undone=undone(runs),
            unreadable=unreadable,
            SHOWN=SHOWN,
        )
    )


def spark(trend: Trend) -> Markup:
    """Draw one gate over its runs, evenly spaced: the line, its threshold, and a mark where it did not pass.

    A run without data leaves a gap in the line and a mark at the foot.
    """
    limit = limit_of(trend.threshold)
    values = [*trend.values, *([limit] if limit is not None else [])]
    low, high = min([0.0, *values]), max(values, default=1.0)
    room = (high - low) or 1.0
    step = (WIDTH - 2 * MARGIN) / max(len(trend.points) - 1, 1)

    def place(number_of: int, value: float | None) -> str:
        y = HEIGHT - MARGIN - ((low if value is None else value) - low) / room * (HEIGHT - 2 * MARGIN)
        return f"{MARGIN + number_of * step:.1f},{y:.1f}"

    lines: list[list[str]] = [[]]
    marks = []
    for count, point in enumerate(trend.points):
        at = place(count, point.value)
        if point.value is None:
            lines.append([])
        else:
            lines[-1].append(at)
        if point.verdict is not Verdict.PASS or len(trend.points) == 1:
            x, y = at.split(",")
            marks.append(f'<circle class="h-{_word(point.verdict)}" cx="{x}" cy="{y}" r="3"/>')
    shapes = [f'<polyline class="c-line" points="{" ".join(line)}"/>' for line in lines if len(line) > 1]
    if limit is not None:
        y = place(0, limit).split(",")[1]
        shapes.insert(0, f'<path class="c-threshold" d="M{MARGIN} {y}H{WIDTH - MARGIN}"/>')
    return Markup(  # noqa: S704 - all text in it went through escape()
        f'<svg class="chart" role="img" aria-label="{escape(_label(trend))}" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f"{''.join([*shapes, *marks])}</svg>"
    )


def _label(trend: Trend) -> str:
    latest = f"{number(trend.points[-1].value)} {trend.unit}".strip()
    told = ", ".join(f"{count} {word}" for word, count in _counts(trend).items())
    return f"{trend.id} over {len(trend.points)} runs: {told}; latest {latest}, threshold {trend.threshold}"


def _counts(trend: Trend) -> dict[str, int]:
    found = Counter(point.verdict.value for point in trend.points)
    return {verdict.value: found[verdict.value] for verdict in Verdict if found[verdict.value]}


def _word(verdict: Verdict) -> str:
    return verdict.value.replace(" ", "_")
