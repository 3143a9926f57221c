"""Ask every part of a target whether it works, and store nothing (21_00.checklist.3, post.validation.1).

`/health` alone says little: the real service was seen to answer 200 with its database frozen. So each part is also
asked for something that it only knows if it works.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import httpx
import pymongo
from pymongo.errors import PyMongoError

from acceptance.finding import Finding, Severity
from acceptance.observe.alerting import Alerting
from acceptance.observe.health import health_fault, healthy_answer, is_healthy
from acceptance.observe.mongo import database
from acceptance.polling import poll
from acceptance.probes.clients import Clients
from acceptance.probes.homework.worker import LIST_PATH
from acceptance.probes.http.client import Called, brief
from acceptance.probes.reviews.pipeline import component_findings, unknown_task
from acceptance.redact import cut
from acceptance.target.model import ServiceKey, Target
from acceptance.verdict import Inconclusive

Probe = Callable[[Clients], list[Finding]]
"""Asks one part of a target; names what is wrong."""

NOBODY = "rev_00000000000000000000000000000000"


def _answers(name: str, url: Callable[[Target], str], path: str, holds: Mapping[str, object] | None = None) -> Probe:
    """Make a probe that expects 200 of a path, and a JSON object that holds what is given."""

    def probe(clients: Clients) -> list[Finding]:
        answer = clients.caller_of(url(clients.target)).get(path)
        return _unlike(name, answer, holds or {})

    return probe


def _unlike(name: str, answer: Called, holds: Mapping[str, object] | None = None) -> list[Finding]:
    exchange, payload = answer.exchange, answer.payload
    if exchange.status is None:
        return [_wrong(name, f"an answer of {exchange.url}", str(exchange.error))]
    if exchange.status != httpx.codes.OK:
        return [_wrong(name, f"200 from {exchange.url}", f"{exchange.status}: {cut(exchange.body, 200)}")]
    if holds and payload is None:
        return [_wrong(name, f"JSON from {exchange.url}", repr(cut(exchange.body, 80)))]
    held = not holds or (isinstance(payload, dict) and holds.items() <= payload.items())
    return [] if held else [_wrong(name, f"{dict(holds or {})} from {exchange.url}", cut(exchange.body, 200))]


def _health(key: ServiceKey) -> Probe:
    """Make a probe at a service's health. It may stay green with MongoDB frozen, so MongoDB is asked by itself."""

    def probe(clients: Clients) -> list[Finding]:
        service = clients.target.services[key]
        fault = health_fault(service, clients.target.http_timeout_s)
        return [_wrong(service.name, healthy_answer(service), fault)] if fault else []

    return probe


def _reviews(clients: Clients) -> list[Finding]:
    answer = unknown_task(clients.caller("api"), NOBODY).exchange
    good = answer.status == httpx.codes.NOT_FOUND and answer.detail
    expected = '404 {"detail": ...} of a review that does not exist'
    return [] if good else [_wrong("review API", expected, brief(answer))]


def _homework(clients: Clients) -> list[Finding]:
    student = clients.target.known.student
    answer = clients.caller("worker").get(LIST_PATH, student_id=student, days=7)
    good = answer.exchange.status == httpx.codes.OK and isinstance(answer.get("commits"), list)
    return [] if good else [_wrong("homework list", '200 {"commits": [...]}', brief(answer.exchange))]


def collection_findings(clients: Clients) -> list[Finding]:
    """Look in MongoDB for a collection that each Butler has.

    Raises:
        Inconclusive: It does not answer; whether it is away or the address is wrong, this does not tell.
    """
    with clients.database() as mongo:
        there, expected = mongo.there(), mongo["long_tasks"].name
    return [] if expected in there else [_wrong("MongoDB", expected, str(there or "nothing"))]


def _mongodb(clients: Clients) -> list[Finding]:
    try:
        return collection_findings(clients)
    except Inconclusive as error:
        return [_wrong("MongoDB", "its collections", str(error)), *_unaware(clients.target)]


def _unaware(target: Target) -> list[Finding]:
    """Name the services that say they are well while MongoDB is away; asked only where it is away by itself."""
    step = "see whether the service itself reaches MongoDB; if not, no alert on its health will ever tell"
    well = (each for each in target.services.values() if is_healthy(each, target.http_timeout_s))
    return [
        Finding(
            "health hides it",
            each.name,
            "a health that tells that MongoDB is away",
            healthy_answer(each),
            Severity.MEDIUM,
            step,
        )
        for each in well
    ]


def _prometheus(clients: Clients) -> list[Finding]:
    jobs = [service.job for service in clients.target.services.values()]
    try:
        down = poll(
            lambda: clients.prometheus.down_targets(jobs), lambda targets: not targets, clients.target.scrape_patience_s
        )
    except Inconclusive as error:
        return [_wrong("Prometheus", "its targets", str(error))]
    return [_wrong("Prometheus target", "it up", each) for each in down]


def _alertmanager(clients: Clients) -> list[Finding]:
    answer = clients.caller_of(clients.target.having("alertmanager").alertmanager_url).get("/api/v2/status")
    if not answer.get("versionInfo"):
        return [_wrong("Alertmanager", "its status", brief(answer.exchange))]
    return Alerting.of(clients.target).delivery_findings()


def _hw_checker(clients: Clients) -> list[Finding]:
    its = clients.target.having("hw-checker")
    caller = replace(clients.caller_of(its.hw_checker_url), names=its.hw_checker_names)
    return _unlike("HW checker", caller.get("/health"), {"status": "ok"})


INFRASTRUCTURE: Mapping[str, Probe] = {
    "hw-checker": _hw_checker,
    "prometheus": _prometheus,
    "alertmanager": _alertmanager,
    # One that cannot answer any query may say that it is ready.
    "loki": _answers("Loki", lambda its: its.having("loki").loki_url, "/loki/api/v1/labels", {"status": "success"}),
    # A login page with 200 is no answer.
    "grafana": _answers("Grafana", lambda its: its.having("grafana").grafana.url, "/api/health", {"database": "ok"}),
}
"""What each stage stands on, by name; the second half of `PARTS`."""
PARTS: Mapping[str, Probe] = {
    "bot-health": _health("bot"),
    "worker-health": _health("worker"),
    "api-health": _health("api"),
    "dialog-gateway": lambda clients: clients.butler.unserved(clients.target.known.student),
    "review-api": _reviews,
    "homework-list": _homework,
    "review-components": lambda clients: component_findings(clients.caller("worker")),
    "mongodb": _mongodb,
    **INFRASTRUCTURE,
}
"""All parts, by name."""


def _wrong(subject: str, expected: str, found: str) -> Finding:
    return Finding("not well", subject, expected, found)


def mongo_findings(target: Target, user_id: str) -> list[Finding]:
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
            removed = mongo["dialog_contexts"].delete_many({"session_id": user_id})
    except (Inconclusive, PyMongoError) as error:
        expected = f"to write and read a document in {target.http_timeout_s:g} s"
        return [Finding("not well", "MongoDB", expected, str(error), Severity.CRITICAL)]
    lost = [] if found == document else [Finding("not well", "MongoDB", f"the document {document} back", str(found))]
    return lost if removed == 1 else [*lost, Finding("not well", "MongoDB", "to remove 1 document", str(removed))]
