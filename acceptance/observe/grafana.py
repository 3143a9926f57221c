"""Ask Grafana by its current API: health, a dashboard by uid, and its panels' queries (post.validation.3).

The checklist's `/api/dashboards/db/` was removed, and a proxy's login page is 200 too: only JSON of the right form is
an answer. Panels are asked for through `POST /api/ds/query`, the way that a browser takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import httpx

from acceptance.finding import Finding
from acceptance.gates.series import Series
from acceptance.observe.server import Server, place
from acceptance.redact import cut
from acceptance.target.model import Target
from acceptance.verdict import Inconclusive

ALL = "$__all"
_PROMETHEUS = "prometheus"
"""Is in the kind of each data source that takes PromQL, also of a managed one."""
_USE = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))|\[\[(\w+)\]\]")


def variables_of(model: Mapping[str, Any], interval_s: float) -> dict[str, str]:
    """Read the variables of a dashboard's JSON model as they are set now.

    Args:
        model: As `GET /api/dashboards/uid/{uid}` gives it.
        interval_s: Seconds between points; Grafana's rate interval is four times that.
    """
    step = max(1, round(interval_s))
    found = {
        "__interval": f"{step}s",
        "__interval_ms": str(step * 1000),
        "__rate_interval": f"{4 * step}s",
        "__range": "300s",
    }
    for each in (model.get("templating") or {}).get("list") or ():
        found[str(each.get("name"))] = _value(each)
    return found


def filled(expression: str, variables: Mapping[str, str]) -> str:
    """Put the variables into an expression; one that is not known stays, and Grafana will say so."""

    def value(use: re.Match[str]) -> str:
        return variables.get(use[1] or use[2] or use[3], use[0])

    return _USE.sub(value, expression)


def _value(variable: Mapping[str, Any]) -> str:
    """Give a variable's value as a regular expression of all that is chosen."""
    chosen = (variable.get("current") or {}).get("value", "")
    values = [str(each) for each in chosen] if isinstance(chosen, list) else [str(chosen)]
    if ALL in values:
        return str(variable.get("allValue") or ".*")
    return values[0] if len(values) == 1 else f"({'|'.join(values)})"


@dataclass(frozen=True)
class PanelQuery:
    """One PromQL query of a panel, its variables filled in, and the uid of the data source that it asks."""

    panel: str
    expression: str
    source: str


@dataclass(frozen=True)
class Dashboard:
    """A dashboard's title, and the PromQL queries of its panels."""

    title: str
    queries: tuple[PanelQuery, ...]


@dataclass(frozen=True)
class Shown:
    """What Grafana gives for a query: its series, or the error that a user would see on the panel."""

    series: tuple[Series, ...]
    error: str = ""


