"""Query Prometheus through prometheus-api-client, with deadlines; an incomplete answer is no data.

The client has no default time-out and retries for six seconds, its time-out is that of each part of an answer, it
rounds times to whole seconds, and it drops what Prometheus says beside its rows; all of this is set right here.
Whatever keeps us from a whole answer is `Inconclusive`, never an empty or a partial result.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any, TypeVar

import httpx

from acceptance import deadline
from acceptance.gates.measures import Measure
from acceptance.gates.series import Row, Samples, Series, shown
from acceptance.observe.server import TENANT, NotOffered, Odd, Server, whole
from acceptance.target.model import Target
from acceptance.target.naming import MetricNames
from acceptance.target.parts import STATUS
from acceptance.verdict import Inconclusive

if TYPE_CHECKING:
    from prometheus_api_client import PrometheusConnect
    from requests import Response, Session

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Sample:
    """One element of an instant vector: labels, value, and the time of evaluation in unix seconds."""

    labels: Mapping[str, str]
    value: float
    at: float


LOOKBACK_S = 300.0
"""So long before a window a counter's last sample is looked for: Prometheus' own default."""
AT_ONCE = 32
"""Queries that are asked side by side: triggers and gates."""
LOST_SCRAPES = 5
"""Scrapes that may be lost before a window."""
KEYS = "PROMETHEUS_URL (PROMETHEUS_LOGIN, PROMETHEUS_TENANT)"
_BLOCK = 65536


class Prometheus:
    """Queries against one Prometheus server.

    Every method raises `Inconclusive` when the server is out of reach, slow, or answers with an error.
    """

    def __init__(
        self,
        url: str,
        timeout_s: float = 10,
        metrics: MetricNames | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        tells_start: bool = True,
    ) -> None:
        self.url = url.rstrip("/")
        self._server = Server("Prometheus", self.url, KEYS, timeout_s, headers or {})
        self._timeout_s = timeout_s
        self._metrics = metrics or MetricNames()
        self._tells_start = tells_start

    @classmethod
    def of(cls, target: Target) -> Prometheus:
        """Give a target's own, which is asked in the contract's names and answers in them."""
        server, tells_start = server_of(target), STATUS not in target.absent
        return cls(server.url, server.timeout_s, target.metrics, server.headers, tells_start=tells_start)

    @cached_property
    def _session(self) -> Session:
        # Imported at first use: it pulls in requests, which collection must not wait for.
        from requests import Session

        session = Session()
        session.headers.update(self._server.headers)
        session.stream = True  # a body is read by the first of these, under its deadline
        session.hooks["response"] += [_read, _be_whole]
        return session

    @cached_property
    def _client(self) -> PrometheusConnect:
        from prometheus_api_client import PrometheusConnect
        from requests.adapters import HTTPAdapter
        from urllib3 import Retry

        # The last answer is given, for its body says why.
        once_more = Retry(total=1, backoff_factor=0.2, status_forcelist=[502, 503, 504], raise_on_status=False)
        client = PrometheusConnect(url=self.url, timeout=self._timeout_s, session=self._session)
        # In place of its own, which has room for ten.
        self._session.mount(self.url, HTTPAdapter(max_retries=once_more, pool_maxsize=AT_ONCE))
        return client

    @property
    def literal(self) -> Prometheus:
        """Give itself for queries that stand in the deployment's names already, such as a dashboard's."""
        return Prometheus(self.url, self._timeout_s, headers=self._server.headers)

    def own(self, query: str) -> str:
        """Give a query in the deployment's own names, as it is asked."""
        return self._metrics.query(query)

    def instant(self, query: str, at: float | None = None) -> list[Sample]:
        """Evaluate `query` at one moment (now by default); an empty list is an empty vector."""
        params = {} if at is None else {"time": str(at)}
        query = self.own(query)
        rows = self._ask(query, lambda: self._client.custom_query(query, params=params))
        return self._ask(query, lambda: [Sample(self._labels(row), *self._points(row)[0][::-1]) for row in rows])

    def range(self, query: str, start: float, end: float, step: float) -> dict[str, Series]:
        """Evaluate `query` every `step` seconds.

        Returns:
            Series by label set as text; a histogram bucket is keyed by its `le` alone.
        """
        query = self.own(query)
        moments = (datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC))
        exact = {"start": str(start), "end": str(end)}  # the client would round them to whole seconds
        rows = self._ask(query, lambda: self._client.custom_query_range(query, *moments, step=str(step), params=exact))
        return self._ask(query, lambda: {_key(self._labels(row)): self._points(row) for row in rows})

    def raw(self, selector: str, start: float, end: float) -> list[Row]:
        """Give the samples that were scraped in [start, end], as they are, with the labels of each series."""
        query = f"{self.own(selector)}[{max(1, round((end - start) * 1000))}ms]"
        rows = self._ask(query, lambda: self._client.custom_query(query, params={"time": str(end)}))
        return self._ask(query, lambda: [Row(self._labels(row), self._points(row)) for row in rows])

    def samples(self, measure: Measure, job: str, start: float, end: float, step: float) -> Samples:
        """Fetch what `acceptance.gates` needs for a gate or trigger over [start, end], and of the time before."""
        before = start - max(LOOKBACK_S, LOST_SCRAPES * step)
        scrapes = self.raw(f'{{__name__=~"up|process_start_time_seconds",job="{job}"}}', before, end)
        return Samples(
            start=start,
            end=end,
            step=step,
            query=self.raw(measure.query, before, end),
            total=self.raw(measure.total, before, end) if measure.total else (),
            up=[row for row in scrapes if row.labels["__name__"] == "up"],
            started=[row for row in scrapes if row.labels["__name__"] != "up"],
        )

    def process_starts(self, job: str, at: float | None = None) -> list[float]:
        """Give the start times (unix seconds) of the job's processes that are up, the oldest first; [] for none."""
        return sorted(sample.value for sample in self._processes(job, at))

    def of_one_process(self, job: str) -> list[str]:
        """Name the instances of the job that started at the same moment, and so are one process; [] for none."""
        # For some scrapes, one that was taken out of the configuration seems to be up.
        scraped = {_instance(target["labels"]) for target in self._targets(job)}
        found = [sample for sample in self._processes(job) if _instance(sample.labels) in scraped]
        times = Counter(sample.value for sample in found)
        return sorted(_instance(sample.labels) for sample in found if times[sample.value] > 1)

    def _processes(self, job: str, at: float | None = None) -> list[Sample]:
        query = f'process_start_time_seconds{{job="{job}"}} and on (instance) up{{job="{job}"}} == 1'
        return self.instant(query, at)

    def seen_twice(self, job: str) -> list[str]:
        """Name the scrapes of one instance that are there several times at once, as of a pair or a federation."""
        found = self.instant(f'up{{job="{job}"}} == 1')
        times = Counter(_instance(sample.labels) for sample in found)
        return sorted(shown(sample.labels) for sample in found if times[_instance(sample.labels)] > 1)

    def is_up(self, job: str) -> bool:
        """Tell whether any target of the job is up."""
        return bool(self.instant(f'up{{job="{job}"}} == 1'))

    def clock(self) -> float:
        """Give the server's own time in unix seconds, exact to the millisecond; of VictoriaMetrics it is a vector."""
        found = self._ask("time()", lambda: self._client.custom_query("time()"))
        return self._ask("time()", lambda: float((found if len(found) == 2 else found[0]["value"])[1]))

    def started(self) -> datetime | None:
        """Give when the server started, as it says itself; None where the target file says that it does not.

        That needs no scrape of its own. The client has no call.
        """
        if not self._tells_start:
            return None
        what, url = "status/runtimeinfo", f"{self.url}/api/v1/status/runtimeinfo"
        answer = self._ask(what, lambda: self._session.get(url, timeout=self._timeout_s).json(), STATUS)
        return self._ask(what, lambda: datetime.fromisoformat(answer["data"]["startTime"]).astimezone(UTC))

    def names(self, job: str, prefix: str, *, used: bool = False) -> set[str]:
        """Give the metric names with this prefix that the last scrape of any of the job's targets found.

        By its time, not by whether Prometheus still answers with it: one that was itself restarted does not know what
        it had seen, and so goes on for five minutes to give what a service exported before.

        Args:
            job: Whose metrics.
            prefix: Of the names.
            used: Leave out what shows no use: a client library exports a counter without labels as 0 from the start,
                and beside it when it was made.
        """
        own = f'job="{job}"'
        scraped = {_instance(one.labels): one.value for one in self.instant(f"timestamp(up{{{own}}})")}
        query = self.own(f'{{__name__=~"{prefix}.*", {own}}}[5m]')
        rows = self._ask(query, lambda: self._client.custom_query(query))

        def named() -> set[str]:
            newest = [(row["metric"], (row.get("values") or row["histograms"])[-1]) for row in rows]
            return {
                self._metrics.told(labels)["__name__"]
                for labels, (at, value) in newest
                if float(at) >= scraped.get(_instance(labels), float("inf")) and not (used and _unused(labels, value))
            }

        return self._ask(query, named)

    def announces(self, job: str, prefix: str) -> bool:
        """Tell whether the job exports metrics with this prefix, or announces them and has counted nothing yet."""
        if self.names(job, prefix):
            return True
        label = self._metrics.labels.get("job", "job")
        what = f"metadata of {job}"
        rows = self._ask(what, lambda: self._client.get_target_metadata({label: job}))
        return self._ask(what, lambda: any(row["metric"].startswith(self.own(prefix)) for row in rows))

    def down_targets(self, jobs: Iterable[str] = ()) -> list[str]:
        """Name the active targets that are not up. Source: checklist item 21_00.checklist.5.

        Args:
            jobs: Jobs that must have a target.

        Raises:
            Inconclusive: None is down, and there are no targets at all, or none of one of these jobs.
        """
        targets = self._active()
        if not targets:
            raise Inconclusive(f"{self.url} has no active targets: expected the Butler services among them")
        down = [
            f"{self._job(target)} at {target.get('scrapeUrl', '?')}: {target.get('lastError') or target.get('health')}"
            for target in targets
            if target.get("health") != "up"
        ]
        if not down and (missing := sorted({*jobs} - {self._job(target) for target in targets})):
            raise Inconclusive(
                f"{self.url} scrapes no target of job {', '.join(missing)}: whether it is up is not known; "
                "correct the *_JOB keys of the target file, or the configuration of Prometheus"
            )
        return down

    def scrape_intervals(self, job: str) -> set[str]:
        """Give how often the job's targets are scraped, such as `1m0s`: by its configuration, else by its samples."""
        said = {target["scrapeInterval"] for target in self._targets(job) if "scrapeInterval" in target}
        return said or set(self._seen_intervals(job))

    def _seen_intervals(self, job: str) -> Iterator[str]:
        now = self.clock()
        for row in self.raw(f'up{{job="{job}"}}', now - LOOKBACK_S, now):
            if steps := [later - earlier for (earlier, _), (later, _) in pairwise(row.points)]:
                yield f"{median(steps):.2f}s"

    def addresses(self, job: str) -> set[str]:
        """Give where the job's metrics are scraped."""
        return {target["scrapeUrl"] for target in self._targets(job) if "scrapeUrl" in target}

    def _targets(self, job: str) -> list[Any]:
        return [target for target in self._active() if self._job(target) == job]

    def _active(self) -> list[Any]:
        try:
            asked = self._ask("targets", lambda: self._client.get_targets(state="active")["activeTargets"])
        except NotOffered:  # a managed one: what is scraped shows by its samples, or not at all
            rows = self._ask("up", lambda: self._client.custom_query("up"))
            asked = self._ask("up", lambda: list(map(_target, rows)))
        return self._ask("targets", lambda: [target for target in asked or () if target["labels"].items()])

    def _job(self, target: Mapping[str, Any]) -> str:
        """Give a target's job, by the label that tells the services apart in this deployment."""
        return self._metrics.told(target["labels"]).get("job", "")

    def firing_alerts(self, at: float | None = None) -> set[str]:
        """Name the alerts that fire (now by default), as `name{labels}`. Source: post.validation.2, trigger.7."""
        query = 'ALERTS{alertstate="firing"}'
        firing = self.instant(query, at)
        return self._ask(query, lambda: {_alert(sample.labels) for sample in firing})

    def _labels(self, row: Mapping[str, Any]) -> dict[str, str]:
        return self._metrics.told(row["metric"])

    def _points(self, row: Mapping[str, Any]) -> list[tuple[float, float]]:
        """Read the samples of a row; a sum of milliseconds in the contract's seconds."""
        name = str(row["metric"].get("__name__", ""))
        unit = self._metrics.unit(name) if name.endswith("_sum") else 1.0
        return [(at, value * unit) for at, value in _points(row)]

    def _ask(self, what: str, call: Callable[[], Answer], part: str = "") -> Answer:
        from prometheus_api_client.exceptions import PrometheusApiClientException
        from requests import RequestException
        from urllib3.exceptions import HTTPError

        def asked() -> Answer:
            try:
                return call()
            # guard: prometheus-that-does-not-answer
            except (PrometheusApiClientException, RequestException, HTTPError, httpx.ReadTimeout) as error:
                raise Odd(str(error)) from error

        return self._server.read(what, asked, part)


