"""A smoke test of every part that can be asked without leaving a trace (post.validation.1).

``/health`` alone says little: the real service was seen to answer 200 with its database frozen. So each part is also
asked for something that it only knows if it works.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pymongo
from pymongo.errors import PyMongoError

from acceptance.observe.grafana import Grafana
from acceptance.observe.mongo import database
from acceptance.observe.prometheus import Prometheus
from acceptance.probes.homework.hw_checker import HwChecker
from acceptance.probes.http.client import Caller
from acceptance.probes.reviews.pipeline import component_findings
from acceptance.target.model import Service, ServiceKey, Target
from acceptance.verdict import Inconclusive

#: Looks at one part of a target, its calls under trace ids with this prefix; names what is wrong.
Look = Callable[[Target, str], list[str]]

NOBODY = "rev_00000000000000000000000000000000"


def _health(key: ServiceKey) -> Look:
    def look(target: Target, trace: str) -> list[str]:
        answer = _caller(target, trace, target.services[key].url).get("/health").exchange
        return [] if answer.status == httpx.codes.OK else [f"expected 200, found: {answer.explain()}"]

    return look


def _dialog(target: Target, trace: str) -> list[str]:
    body = {"user_id": target.known.student, "message": ""}
    answer = _caller(target, trace, target.services["bot"].url).post("/api/v1/dialog/messages", body).exchange
    return [] if answer.refused else [f"expected a message without text to be refused, found: {answer.explain()}"]


def _reviews(target: Target, trace: str) -> list[str]:
    answer = _caller(target, trace, target.services["api"].url).get(f"/api/v1/reviews/{NOBODY}").exchange
    good = answer.status == httpx.codes.NOT_FOUND and answer.detail
    return (
        [] if good else [f'expected 404 {{"detail": ...}} of a review that does not exist, found: {answer.explain()}']
    )


def _homework(target: Target, trace: str) -> list[str]:
    student = target.known.student
    answer = _caller(target, trace, target.services["worker"].url).get("/homework/list", student_id=student, days=7)
    good = answer.exchange.status == httpx.codes.OK and isinstance(answer.get("commits"), list)
    return [] if good else [f'expected 200 {{"commits": [...]}}, found: {answer.exchange.explain()}']


def _components(target: Target, trace: str) -> list[str]:
    return component_findings(_caller(target, trace, target.services["worker"].url))


def _hw_checker(target: Target, _: str) -> list[str]:
    return HwChecker.of(target).health_findings()


def _mongodb(target: Target, _: str) -> list[str]:
    with database(target) as mongo:
        try:
            names = set(mongo.list_collection_names())
        except PyMongoError as error:
            return [f"MongoDB: expected its collections, found {type(error).__name__}"]
    return [] if "long_tasks" in names else [f"expected {mongo.name}.long_tasks, found {sorted(names) or 'nothing'}"]


def _prometheus(target: Target, _: str) -> list[str]:
    try:
        down = Prometheus(target.prometheus_url, target.http_timeout_s).down_targets()
    except Inconclusive as error:
        return [str(error)]
    return [f"expected it up, found: {each}" for each in down]


def _alertmanager(target: Target, trace: str) -> list[str]:
    answer = _caller(target, trace, target.alertmanager_url).get("/api/v2/status")
    return [] if answer.get("versionInfo") else [f"expected its status, found: {answer.exchange.explain()}"]


def _loki(target: Target, trace: str) -> list[str]:
    answer = _caller(target, trace, target.loki_url).get("/loki/api/v1/labels")
    good = answer.exchange.status == httpx.codes.OK and answer.get("status") == "success"
    return [] if good else [f'expected 200 {{"status":"success"}}, found: {answer.exchange.explain()}']


def _grafana(target: Target, _: str) -> list[str]:
    its = target.grafana
    return Grafana(its.url, its.user, its.password, target.http_timeout_s).health_findings()


SMOKE: Mapping[str, Look] = {
    "bot-health": _health("bot"),
    "worker-health": _health("worker"),
    "api-health": _health("api"),
    "dialog-gateway": _dialog,
    "review-api": _reviews,
    "homework-list": _homework,
    "review-components": _components,
    "hw-checker": _hw_checker,
    "mongodb": _mongodb,
    "prometheus": _prometheus,
    "alertmanager": _alertmanager,
    "loki": _loki,
    "grafana": _grafana,
}
"""All parts, by name."""


def _caller(target: Target, trace: str, url: str) -> Caller:
    return Caller(url, target.http_timeout_s, target.trace_header, trace)


Faults = list[str]


def http_faults(name: str, url: str, timeout_s: float, expected: dict[str, Any] | None = None) -> Faults:
    """Ask for ``url``: expects 200, and, where ``expected`` is given, a JSON object that holds it."""
    try:
        answer = httpx.get(url, timeout=timeout_s)
    except httpx.HTTPError as error:
        return [f"{name}: expected an answer of {url}, found {type(error).__name__}: {error}"]
    if answer.status_code != httpx.codes.OK:
        return [f"{name}: expected 200 from {url}, found {answer.status_code}: {answer.text[:200]}"]
    if expected is None:
        return []
    try:
        found = answer.json()
    except ValueError:
        return [f"{name}: expected JSON from {url}, found {answer.text[:80]!r}"]
    held = isinstance(found, dict) and expected.items() <= found.items()
    return [] if held else [f"{name}: expected {expected} from {url}, found {answer.text[:200]}"]


def prometheus_faults(target: Target) -> Faults:
    """Ask whether Prometheus is ready to serve queries."""
    return http_faults("Prometheus", f"{target.prometheus_url}/-/ready", target.http_timeout_s)


def alertmanager_faults(target: Target) -> Faults:
    """Ask whether Alertmanager is ready."""
    return http_faults("Alertmanager", f"{target.alertmanager_url}/-/ready", target.http_timeout_s)


def grafana_faults(target: Target) -> Faults:
    """Ask whether Grafana reaches its database; a login page with 200 is no answer."""
    return http_faults("Grafana", f"{target.grafana.url}/api/health", target.http_timeout_s, {"database": "ok"})


def loki_faults(target: Target) -> Faults:
    """Ask Loki a query: one that cannot answer any may say that it is ready."""
    url = f"{target.loki_url}/loki/api/v1/labels"
    return http_faults("Loki", url, target.http_timeout_s, {"status": "success"})


def hw_checker_faults(target: Target) -> Faults:
    """Ask whether the HW checker is well."""
    return http_faults("HW checker", f"{target.hw_checker_url}/health", target.http_timeout_s, {"status": "ok"})


def service_faults(service: Service, timeout_s: float) -> Faults:
    """Ask a service for its health. It may stay green with MongoDB frozen, so MongoDB is asked by itself."""
    return http_faults(service.name, f"{service.url}/health", timeout_s)


def mongo_faults(target: Target, user_id: str) -> Faults:
    """Write, read and remove a dialog context of a test user, each within the HTTP time-out: a ping alone lies.

    Args:
        target: Whose MongoDB.
        user_id: Of the test user; what it owns is removed at the end of the run too.
    """
    document = {"session_id": user_id, "user_id": user_id, "state": "ops_probe", "data": {}, "step_count": 0}
    try:
        with pymongo.timeout(target.http_timeout_s), database(target) as mongo:
            mongo.client.admin.command("ping")
            mongo["dialog_contexts"].insert_one(dict(document))
            found = mongo["dialog_contexts"].find_one({"session_id": user_id}, {"_id": False})
            removed = mongo["dialog_contexts"].delete_one({"session_id": user_id}).deleted_count
    except (Inconclusive, PyMongoError) as error:
        return [f"MongoDB: expected to write and read a document in {target.http_timeout_s:g} s, found: {error}"]
    faults = [] if found == document else [f"MongoDB: expected the document {document} back, found {found}"]
    return faults if removed == 1 else [*faults, f"MongoDB: expected to remove 1 document, removed {removed}"]


#: What is asked for, by a readable name; the services are asked one by one.
PARTS: dict[str, Callable[[Target], Faults]] = {
    "prometheus": prometheus_faults,
    "alertmanager": alertmanager_faults,
    "grafana": grafana_faults,
    "loki": loki_faults,
    "hw-checker": hw_checker_faults,
}


def dashboard(target: Target) -> dict[str, Any]:
    """Fetch the SLO dashboard by its uid, by the current API (pre.technical.5).

    Raises:
        Inconclusive: Grafana does not give it; the message has no password in it.
    """
    url = f"{target.grafana.url}/api/dashboards/uid/{target.grafana.dashboard_uid}"
    try:
        answer = httpx.get(url, auth=(target.grafana.user, target.grafana.password), timeout=target.http_timeout_s)
        found: dict[str, Any] = answer.raise_for_status().json()
        if not found["dashboard"].get("panels"):
            raise Inconclusive(f"{url}: expected a dashboard with panels, found none")
    except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Inconclusive(
            f"{url}: expected the dashboard's JSON, found {type(error).__name__}: {error}; "
            "check GRAFANA_URL, GRAFANA_PASSWORD and GRAFANA_DASHBOARD_UID of the target file"
        ) from error
    return found


def own_alerts(alerts: set[str], target: Target) -> list[str]:
    """Pick the alerts that concern Butler: of its jobs, or of no job at all."""
    jobs = {service.job for service in target.services.values()}
    return sorted(alert for alert in alerts if "job=" not in alert or any(f"job={job}" in alert for job in jobs))
