"""Alerting: that no alert fires says something only where one is evaluated, delivered and not silent."""

import time
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest

from acceptance.finding import summary
from acceptance.observe.alerting import Alerting
from acceptance.observe.server import Server
from acceptance.target.window import Interval
from acceptance.verdict import Inconclusive, NotApplicable

JOBS = ("butler-bot", "butler-api")
WATCHED_S = 600


def rule(name="Up", health="ok", ago=1.0, **more):
    at = datetime.fromtimestamp(time.time() - ago, UTC).isoformat(timespec="microseconds").replace("+00:00", "123Z")
    return {"name": name, "health": health, "lastEvaluation": at, "labels": {"severity": "critical"}} | more


def silence(*matchers, state="active", **planned):
    names = ("name", "value", "isRegex", "isEqual")
    told = [dict(zip(names, matcher, strict=True)) for matcher in matchers]
    until = {"endsAt": "2100-01-02T05:00:00Z", "comment": "night", **planned}
    return {"status": {"state": state}, "matchers": told, **until}


def alerting(*rules, interval=15, active=("http://alerts:9093",), counts=(0, 0), silences=(), refused=False, **more):
    groups = [{"interval": interval, "rules": list(rules or (rule(),))}]
    alertmanagers = {"activeAlertmanagers": [{"url": f"{each}/api/v2/alerts"} for each in active]}
    sent, errors = (
        f'prometheus_notifications_{kind}_total{{alertmanager="{active[0] if active else ""}/api/v2/alerts"}} {count}\n'
        for kind, count in zip(("sent", "errors"), counts, strict=True)
    )
    answers = {
        "/api/v1/rules": {"json": {"status": "success", "data": {"groups": groups}}},
        "/api/v1/alertmanagers": {"json": {"status": "success", "data": alertmanagers}},
        "/metrics": {"text": f"# HELP x\n{sent}{errors}"},
        "/api/v2/silences": {"json": list(silences)},
        "/api/v2/alerts": {"json": []},
    }

    def answer(request):
        if refused and request.url.path == "/api/v2/alerts":
            raise httpx.ConnectError("[Errno 111] Connection refused")
        return httpx.Response(**({"status_code": 200} | {**answers, **more}[request.url.path]))

    return Alerting(
        Server("Prometheus", "http://me:secret@prometheus:9090", "KEY", transport=httpx.MockTransport(answer))
    )


@pytest.mark.parametrize(
    ("interval", "told", "words"),
    [
        (15, {}, ""),
        (15, {"health": "err", "lastError": "many-to-many"}, "many-to-many"),
        (3600, {}, "one each 600 s at least, found each 3600 s"),
        (60, {"ago": 3000}, "s ago for the last time"),
        (1, {"ago": 250}, ""),
        (15, {"health": "unknown", "lastEvaluation": "0001-01-01T00:00:00Z"}, ""),
    ],
    ids=["good", "error", "once an hour", "stopped", "late", "not yet"],
)
def test_rule_that_is_not_evaluated_is_named(interval, told, words):
    found = alerting(rule(**told), interval=interval).rule_findings(WATCHED_S)
    assert (bool(found), words in summary(found)) == (bool(words), True)


def test_one_rule_that_is_seldom_evaluated_may_be_of_others():
    groups = [{"interval": each, "rules": [rule(f"Every{each}")]} for each in (15, 3600)]
    seen = alerting(**{"/api/v1/rules": {"json": {"status": "success", "data": {"groups": groups}}}})
    assert seen.rule_findings(WATCHED_S) == []


GROUPS = {"groups": [{"interval": 15, "rules": [rule()]}]}
RECORDING = {"groups": [{"interval": 15, "rules": [rule(type="recording")]}]}


@pytest.mark.parametrize(
    "answer",
    [{"json": {"status": "success", "data": each}} for each in ({"groups": []}, RECORDING, {"groups": [{}]}, {}, None)]
    + [{"json": {"status": "success", "data": GROUPS, "warnings": ["a store is away"]}}, {"text": "no"}],
    ids=["no rules", "others", "no groups", "nothing", "null", "partial", "no JSON"],
)
def test_no_rules_are_inconclusive(answer):
    with pytest.raises(Inconclusive, match="prometheus:9090") as told:
        alerting(**{"/api/v1/rules": answer}).rule_findings(WATCHED_S)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (alerting(), ""),
        (alerting(active=()), "none in its configuration"),
        (alerting(refused=True), "nobody listens at http://alerts:9093"),
        (alerting(refused=True, active=("http://127.0.0.1:9093",)), ""),
        (alerting(counts=(7, 7)), "none of 7 alerts was taken"),
        (alerting(counts=(7, 6)), ""),
        (alerting(counts=(7, 7), active=("http://a", "http://b")), ""),
    ],
    ids=["good", "none", "refused", "another machine's own", "all failed", "some failed", "two"],
)
def test_alerts_that_nobody_takes_are_named(seen, words):
    found = seen.delivery_findings()
    assert (bool(found), words in summary(found)) == (bool(words), True)


