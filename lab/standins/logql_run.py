"""Evaluation of parsed LogQL over the streams."""

import bisect
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from lab.standins.log_streams import Entry
from lab.standins.logql import Labels, LogQuery, MetricQuery
from lab.standins.loki_times import NANOS

Series = tuple[tuple[str, str], ...]
Streams = Iterable[tuple[Labels, list[Entry]]]


def matching(query: LogQuery, streams: Streams, start: int, end: int) -> Iterator[tuple[Series, Entry]]:
    """Entries with start <= time < end that the query lets through, each with its stream's labels."""
    for labels, entries in streams:
        if not all(matcher.matches(labels) for matcher in query.selector):
            continue
        first, last = bisect.bisect_left(entries, (start,)), bisect.bisect_left(entries, (end,))
        for entry in entries[first:last]:
            if not all(line.passes(entry.line) for line in query.lines):
                continue
            found = _with_fields(labels, entry.line) if query.json else labels
            if all(matcher.matches(found) for matcher in query.labels):
                yield tuple(sorted(found.items())), entry


def values(query: MetricQuery, streams: Streams, times: list[int]) -> dict[Series, list[tuple[int, float]]]:
    """Give the query's value at each time, by series; a point without a line in its range is left out."""
    seconds, reach = query.seconds, round(query.seconds * NANOS)
    seen: dict[Series, list[int]] = defaultdict(list)
    for series, entry in matching(query.logs, streams, times[0] - reach + 1, times[-1] + 1):
        seen[series].append(entry.at)
    points: dict[Series, list[tuple[int, float]]] = {}
    for at in times:
        now: dict[Series, float] = {}
        for series, moments in seen.items():
            count = bisect.bisect_right(moments, at) - bisect.bisect_right(moments, at - reach)
            if count:
                now[series] = count / seconds if query.function == "rate" else float(count)
        for name, kept in query.aggregations:
            now = _aggregated(name, kept, now)
        for series, value in now.items():
            points.setdefault(series, []).append((at, value))
    return points


def _aggregated(name: str, kept: tuple[str, ...], now: dict[Series, float]) -> dict[Series, float]:
    groups: dict[Series, list[float]] = defaultdict(list)
    for series, value in now.items():
        groups[tuple(label for label in series if label[0] in kept)].append(value)
    return {series: _REDUCTIONS[name](group) for series, group in groups.items()}


_REDUCTIONS: dict[str, Callable[[list[float]], float]] = {
    "sum": sum,
    "min": min,
    "max": max,
    "count": lambda group: float(len(group)),
    "avg": lambda group: sum(group) / len(group),
}


def _with_fields(labels: Labels, line: str) -> Labels:
    """Give the labels and what `| json` takes from the line, named apart where both have a name, as Loki does."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return {**labels, "__error__": "JSONParserErr"}
    fields = {
        f"{key}_extracted" if key in labels else key: value if isinstance(value, str) else json.dumps(value)
        for key, value in found.items()
        if value is not None and not isinstance(value, (dict, list))
    }
    return {**fields, **labels}