@dataclass(frozen=True)
class Grafana:
    """One Grafana; `transport` stands in for the network in tests.

    Every method but `health_findings` raises `Inconclusive` when it does not answer as Grafana does.
    """

    url: str
    user: str
    password: str = field(repr=False)
    timeout_s: float = 10.0
    transport: Any = field(default=None, repr=False)

    @classmethod
    def of(cls, target: Target) -> Grafana:
        """Give a target's own."""
        its = target.having("grafana").grafana
        return cls(its.url, its.user, its.password, target.http_timeout_s)

    @cached_property
    def _server(self) -> Server:
        keys, login = "the GRAFANA_* keys (GRAFANA_USER is api_key for a token)", (self.user, self.password)
        return Server("Grafana", self.url, keys, self.timeout_s, login=login, transport=self.transport)

    def health_findings(self) -> list[Finding]:
        """Name what is wrong with its health: no answer, another's answer, or a database that is not ok."""
        try:
            status, body = self._server.json("/api/health")
        except Inconclusive as error:
            return [Finding("not well", "Grafana", "an answer", str(error))]
        if status == httpx.codes.OK and isinstance(body, dict) and body.get("database") == "ok":
            return []
        expected = f'200 {{"database": "ok"}} of {self.url}/api/health'
        return [Finding("not well", "Grafana", expected, f"{status} {body}")]

    def document(self, uid: str) -> dict[str, Any] | None:
        """Fetch a dashboard as Grafana gives it; None when Grafana says that there is none with this uid."""
        path = f"/api/dashboards/uid/{uid}"
        status, body = self._server.json(path)
        if status == httpx.codes.NOT_FOUND:
            return None
        model = body.get("dashboard") if isinstance(body, dict) else None
        # One of the newest form (v2) has elements, and no panels.
        # guard: json-of-another-form
        if status != httpx.codes.OK or not isinstance(model, dict) or not {"panels", "rows"} & model.keys():
            found = f"no dashboard with panels but HTTP {status}: {cut(str(body), 200)}"
            raise self._server.odd(path, found)
        return dict(body)

    def dashboard(self, uid: str, interval_s: float) -> Dashboard | None:
        """Read a dashboard; None as for `document`.

        Args:
            uid: Its uid.
            interval_s: Put for Grafana's own interval variables.
        """
        document = self.document(uid)
        if document is None:
            return None
        return self._server.read(f"dashboard {uid}", lambda: self._of(document["dashboard"], interval_s))

    def _of(self, model: Mapping[str, Any], interval_s: float) -> Dashboard:
        variables = variables_of(model, interval_s)
        queries = (
            PanelQuery(str(panel.get("title") or panel.get("id")), filled(expression, variables), source)
            for panel in map(self._from_library, _panels(model))
            for expression, source in self._targets(panel, variables)
        )
        return Dashboard(str(model.get("title")), tuple(queries))

    def titles(self) -> list[str]:
        """Name the dashboards that there are, as `uid (title)`."""
        _, body = self._server.json("/api/search", params={"type": "dash-db"})
        return [f"{hit.get('uid')} ({hit.get('title')})" for hit in body] if isinstance(body, list) else []

    def shown(self, query: PanelQuery, start: float, end: float, step: float) -> Shown:
        """Ask a panel's query over a range (unix seconds), one point every `step` seconds."""
        asked = {
            "refId": "A",
            "datasource": {"uid": query.source, "type": "prometheus"},
            "expr": query.expression,
            "range": True,
            "instant": False,
            "intervalMs": round(step * 1000),
            "maxDataPoints": max(100, round((end - start) / step) + 1),
        }
        span = {"from": str(round(start * 1000)), "to": str(round(end * 1000))}
        path = "/api/ds/query"
        status, body = self._server.json(path, "POST", json={**span, "queries": [asked]})
        result = (body.get("results") or {}).get("A") if isinstance(body, dict) else None
        if not isinstance(result, dict):
            if status in (httpx.codes.BAD_REQUEST, httpx.codes.NOT_FOUND):
                return Shown((), f"{status} {body.get('message') if isinstance(body, dict) else body}")
            raise self._server.odd(path, f"HTTP {status}: {cut(str(body), 200)}")
        if error := result.get("error"):
            return Shown((), str(error))
        return self._server.read(path, lambda: Shown(tuple(filter(None, map(_series, result.get("frames") or ())))))

    def _from_library(self, panel: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give a panel itself, or what the library holds of one that is only named."""
        its = panel.get("libraryPanel")
        if not its or panel.get("targets"):
            return panel
        path = f"/api/library-elements/{its['uid']}"
        return {**self._server.json(path)[1]["result"]["model"], "title": panel.get("title") or its.get("name")}

    def _targets(self, panel: Mapping[str, Any], variables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Give expression and data source of a panel's PromQL queries; those of other sources are not ours."""
        for target in panel.get("targets") or ():
            if target.get("expr") and not target.get("hide"):
                kind, uid = self._source(target.get("datasource") or panel.get("datasource"), variables)
                if _PROMETHEUS in kind:
                    yield target["expr"], uid

    def _source(self, named: Any, variables: Mapping[str, str]) -> tuple[str, str]:
        """Give the kind and the uid of a data source: old dashboards have its name, and some a variable."""
        its = named if isinstance(named, dict) else {"uid": named}
        kind, uid = its.get("type") or "", filled(str(its.get("uid") or ""), variables)
        if kind and (_PROMETHEUS not in kind or (uid and uid == its.get("uid"))):
            return kind, uid
        known = [(str(each["type"]), str(each["uid"]), str(each.get("name"))) for each in self._sources]
        found = [each for each in known if uid and uid in each[1:]] or (known[:1] if not named else [])
        if not found and not (found := [each for each in known if _PROMETHEUS in each[0]]):
            raise self._server.odd("/api/datasources", "no Prometheus among its data sources")
        return found[0][:2]

    @cached_property
    def _sources(self) -> list[dict[str, Any]]:
        """Its data sources, the default one first."""
        _, body = self._server.json("/api/datasources")
        return sorted(body, key=lambda each: not each.get("isDefault"))


def _panels(model: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Give all panels, also those within rows; before Grafana 5 the rows were beside them."""
    for row in (model, *(model.get("rows") or ())):
        for panel in row.get("panels") or ():
            yield panel
            yield from panel.get("panels") or ()


def _series(frame: Mapping[str, Any]) -> Series:
    """Read one data frame: times in milliseconds; a value that is null is there, and is not a number."""
    fields = [each.get("type") for each in (frame.get("schema") or {}).get("fields") or ()]
    columns = (frame.get("data") or {}).get("values") or ()
    if "time" not in fields or len(columns) < 2:
        return ()
    times, values = columns[fields.index("time")], columns[1 - fields.index("time")]
    return [
        (at / 1000, float("nan") if value is None else float(value)) for at, value in zip(times, values, strict=True)
    ]


def slo_dashboard(target: Target) -> dict[str, Any]:
    """Fetch the JSON of the SLO dashboard, by its uid (pre.technical.5).

    Raises:
        Inconclusive: Grafana does not give it; the message has no password in it.
    """
    uid = target.grafana.dashboard_uid
    found = Grafana.of(target).document(uid)
    if not found or not (found["dashboard"].get("panels") or found["dashboard"].get("rows")):
        expected, keys = f"a dashboard with panels by the uid {uid}", "GRAFANA_DASHBOARD_UID of the target file"
        raise Inconclusive(f"Grafana at {place(target.grafana.url)}: expected {expected}, found none; check {keys}")
    return found
