"""Is what Butler stands on really there? Each part is asked for something that only a working one can answer.

Every function gives a list of faults, empty when all is well: here an outage is the finding, not an obstacle to one.
Source: checklist items 21_00.checklist.3 and .5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pymongo
from pymongo.errors import PyMongoError

from acceptance.conduct.testdata import database
from acceptance.target.model import Service, Target
from acceptance.verdict import Inconclusive

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
