"""Check that an alert would reach somebody: rules are evaluated, Alertmanager takes alerts, and they are not silenced.

Source: checklist items post.validation.2 and trigger.7. That no alert fires says something only where one could.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from acceptance import deadline
from acceptance.finding import Finding
from acceptance.observe.prometheus import server_of
from acceptance.observe.server import TENANT, Server, place
from acceptance.polling import poll
from acceptance.target.model import Target
from acceptance.target.parts import RULES, absent
from acceptance.target.window import Interval
from acceptance.verdict import Inconclusive

Read = TypeVar("Read")

LATE_S = 300
"""A rule that was last evaluated so long ago, and three of its intervals, is not evaluated any more."""
DISCOVERY_S = 6.0
"""For so long Prometheus may know no Alertmanager after its configuration was read anew: it looks each 5 s."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_COUNT = re.compile(r'(?m)^prometheus_notifications_(sent|errors)_total(?:{.*?alertmanager="([^"]*)".*})? (\S+)')


@dataclass(frozen=True)
class Alerting:
    """The alerts of one Prometheus, and their way to Alertmanager.

    Attributes:
        prometheus: Whom to ask.
        job_label: By which the alerts tell the services apart.
        has_rules: Whether it tells its rules; else the target file says that it does not.
    """

    prometheus: Server
    job_label: str = "job"
    has_rules: bool = True

    @classmethod
    def of(cls, target: Target) -> Alerting:
        """Make it for a target's Prometheus."""
        return cls(server_of(target), target.metrics.labels.get("job", "job"), RULES not in target.absent)

    def rule_findings(self, watched_s: float) -> list[Finding]:
        """Name the alerting rules that are not evaluated, or say that all are evaluated too seldom to fire in a soak.

        A single one that is seldom evaluated may be another team's.

        Args:
            watched_s: How long a stage is watched, in seconds.

        Raises:
            NotApplicable: The target file says that it does not tell its rules.
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

    def _active(self) -> list[str]:
        """Name the Alertmanagers that Prometheus knows now."""
        return self._data("alertmanagers", lambda data: [str(each["url"]) for each in data["activeAlertmanagers"]])

    def delivery_findings(self) -> list[Finding]:
        """Say why a firing alert does not reach Alertmanager: there is none, or it never took one.

        Raises:
            Inconclusive: Prometheus does not say.
        """
        active = poll(self._active, bool, DISCOVERY_S)
        refusing = [url for url in active if self._refuses(url)]
        told = ""
        if len(refusing) == len(active):
            told = f"nobody listens at {', '.join(map(place, active))}" if active else "none in its configuration"
        elif (lost := self._lost()) and all(url in lost for url in active):
            told = " and ".join(f"none of {lost[url]:g} alerts was taken by {place(url)}" for url in active)
        step = "correct `alerting` in the configuration of Prometheus, for nobody is told of an alert"
        expected = "an Alertmanager that takes those of Prometheus"
        return [Finding("not delivered", "alerts", expected, told, next_step=step)] if told else []

    def _lost(self) -> dict[str, float]:
        """Give how many alerts were sent, by the Alertmanager that took none; one of before may be among them."""
        found = _COUNT.findall(self.prometheus.ask("/metrics").text)
        if not found:
            raise self.prometheus.odd("/metrics", "no prometheus_notifications_sent_total, by which it counts alerts")
        counts = self.prometheus.read("/metrics", lambda: {(kind, url): float(count) for kind, url, count in found})
        refused = {url: count for (kind, url), count in counts.items() if kind == "errors"}
        return {url: n for (kind, url), n in counts.items() if kind == "sent" and 0 < n <= refused.get(url, 0)}

    def silence_findings(self, alertmanager_url: str, jobs: Collection[str], window: Interval) -> list[Finding]:
        """Say that every alert of these jobs is silenced at a moment of the window; some are no finding.

        Args:
            alertmanager_url: Whom to ask.
            jobs: Of the services.
            window: What is left of the maintenance window in hand, or the next one, which a silence may be planned for.

        Raises:
            NotApplicable: The target file says that Prometheus does not tell its rules.
            Inconclusive: Prometheus or Alertmanager does not answer.
        """
        silences, now = self._silences(alertmanager_url), time.time()
        begin, end = max(window.start.timestamp(), now), window.end.timestamp()
        begins = {max(begin, _unix(each.get("startsAt"), now)) for each in silences}
        at_once = [[each for each in silences if _holds(each, moment)] for moment in sorted(begins) if moment < end]
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
        pending = [str(each.get("startsAt")) for each in ours if each["status"]["state"] == "pending"]
        planned = f"from {max(pending)} " if pending else ""
        told = f"all silent, {planned}until {last.get('endsAt')}: {last.get('comment') or 'no reason is given'}"
        step = "expire the silence, or see that it ends before the window"
        return [Finding("silent", "alerts", "one that somebody is told of", told, next_step=step)]

    def _rules(self) -> list[tuple[dict[str, Any], float]]:
        """Give each alerting rule, and how often it is evaluated, in seconds."""
        if not self.has_rules:
            raise absent(RULES)
        rules = self._data("rules", _with_intervals, RULES, type="alert")
        if not rules:
            told = "has no alerting rule: that none fires says nothing; load the rules"
            raise Inconclusive(f"Prometheus at {place(self.prometheus.url)} {told}")
        return rules

    def _silences(self, alertmanager_url: str) -> list[dict[str, Any]]:
        path, keys = "/api/v2/silences", "ALERTMANAGER_URL (PROMETHEUS_TENANT)"
        tenant = {name: value for name, value in self.prometheus.headers.items() if name == TENANT}
        server = replace(self.prometheus, name="Alertmanager", url=alertmanager_url, keys=keys, headers=tenant)
        _, answer = server.json(path)
        return server.read(
            path,
            lambda: [each for each in answer if isinstance(each["status"]["state"], str) and iter(each["matchers"])],
        )

    def _refuses(self, url: str) -> bool:
        """Tell whether surely nobody listens; a loopback address can be tried only on Prometheus' own host."""
        if urlsplit(url).hostname in LOOPBACK and urlsplit(self.prometheus.url).hostname not in LOOPBACK:
            return False
        try:
            its = self.prometheus
            with deadline.client(its.timeout_s, transport=its.transport, verify=False) as client:
                client.get(url)
        except httpx.ConnectError as error:
            return "refused" in str(error).lower()
        except httpx.HTTPError:
            return False
        return False

    def _data(self, what: str, reads: Callable[[Any], Read], absent: str = "alertmanager", **parameters: str) -> Read:
        path, its = f"/api/v1/{what}", self.prometheus
        return its.read(path, lambda: reads(its.data(path, absent, **parameters)))


def _with_intervals(data: Any) -> list[tuple[dict[str, Any], float]]:
    rules = [(rule, float(group.get("interval", 0))) for group in data["groups"] for rule in group["rules"]]
    # A server may not know the parameter, and give its recording rules too.
    return [(rule, every_s) for rule, every_s in rules if rule["name"] and rule.get("type", "alerting") == "alerting"]


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


def own_alerts(alerts: set[str], target: Target) -> list[str]:
    """Pick the alerts that concern Butler: of its jobs, or of no job at all."""
    jobs = {service.job for service in target.services.values()}
    return sorted(alert for alert in alerts if "job=" not in alert or any(f"job={job}" in alert for job in jobs))
