"""Check that an alert would reach somebody: rules are evaluated, Alertmanager takes alerts, and they are not silenced.

Source: checklist items post.validation.2 and trigger.7. That no alert fires says something only where one could.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from acceptance import deadline
from acceptance.finding import Finding
from acceptance.target.model import Target
from acceptance.target.window import Interval
from acceptance.verdict import Inconclusive

Read = TypeVar("Read")

LATE_S = 300
"""A rule that was last evaluated so long ago, and three of its intervals, is not evaluated any more."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_COUNT = re.compile(r"(?m)^prometheus_notifications_(sent|errors)_total(?:{.*})? (\S+)$")


@dataclass(frozen=True)
class Alerting:
    """Prometheus and Alertmanager, by their addresses.

    Attributes:
        prometheus_url: Of Prometheus; may hold a login.
        timeout_s: Of one question.
        job_label: By which the alerts tell the services apart.
        transport: Stands in for the network in tests.
    """

    prometheus_url: str = field(repr=False)
    timeout_s: float
    job_label: str = "job"
    transport: Any = field(default=None, repr=False)

    @classmethod
    def of(cls, target: Target) -> Alerting:
        """Make it for a target's Prometheus."""
        return cls(target.prometheus_url, target.http_timeout_s, target.metrics.labels.get("job", "job"))

    def rule_findings(self, watched_s: float) -> list[Finding]:
        """Name the alerting rules that are not evaluated, or say that all are evaluated too seldom to fire in a soak.

        A single one that is seldom evaluated may be another team's.

        Args:
            watched_s: How long a stage is watched, in seconds.

        Raises:
            Inconclusive: Prometheus does not answer, or has no alerting rule.
        """
        now, found, rules = time.time(), list[Finding](), self._rules()
        often = min(interval_s for _, interval_s in rules)
        if often > watched_s:
            found.append(_not_evaluated("every alert", f"one each {watched_s:g} s at least", f"each {often:g} s"))
        for rule, interval_s in rules:
            about, age = f"alert {rule['name']}", now - _unix(rule.get("lastEvaluation"), now)
            if rule.get("health") == "err":
                found.append(_not_evaluated(about, "it to be evaluated", rule.get("lastError") or rule["health"]))
            elif age > max(LATE_S, 3 * interval_s):
                found.append(_not_evaluated(about, f"each {interval_s:g} s", f"{age:.0f} s ago for the last time"))
        return found

    def delivery_findings(self) -> list[Finding]:
        """Say why a firing alert does not reach Alertmanager: there is none, or it never took one.

        Raises:
            Inconclusive: Prometheus does not say.
        """
        active = self._data("alertmanagers", lambda data: [str(each["url"]) for each in data["activeAlertmanagers"]])
        refusing = [url for url in active if self._refuses(url)]
        counted = _COUNT.findall(self._get("/metrics").text)
        counts = self._read("its metrics", lambda: {kind: float(value) for kind, value in counted})
        sent, failed = counts.get("sent", 0.0), counts.get("errors", 0.0)
        told = ""
        if len(refusing) == len(active):
            told = f"nobody listens at {', '.join(map(_place, active))}" if active else "none in its configuration"
        elif len(active) == 1 and 0 < sent <= failed:
            told = f"none of {sent:g} alerts was taken by {_place(active[0])}"
        step = "correct `alerting` in the configuration of Prometheus, for nobody is told of an alert"
        expected = "an Alertmanager that takes those of Prometheus"
        return [Finding("not delivered", "alerts", expected, told, next_step=step)] if told else []

    def silence_findings(self, alertmanager_url: str, jobs: Collection[str], window: Interval) -> list[Finding]:
        """Say that every alert of these jobs is silenced, now or at a moment of the window; some are no finding.

        Args:
            alertmanager_url: Whom to ask.
            jobs: Of the services.
            window: The maintenance window in hand, or the next one: a silence may be planned for just that time.

        Raises:
            Inconclusive: Prometheus or Alertmanager does not answer.
        """
        silences, now = self._silences(alertmanager_url), time.time()
        begin, end = max(window.start.timestamp(), now), window.end.timestamp()
        later = {max(begin, _unix(each.get("startsAt"), now)) for each in silences}
        at_once = [[each for each in silences if each["status"]["state"] == "active"]]
        at_once += [[each for each in silences if _holds(each, moment)] for moment in sorted(later) if moment < end]
        alerts = [
            {self.job_label: job, **(rule.get("labels") or {}), "alertname": rule["name"]}
            for rule, _ in self._rules()
            for job in jobs
        ]
        silent = [them for them in at_once if all(any(_silent(alert, each) for each in them) for alert in alerts)]
        if not silent:
            return []
        ours = [each for each in silent[0] if any(_silent(alert, each) for alert in alerts)]
        last = max(ours, key=lambda each: str(each.get("endsAt")))
        begins = [str(each.get("startsAt")) for each in ours if each["status"]["state"] == "pending"]
        planned = f"from {max(begins)} " if begins else ""
        told = f"all silent, {planned}until {last.get('endsAt')}: {last.get('comment') or 'no reason is given'}"
        step = "expire the silence, or see that it ends before the window"
        return [Finding("silent", "alerts", "one that somebody is told of", told, next_step=step)]

    def _rules(self) -> list[tuple[dict[str, Any], float]]:
        """Give each alerting rule, and how often it is evaluated, in seconds."""
        rules = self._data("rules", _with_intervals, type="alert")
        if not rules:
            told = "has no alerting rule: that none fires says nothing; load the rules"
            raise Inconclusive(f"Prometheus at {_place(self.prometheus_url)} {told}")
        return rules

    def _silences(self, alertmanager_url: str) -> list[dict[str, Any]]:
        try:
            with deadline.client(self.timeout_s, transport=self.transport) as client:
                answer = client.get(f"{alertmanager_url.rstrip('/')}/api/v2/silences").raise_for_status().json()
            return [each for each in answer if isinstance(each["status"]["state"], str) and iter(each["matchers"])]
        except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
            told = f"did not give its silences ({type(error).__name__}); check ALERTMANAGER_URL of the target file"
            raise Inconclusive(f"Alertmanager at {_place(alertmanager_url)} {told}") from error

    def _refuses(self, url: str) -> bool:
        """Tell whether surely nobody listens; a loopback address can be tried only on Prometheus' own host."""
        if urlsplit(url).hostname in LOOPBACK and urlsplit(self.prometheus_url).hostname not in LOOPBACK:
            return False
        try:
            with deadline.client(self.timeout_s, transport=self.transport, verify=False) as client:
                client.get(url)
        except httpx.ConnectError as error:
            return "refused" in str(error).lower()
        except httpx.HTTPError:
            return False
        return False

    def _data(self, what: str, reads: Callable[[Any], Read], **parameters: str) -> Read:
        answer = self._get(f"/api/v1/{what}", **parameters)
        return self._read(f"its {what}", lambda: reads(answer.json()["data"]))

    def _read(self, what: str, reads: Callable[[], Read]) -> Read:
        try:
            return reads()
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise self._odd(what, error) from error

    def _get(self, path: str, **parameters: str) -> httpx.Response:
        try:
            with deadline.client(self.timeout_s, transport=self.transport) as client:
                return client.get(f"{self.prometheus_url.rstrip('/')}{path}", params=parameters)
        except httpx.HTTPError as error:
            raise self._odd(path, error) from error

    def _odd(self, what: str, error: Exception) -> Inconclusive:
        told = f"did not give {what} ({type(error).__name__}); check that it runs and PROMETHEUS_URL of the target file"
        return Inconclusive(f"Prometheus at {_place(self.prometheus_url)} {told}")


