"""Ask Grafana by its current API: health, a dashboard by uid, and its panels' queries (post.validation.3).

The checklist's `/api/dashboards/db/` was removed, and a proxy's login page is 200 too: only JSON of the right form is
an answer. Panels are asked for through `POST /api/ds/query`, the way that a browser takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from acceptance import deadline
from acceptance.finding import Finding
from acceptance.gates.series import Series
from acceptance.redact import cut
from acceptance.target.model import Target
from acceptance.verdict import Inconclusive

ALL = "$__all"
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

    def health_findings(self) -> list[Finding]:
        """Name what is wrong with its health: no answer, another's answer, or a database that is not ok."""
        try:
            status, body = self._ask("GET", "/api/health")
        except Inconclusive as error:
            return [Finding("not well", "Grafana", "an answer", str(error))]
        if status == httpx.codes.OK and isinstance(body, dict) and body.get("database") == "ok":
            return []
        expected = f'200 {{"database": "ok"}} of {self.url}/api/health'
        return [Finding("not well", "Grafana", expected, f"{status} {body}")]

    def dashboard(self, uid: str, interval_s: float) -> Dashboard | None:
        """Read a dashboard; None when Grafana says that there is none with this uid.

        Args:
            uid: Its uid.
            interval_s: Put for Grafana's own interval variables.
        """
        status, body = self._ask("GET", f"/api/dashboards/uid/{uid}")
        if status == httpx.codes.NOT_FOUND:
            return None
        model = body.get("dashboard") if isinstance(body, dict) else None
        if status != httpx.codes.OK or not isinstance(model, dict):  # guard: json-of-another-form
            raise self._odd(f"dashboard {uid}", f"{status} {cut(str(body), 200)}")
        try:
            variables = variables_of(model, interval_s)
            queries = tuple(
                PanelQuery(str(panel.get("title") or panel.get("id")), filled(expression, variables), source)
                for panel in _panels(model)
                for expression, source in self._targets(panel)
            )
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise self._odd(f"dashboard {uid}", f"a model of another form ({error})") from error
        return Dashboard(str(model.get("title")), queries)

    def titles(self) -> list[str]:
        """Name the dashboards that there are, as `uid (title)`."""
        _, body = self._ask("GET", "/api/search", params={"type": "dash-db"})
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
        status, body = self._ask("POST", "/api/ds/query", json={**span, "queries": [asked]})
        result = (body.get("results") or {}).get("A") if isinstance(body, dict) else None
        if not isinstance(result, dict):
            if status in (httpx.codes.BAD_REQUEST, httpx.codes.NOT_FOUND):
                return Shown((), f"{status} {body.get('message') if isinstance(body, dict) else body}")
            raise self._odd("/api/ds/query", f"{status} {cut(str(body), 200)}")
        if error := result.get("error"):
            return Shown((), str(error))
        try:
            return Shown(tuple(filter(None, map(_series, result.get("frames") or ()))))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise self._odd("/api/ds/query", f"frames of another form ({error})") from error

    def _targets(self, panel: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Give expression and data source of a panel's PromQL queries; those of other sources are not ours."""
        for target in panel.get("targets") or ():
            source = target.get("datasource") or panel.get("datasource")
            kind = source.get("type", "prometheus") if isinstance(source, dict) else "prometheus"
            if target.get("expr") and kind == "prometheus" and not target.get("hide"):
                uid = source.get("uid", "") if isinstance(source, dict) else ""
                yield target["expr"], uid if uid and "$" not in uid else self._default_source()

    def _default_source(self) -> str:
        _, body = self._ask("GET", "/api/datasources")
        sources = [each for each in body if each.get("type") == "prometheus"] if isinstance(body, list) else []
        for each in sorted(sources, key=lambda each: not each.get("isDefault")):
            return str(each["uid"])
        raise self._odd("/api/datasources", "no Prometheus among its data sources")

    def _ask(self, method: str, path: str, **what: Any) -> tuple[int, Any]:
        try:
            login = (self.user, self.password)
            with deadline.client(self.timeout_s, transport=self.transport, auth=login) as client:
                answer = client.request(method, self.url.rstrip("/") + path, **what)
            body = answer.json()
        except httpx.HTTPError as error:
            raise self._odd(path, f"{type(error).__name__}: {error}") from error
        except ValueError:  # guard: grafana-that-answers-with-html
            kind = answer.headers.get("content-type", "no type")
            found = f"{answer.status_code} with {kind} instead of JSON: {cut(answer.text, 80)!r}"
            raise self._odd(path, found) from None
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise self._odd(path, f"{answer.status_code}: GRAFANA_USER and GRAFANA_PASSWORD are not taken")
        return answer.status_code, body

    def _odd(self, path: str, found: str) -> Inconclusive:
        return Inconclusive(
            f"Grafana at {self.url} did not answer «{path}»: {found}; "
            "check that it runs and the GRAFANA_* keys of the target file"
        )


def _panels(model: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Give all panels, also those within rows."""
    for panel in model.get("panels") or ():
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
    url = f"{target.having('grafana').grafana.url}/api/dashboards/uid/{target.grafana.dashboard_uid}"
    try:
        login = (target.grafana.user, target.grafana.password)
        with deadline.client(target.http_timeout_s, auth=login) as client:
            answer = client.get(url)
        found: dict[str, Any] = answer.raise_for_status().json()
        if not found["dashboard"].get("panels"):
            raise Inconclusive(f"{url}: expected a dashboard with panels, found none")
    except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Inconclusive(
            f"{url}: expected the dashboard's JSON, found {type(error).__name__}: {error}; "
            "check GRAFANA_URL, GRAFANA_PASSWORD and GRAFANA_DASHBOARD_UID of the target file"
        ) from error
    return found
