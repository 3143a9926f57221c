"""Short ways to write what Prometheus held."""

from collections.abc import Sequence
from typing import Any

from acceptance.gates.series import Row, Samples

Point = tuple[float, float]
Given = Sequence[Row] | Sequence[Point]


def row(*points: Point, **labels: str) -> Row:
    return Row(labels, [*points])


def samples(
    query: Given,
    total: Given = ((0, 0), (1, 5), (2, 10)),
    *,
    end: float = 2,
    start: float = 0,
    step: float = 1,
    up: Sequence[Row] | None = None,
    started: Any = (),
) -> Samples:
    """Samples of one instance, scraped every second, unless rows are given; each instance of these is scraped."""
    scrapes = [(start + at, 1.0) for at in range(int(end - start) + 1)]
    its = up[-1].instance if up else ""
    rows, of = _rows(query, its), _rows(total, its)
    scraped = [row(*scrapes, instance=name) for name in dict.fromkeys(each.instance for each in (*rows, *of))]
    return Samples(start, end, step, rows, of, scraped or [row(*scrapes)] if up is None else up, started)


def buckets(**series: Sequence[Point]) -> list[Row]:
    """Rows of one histogram: `le_0_1=[...]`, `le_inf=[...]`."""
    named = {name.removeprefix("le_").replace("_", ".").replace("inf", "+Inf"): at for name, at in series.items()}
    return [row(*points, le=le) for le, points in named.items()]


def _rows(given: Any, instance: str) -> Sequence[Row]:
    return (
        given
        if not given or isinstance(given[0], Row)
        else [row(*given, **({"instance": instance} if instance else {}))]
    )