def test_an_alertmanager_that_prometheus_is_about_to_find_is_no_fault(monkeypatch):
    """As after its configuration was read anew."""
    known = iter([[], ["http://alerts:9093/api/v2/alerts"]])
    monkeypatch.setattr(Alerting, "_active", lambda _: next(known))
    assert alerting().delivery_findings() == []


def test_rules_that_prometheus_does_not_tell_are_not_applicable_where_that_is_declared():
    asked = replace(alerting(), has_rules=False)
    with pytest.raises(NotApplicable, match="alert-rules is declared absent"):
        asked.rule_findings(WATCHED_S)
    managed = alerting(**{"/api/v1/rules": {"status_code": 404}})
    with pytest.raises(Inconclusive, match="ABSENT=alert-rules"):
        managed.rule_findings(WATCHED_S)


@pytest.mark.parametrize("metrics", [{"html": "<html>Log in</html>"}, {"status_code": 404}])
def test_alerts_of_which_nobody_knows_whether_they_were_taken_are_inconclusive(metrics):
    with pytest.raises(Inconclusive, match="«/metrics»"):
        alerting(**{"/metrics": metrics}).delivery_findings()


def test_an_alertmanager_of_before_excuses_nothing():
    counts = {"sent": {"http://alerts:9093": 7, "http://old": 3}, "errors": {"http://alerts:9093": 7, "http://old": 0}}
    told = "\n".join(
        f'prometheus_notifications_{kind}_total{{alertmanager="{url}/api/v2/alerts"}} {number}'
        for kind, numbers in counts.items()
        for url, number in numbers.items()
    )
    assert "none of 7 alerts" in summary(alerting(**{"/metrics": {"text": told}}).delivery_findings())


@pytest.mark.parametrize("active", [None, [{}]])
def test_alertmanagers_in_another_form_are_inconclusive(active):
    seen = alerting(
        **{"/api/v1/alertmanagers": {"json": {"status": "success", "data": {"activeAlertmanagers": active}}}}
    )
    with pytest.raises(Inconclusive, match="did not answer «/api/v1/alertmanagers»: another form"):
        seen.delivery_findings()


def test_silence_whose_pattern_cannot_be_read_is_inconclusive():
    seen = alerting(silences=[silence(("job", r"\pL+", True, True))])
    with pytest.raises(Inconclusive, match="see in Alertmanager"):
        seen.silence_findings("http://alerts:9093", JOBS, WINDOW)


EVERY = ("alertname", ".+", True, True)
WINDOW = Interval(datetime(2100, 1, 2, 2, tzinfo=UTC), datetime(2100, 1, 2, 6, tzinfo=UTC))


@pytest.mark.parametrize(
    ("silences", "silent"),
    [
        ([], False),
        ([silence(EVERY)], True),
        ([silence(EVERY, state="expired")], False),
        ([silence(EVERY, endsAt="2100-01-02T02:00:00Z")], False),
        ([silence(("alertname", "Up", False, True))], False),
        ([silence(("alertname", "Up", False, True)), silence(("alertname", "Up", False, False))], True),
        ([silence(("job", "butler-bot", False, True))], False),
        ([silence(("job", "butler-.*", True, True))], True),
        ([silence(EVERY, ("instance", "10.0.0.1", False, True))], False),
        ([silence(("instance", ".+", True, True))], True),
    ],
    ids=[
        *("none", "all", "expired", "over before the window", "one alert", "two halves", "one job", "each job"),
        *("one instance", "each instance"),
    ],
)
def test_silence_over_every_alert_is_named(silences, silent):
    found = alerting(rule("Up"), rule("Slow"), silences=silences).silence_findings("http://alerts:9093", JOBS, WINDOW)
    assert (bool(found), "until 2100-01-02T05:00:00Z: night" in summary(found)) == (silent, silent)


@pytest.mark.parametrize(
    ("begin", "end", "matchers", "silent"),
    [
        ("01:00", "03:00", EVERY, True),
        ("05:59", "09:00", EVERY, True),
        ("00:00", "02:00", EVERY, False),
        ("06:00", "09:00", EVERY, False),
        ("01:00", "03:00", ("alertname", "Up", False, True), False),
    ],
    ids=["its begin", "its end", "over before it", "after it", "one alert"],
)
def test_silence_that_is_planned_for_the_window_is_named(begin, end, matchers, silent):
    times = {"startsAt": f"2100-01-02T{begin}:00Z", "endsAt": f"2100-01-02T{end}:00.000Z"}
    of_others = silence(("job", "mail", False, True), endsAt="2999-01-01T00:00:00Z", comment="disk")
    seen = [silence(matchers, state="pending", **times), of_others]
    found = alerting(rule("Up"), rule("Slow"), silences=seen).silence_findings("http://a:9093", JOBS, WINDOW)
    told = f"from {times['startsAt']} until {times['endsAt']}: night"
    assert (bool(found), told in summary(found)) == (silent, silent)


def test_alertmanager_that_does_not_answer_is_inconclusive():
    with pytest.raises(Inconclusive, match="silences"):
        alerting(**{"/api/v2/silences": {"text": "no"}}).silence_findings("http://alerts:9093", JOBS, WINDOW)
