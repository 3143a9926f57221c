"""Draw a gate's soak as inline SVG: series, threshold, and when the flag went on or a trigger fired.

No script, no external style: the page's own style sheet gives the colours through classes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup, escape

WIDTH, HEIGHT = 640, 168
LEFT, RIGHT, TOP, BOTTOM = 62, 10, 20, 24
COLUMNS = 240
"""Points shown at most, twice over: the least and the greatest of each column stay, so no spike is lost."""

NEAR_S = 30.0
"""A moment this close to a short soak is shown, even when it is further away than the soak is long."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Mark:
    """A moment to draw: unix seconds, its words, and a class (`flag` or `trigger`)."""

    at: float
    text: str
    kind: str


@dataclass(frozen=True)
class Scale:
    """From (unix seconds, value) to the drawing's own units."""

    start: float
    end: float
    low: float
    high: float

    def x(self, at: float) -> float:
        """Give the place of a time."""
        return LEFT + (at - self.start) / ((self.end - self.start) or 1) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Give the place of a value."""
        return HEIGHT - BOTTOM - (value - self.low) / (self.high - self.low) * (HEIGHT - TOP - BOTTOM)


def limit_of(threshold: object) -> float | None:
    """Read the number of a threshold, `0.1` or `< 0.1`; None when there is none."""
    found = re.search(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", str(threshold))
    return float(found[0]) if found and threshold is not None else None


def points_of(series: object) -> list[Point]:
    """Read `[[unix, value], ...]`; points that are no finite numbers are left out."""
    points = []
    for pair in series if isinstance(series, Sequence) else ():
        try:
            at, value = float(pair[0]), float(pair[1])
        except (TypeError, ValueError, IndexError, KeyError):
            continue
        if math.isfinite(at) and math.isfinite(value):
            points.append((at, value))
    return sorted(points)


def number(value: object) -> str:
    """Show a number with four figures; other things as they are."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "no value" if value is None else str(value)
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.4g}"


def draw(series: Sequence[Point], threshold: object, marks: Iterable[Mark], label: str, unit: str = "") -> Markup:
    """Draw one chart.

    Args:
        series: Points of (unix seconds, value), ascending.
        threshold: The gate's threshold; shown when it holds a number.
        marks: Moments to draw; those further from the series than it is long, and than `NEAR_S`, are left out.
        label: What a screen reader says.
        unit: Written at the threshold.

    Returns:
        An `<svg>` element, a sentence where every value is 0, or empty markup for fewer than two points.
    """
    if len(series) < 2:
        return Markup("")
    if not any(value for _, value in series):
        return _flat(series, label, unit)
    limit = limit_of(threshold)
    first, last = series[0][0], series[-1][0]
    slack = max(last - first, NEAR_S)
    shown = [mark for mark in marks if first - slack <= mark.at <= last + slack]
    start, end = min([first, *(m.at for m in shown)]), max([last, *(m.at for m in shown)])
    values = [value for _, value in series] + ([limit] if limit is not None else [])
    low, high = min(0.0, *values), max(values)
    scale = Scale(start, end, low, high + ((high - low) * 0.12 or 1.0))
    figures = [low, max(value for _, value in series), *([limit] if limit is not None else [])]
    parts = [_axes(scale, figures)]
    if limit is not None:
        parts.append(_threshold_line(limit, threshold, unit, scale.y(limit)))
    parts.extend(_marks(shown, scale))
    line = " ".join(f"{scale.x(at):.1f},{scale.y(value):.1f}" for at, value in _thin(series))
    parts.append(f'<polyline class="c-line" points="{line}"/>')
    return Markup(  # noqa: S704 - all text in it went through escape()
        f'<svg class="chart" role="img" aria-label="{escape(label)}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'preserveAspectRatio="xMinYMid meet">{"".join(parts)}</svg>'
    )


def _flat(series: Sequence[Point], label: str, unit: str) -> Markup:
    """Describe a curve of zeros in one line, instead of a chart."""
    first, last = (datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S") for at in (series[0][0], series[-1][0]))
    said = escape(f"{len(series)} samples from {first} to {last} UTC, all of them 0 {unit}".strip())
    return Markup(f'<p class="flat" title="{escape(label)}"><span aria-hidden="true">▁▁▁▁▁▁▁▁</span> {said}.</p>')  # noqa: S704


def _axes(scale: Scale, figures: Sequence[float]) -> str:
    right, foot = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = [f'<path class="c-axis" d="M{LEFT} {TOP}V{foot}H{right}"/>']
    told: list[float] = []
    for value in figures:
        if any(abs(scale.y(value) - scale.y(other)) <= 14 for other in told):
            continue  # two figures on one line cannot be read
        told.append(value)
        text = number(value)  # its unit stands at the threshold and in the caption: there is no room for both
        parts.append(f'<text class="c-num" x="{LEFT - 6}" y="{scale.y(value) + 4:.1f}" text-anchor="end">{text}</text>')
    for at, anchor in ((scale.start, "start"), (scale.end, "end")):
        clock = datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")
        parts.append(
            f'<text class="c-num" x="{scale.x(at):.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{clock}</text>'
        )
    return "".join(parts)


def _threshold_line(limit: float, threshold: object, unit: str, at: float) -> str:
    text = escape(f"{threshold if isinstance(threshold, str) else number(limit)} {unit}".strip())
    return (
        f'<path class="c-threshold" d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}"/>'
        f'<text class="c-threshold-text" x="{WIDTH // 2}" y="{at - 4:.1f}" text-anchor="middle">threshold {text}</text>'
    )


def _marks(marks: Sequence[Mark], scale: Scale) -> Iterable[str]:
    """Draw marks from left to right; words that are close to the last ones go a line lower."""
    last, row = -math.inf, 0
    for mark in sorted(marks, key=lambda each: each.at):
        at = scale.x(mark.at)
        row = (row + 1) % 3 if at - last < 90 else 0
        last = at
        anchor, shift = ("end", -4) if at > WIDTH * 0.6 else ("start", 4)
        yield (
            f'<path class="c-{escape(mark.kind)}" d="M{at:.1f} {TOP - 14}V{HEIGHT - BOTTOM}"/>'
            f'<text class="c-{escape(mark.kind)}-text" x="{at + shift:.1f}" y="{TOP - 6 + 16 * row}" '
            f'text-anchor="{anchor}">{escape(mark.text)}</text>'
        )


def _thin(series: Sequence[Point]) -> list[Point]:
    if len(series) <= 2 * COLUMNS:
        return list(series)
    size = math.ceil(len(series) / COLUMNS)
    kept: list[Point] = []
    for begin in range(0, len(series), size):
        part = series[begin : begin + size]
        kept.extend(sorted({min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1])}))
    return kept
