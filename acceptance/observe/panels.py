"""Check that a dashboard shows data without a gap (post.validation.3: "data flowing, no gaps").

Grafana is compared with Prometheus itself: whatever Prometheus holds must be on the panel. A panel that is empty
because its metric does not exist (a flag that is off) is told from one that has lost its data. Whether Prometheus holds
what it should is asked apart, of the scrapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from typing import Any

from acceptance.finding import Finding
from acceptance.gates.series import Series
from acceptance.observe.grafana import Dashboard, Grafana, PanelQuery, Shown
from acceptance.observe.prometheus import Prometheus
from acceptance.target.model import Target
from acceptance.verdict import Inconclusive

LOST_SCRAPES = 5
"""So many scrapes in a row that gave no metrics are a gap; a planned restart costs one or two."""

_MATCHER = r'\b%s\s*(=~|!~|!=|=)\s*["\'`]([^"\'`]*)'


@dataclass(frozen=True)
class Coverage:
    """What part of a window has data, in unix seconds; `widest` is the longest step between two points."""

    series: int
    first: float
    last: float
    widest: float


@dataclass(frozen=True)
class Panel:
    """One query of a panel: what Grafana shows, and what Prometheus holds; None is nothing."""

    query: PanelQuery
    error: str
    shown: Coverage | None
    held: Coverage | None

    def findings(self, step: float) -> list[Finding]:
        """Name what the panel does not show though Prometheus has it; a few steps' difference is no gap."""
        wrong, slack = partial(Finding, "not shown", f"panel {self.query.panel!r}"), 3 * step
        if self.error:
            return [wrong("data", f"the error {self.error!r} for «{self.query.expression}»")]
        if self.held is None:
            return []
        if self.shown is None:
            return [wrong(f"{self.held.series} series", f"none for «{self.query.expression}»")]
        found = []
        if self.shown.series < self.held.series:
            found.append(wrong(f"{self.held.series} series", str(self.shown.series)))
        if (late := self.shown.first - self.held.first) > slack:
            found.append(wrong("all that Prometheus holds", f"its data begin {late:.0f} s late"))
        if (old := self.held.last - self.shown.last) > slack:
            found.append(wrong("all that Prometheus holds", f"its newest data are {old:.0f} s old"))
        if (gap := self.shown.widest - self.held.widest) > slack:
            found.append(wrong("all that Prometheus holds", f"a gap of {gap:.0f} s"))
        return found

    def as_json(self) -> dict[str, Any]:
        """Give the facts for the record."""
        return asdict(self)


def coverage(series: Iterable[Series]) -> Coverage | None:
    """Fold series into their coverage, all points taken together; None without a point."""
    filled = [one for one in series if one]
    times = sorted({at for one in filled for at, _ in one})
    if not times:
        return None
    steps = [after - before for before, after in pairwise(times)]
    return Coverage(len(filled), times[0], times[-1], max(steps, default=0.0))


def job_findings(dashboard: Dashboard | None, target: Target) -> list[Finding]:
    """Say that no panel of the SLO dashboard, which is the bot's, asks for the bot's job.

    Raises:
        Inconclusive: A pattern cannot be read here.
    """
    if dashboard is None or "bot" not in target.services:
        return []
    job, matcher = target.services["bot"].job, re.compile(_MATCHER % target.metrics.labels.get("job", "job"))
    asked = [matcher.findall(query.expression) for query in dashboard.queries]
    if not asked or any(not jobs or any(_chooses(each, job) for each in jobs) for jobs in asked):
        return []
    others = ", ".join(sorted({value for jobs in asked for _, value in jobs}))
    step = "correct the panels, or GRAFANA_DASHBOARD_UID"
    return [Finding("other job", dashboard.title, f"panels of job {job}", f"those of {others} alone", next_step=step)]


def _chooses(matcher: tuple[str, str], job: str) -> bool:
    sign, value = matcher[0], re.sub(r"\\(.)", r"\1", matcher[1])  # PromQL writes a backslash as two
    try:
        same = value == job if sign in ("=", "!=") else bool(re.fullmatch(value, job))
    except re.error as error:
        told = f"expected a job that can be read in the dashboard's panels, found {value!r} ({error})"
        raise Inconclusive(f"{told}; see whether it chooses {job}") from error
    return same is (sign in ("=", "=~"))


def look_at(
    dashboard: Dashboard, grafana: Grafana, prometheus: Prometheus, start: float, end: float, step: float
) -> list[Panel]:
    """Ask each query of a dashboard of Grafana and of Prometheus, over the same window.

    Raises:
        Inconclusive: One of them does not answer.
    """
    return [_look_at(query, grafana, prometheus, start, end, step) for query in dashboard.queries]


def seen_since(prometheus: Prometheus, start: float, end: float, step: float) -> float:
    """Give the first moment of a window with any scrape, or its end: a young target has none before."""
    found = coverage(prometheus.range("sum(up)", start, end, step).values())
    return found.first if found else end


def scrape_gaps(
    prometheus: Prometheus,
    job: str,
    start: float,
    end: float,
    step: float,
    restarted: Iterable[tuple[float, float]] = (),
) -> list[Finding]:
    """Name the stretches of a window in which not a single scrape of a job succeeded.

    A scrape that fails leaves a sample too, `up` of 0, and no metrics: a service that answers 503 is a gap.
    While the suite itself restarts a service it cannot be scraped, however long that takes.

    Args:
        prometheus: Where to look.
        job: Its label.
        start: Unix seconds.
        end: Unix seconds.
        step: The scrape interval in seconds.
        restarted: When the suite restarted the service, begin and end in unix seconds.
    """
    allowed = LOST_SCRAPES * step
    query = f'sum(sum_over_time(up{{job="{job}"}}[{max(1, round(1000 * allowed))}ms])) > 0'
    held = list(prometheus.range(query, start, end, step).values())
    ours = [[(at, 1.0) for at in _every(step, max(begin, start), min(back, end))] for begin, back in restarted]
    seen = coverage([*held, *ours])
    if seen is None or not any(held):
        none = f"none that succeeded in {end - start:.0f} s"
        return [Finding("not scraped", job, "scrapes", none, next_step="look at its target")]
    edges = [(start, seen.first), (seen.last, end)]
    holes = [(a, b) for a, b in edges if b - a > 2 * step]
    gaps = [f"for {b - a + allowed:.0f} s at the edge of the window" for a, b in holes]
    if seen.widest > 2 * step:
        gaps.append(f"for {seen.widest + allowed:.0f} s within the window")
    expected = f"a successful scrape every {allowed:g} s"
    return [Finding("not scraped", job, expected, f"no successful scrape {gap}") for gap in gaps]


def _every(step: float, begin: float, end: float) -> list[float]:
    return [begin + step * number for number in range(1 + int((end - begin) / step))] if end >= begin else []


def _look_at(
    query: PanelQuery, grafana: Grafana, prometheus: Prometheus, start: float, end: float, step: float
) -> Panel:
    shown = grafana.shown(query, start, end, step)
    held = Shown(()) if shown.error else Shown(tuple(prometheus.range(query.expression, start, end, step).values()))
    return Panel(query, shown.error, coverage(shown.series), coverage(held.series))