def server_of(target: Target) -> Server:
    """Give a target's Prometheus, with what lets our questions in."""
    named = {"Authorization": target.prometheus_login, TENANT: target.prometheus_tenant}
    headers = {name: value for name, value in named.items() if value}
    return Server("Prometheus", target.prometheus_url, KEYS, target.http_timeout_s, headers)


def _read(response: Response, **sent: Any) -> None:
    """Read the body as it comes; `requests` would do so without a deadline."""
    parts = iter(lambda: response.raw.read1(_BLOCK, decode_content=True), b"")
    response.raw = io.BytesIO(b"".join(deadline.in_time(parts, sent["timeout"])))


def _be_whole(response: Response, **_: Any) -> None:
    """Refuse an answer that says that it failed or is incomplete.

    Raises:
        Odd: With what the answer says.
    """
    whole(response.status_code, response.content)


def _points(row: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Read the samples of one row; a sample may be no number, but never missing.

    Raises:
        Odd: The row holds native histograms.
        LookupError: It is missing.
    """
    if "histogram" in row or "histograms" in row:
        raise Odd(f"{row['metric']} holds native histograms, which this suite does not read; export buckets too")
    return [(float(at), float(value)) for at, value in row.get("values") or [row["value"]]]


def _unused(labels: Mapping[str, str], value: Any) -> bool:
    count = value["count"] if isinstance(value, Mapping) else value  # of a native histogram
    return float(count) == 0 or labels["__name__"].endswith("_created")


def _target(row: Mapping[str, Any]) -> dict[str, Any]:
    """Give a sample of `up` in the form of a target."""
    health = "up" if float(row["value"][1]) == 1 else "down"
    return {"labels": row["metric"], "scrapeUrl": _instance(row["metric"]), "health": health}


def _instance(labels: Mapping[str, str]) -> str:
    return labels.get("instance", "")


def _key(labels: Mapping[str, Any]) -> str:
    if set(labels) == {"le"}:
        return str(labels["le"])
    return ",".join(f"{name}={value}" for name, value in sorted(labels.items()))


def _alert(labels: Mapping[str, str]) -> str:
    rest = {name: value for name, value in labels.items() if name not in ("__name__", "alertname", "alertstate")}
    return labels["alertname"] + "{" + ",".join(f"{name}={value}" for name, value in sorted(rest.items())) + "}"