def _with_intervals(data: Any) -> list[tuple[dict[str, Any], float]]:
    rules = [(rule, float(group.get("interval", 0))) for group in data["groups"] for rule in group["rules"]]
    return [(rule, interval_s) for rule, interval_s in rules if rule["name"]]


def _not_evaluated(subject: str, expected: str, found: str) -> Finding:
    return Finding("not evaluated", subject, expected, found)


def _holds(silence: Mapping[str, Any], moment: float) -> bool:
    """Tell whether a silence is, or will be, in force at a moment, unix seconds."""
    begin, end = _unix(silence.get("startsAt"), moment), _unix(silence.get("endsAt"), math.inf)
    return silence["status"]["state"] != "expired" and begin <= moment < end


def _silent(alert: Mapping[str, str], silence: Mapping[str, Any]) -> bool:
    return all(_matches(alert, matcher) for matcher in silence["matchers"])


def _matches(alert: Mapping[str, str], matcher: Mapping[str, Any]) -> bool:
    """Tell whether a matcher fits an alert; a label that only a firing alert has counts as `?`."""
    value, pattern = alert.get(str(matcher["name"]), "?"), str(matcher["value"])
    try:
        equal = bool(re.fullmatch(pattern, value)) if matcher.get("isRegex") else pattern == value
    except re.error as error:
        told = f"expected silences that can be read, found the pattern {pattern!r} ({error}) of label {matcher['name']}"
        raise Inconclusive(f"{told}; see in Alertmanager whether it silences an alert of ours") from error
    return equal is bool(matcher.get("isEqual", True))


def _unix(moment: Any, default: float) -> float:
    """Read a time of the API; the year 1 stands for a rule that was not evaluated yet."""
    try:
        read = datetime.fromisoformat(str(moment)).timestamp()
    except (ValueError, OverflowError):
        return default
    return read if read > 0 else default


def _place(url: str) -> str:
    """Give an address without the login in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port}" if parts.port else f"{parts.scheme}://{parts.hostname}"


def own_alerts(alerts: set[str], target: Target) -> list[str]:
    """Pick the alerts that concern Butler: of its jobs, or of no job at all."""
    jobs = {service.job for service in target.services.values()}
    return sorted(alert for alert in alerts if "job=" not in alert or any(f"job={job}" in alert for job in jobs))
