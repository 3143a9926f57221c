"""A smoke test of every part that can be asked without leaving a trace (post.validation.1).

``/health`` alone says little: the real service was seen to answer 200 with its database frozen. So each part is also
asked for something that it only knows if it works.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import httpx
from pymongo.errors import PyMongoError

from acceptance.conduct.testdata import database
from acceptance.observe.grafana import Grafana
from acceptance.observe.prometheus import Prometheus
from acceptance.probes.calls import Caller
from acceptance.probes.components import component_findings
from acceptance.probes.hw_checker import HwChecker
from acceptance.target.model import ServiceKey, Target
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
