"""Looking back at accepted stages: what was left enabled, whether it still holds, and how a person rolls it back."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from small_target import FLAG, small_target

from acceptance.events import Event
from acceptance.finding import summary
from acceptance.gates.measures import Gate, Trigger
from acceptance.gates.series import Row, Samples
from acceptance.observe.log_lines import of_ours
from acceptance.record.deployment import Deployment, LeftEnabled, left_enabled, restarts
from acceptance.stage import Stage
from acceptance.stages import recheck
from acceptance.stages.lookback import Lookback, without
from acceptance.stages.recheck import Recheck
from acceptance.verdict import Inconclusive, Verdict

ERRORS = Gate("errors", "No errors", ("21_01c.exit.1",), "count", "bad", "== 0", total="total")
SLOW = Gate("p95", "Quick", ("21_01c.monitor.1",), "quantile", "buckets", "< 2", total="total", unit="s")
FAILURES = Trigger("failures", "Failures", ("trigger.1",), "ratio", "bad", "> 0.05", total="total")
DOWN = Trigger("down", "Down", ("trigger.5",), "value", "down", "> 0", in_a_row=3)
INCIDENT = Trigger("incident", "Incident", ("trigger.4",), "log_events", "path_traversal", "> 0", unit="events")
ALERTS = Trigger("new-alerts", "Alerts", ("trigger.7",), "alerts", "ALERTS", "> 0")
STAGE = Stage("21_01c", "Storage", 1, service="api", flag="F", gates=(ERRORS,), triggers=(FAILURES, DOWN, ALERTS))
OURS = of_ours("0f", "")
T0 = 1_800_000_000.0
STEP = 0.2


def log(*events):
    """Events at one second after another."""
    return [
        Event(seq, datetime.fromtimestamp(T0 + seq, UTC).isoformat(), kind, data, "", "")
        for seq, (kind, data) in enumerate(events)
    ]


def of_stage(*kinds, stage="21_01c", **facts):
    return [(kind, {"stage": stage, "reason": "why", "kept": True} | facts) for kind in kinds]


ACCEPTED = of_stage("stage.started", "stage.accepted", "stage.finished")


def test_accepted_stage_is_kept_since_its_acceptance():
    assert left_enabled(log(*ACCEPTED), "21_01c") == LeftEnabled(since=T0 + 1)


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([*ACCEPTED[:2], *of_stage("rollback.started", "stage.finished", kept=False)], "was rolled back: why"),
        ([*ACCEPTED, *of_stage("rollback.started")], "was rolled back: why"),
        ([*ACCEPTED[:2], *of_stage("flag.restored", "stage.finished", kept=False)], "was restored, not left enabled"),
        (of_stage("stage.started", "stage.finished", kept=False), "not accepted"),
        (ACCEPTED[:2], "not accepted"),
    ],
    ids=["rolled back", "rolled back late", "rehearsed", "not accepted", "not at its end"],
)
def test_stage_whose_flag_is_not_on_is_held_to_nothing(events, why):
    found = left_enabled(log(*events), "21_01c")
    assert (found.since, why in found.why_not) == (None, True), found


def test_stage_of_another_run_is_not_verified():
    with pytest.raises(Inconclusive, match="21_01c was no part of this deployment"):
        left_enabled(log(*of_stage("stage.started", stage="21_01a")), "21_01c")


def test_restart_lasts_until_the_service_is_back_however_often_it_is_tried(tmp_path):
    api = small_target(tmp_path).services["api"]
    begin = lambda key: ("service.restarting", {"service": key})  # noqa: E731
    end = lambda name: ("service.restarted", {"service": name})  # noqa: E731
    events = [begin("worker"), end("butler-worker"), begin("api"), begin("api"), end("butler-api"), begin("all")]
    events = log(*events, end("butler-bot"), end("butler-api"), begin("api"))
    assert restarts(events, api) == [(T0 + 2, T0 + 4), (T0 + 5, T0 + 7)]


class Prometheus:
    """Ten requests a second since the epoch; a test says which of them failed, when it was down and what it lost."""

    url = "http://prometheus"

    def __init__(self, bad=lambda _: 0.0, down=lambda _: 0.0, good=10.0, ahead=0.0):
        self.bad, self.down, self.good, self.ahead = bad, down, good, ahead
        self.count = lambda at: at * good

    def clock(self):
        return time.time() + self.ahead

    def samples(self, measure, _job, start, end, step):
        times = [start + number * step for number in range(int((end - start) / step) + 1)]
        value = self.down if measure.kind == "value" else self.bad
        total = [Row({}, [(at, self.count(at)) for at in times])] if measure.total else []
        up = [Row({}, [(at, 1.0) for at in times])]
        return Samples(start, end, step, [Row({}, [(at, value(at)) for at in times])], total, up)


def lookback(prometheus, tmp_path, stage=STAGE, restarted=(), minutes=2.0):
    now = time.time()
    service = small_target(tmp_path).services["api"]
    return Lookback(stage, service, now - 60 * minutes, now - 10, STEP, prometheus, restarted, OURS)


def verdicts(results):
    return {each.gate.id: each.verdict.value for each in results}


def test_good_stage_is_good_afterwards(tmp_path):
    look = lookback(Prometheus(), tmp_path)
    assert verdicts(look.gates(5)) == {"21_01c-errors-since": "PASS", "21_01c-errors-now": "PASS"}
    assert verdicts(look.triggers()) == {"21_01c-failures-since": "PASS", "21_01c-down-since": "PASS"}


def test_stage_that_went_bad_for_a_while_is_red_afterwards(tmp_path):
    began = time.time() - 90
    look = lookback(Prometheus(bad=lambda at: max(0.0, min(at - began, 20)) * 5), tmp_path)
    assert verdicts(look.gates(5)) == {"21_01c-errors-since": "FAIL", "21_01c-errors-now": "PASS"}
    assert verdicts(look.triggers())["21_01c-failures-since"] == "FAIL"


def test_one_error_in_hours_is_no_reason_to_take_an_accepted_stage_back(tmp_path):
    """1 in 1,200: as rare as in the soak, which had none in 9,000."""
    at_once = time.time() - 90
    look = lookback(Prometheus(bad=lambda at: float(at > at_once)), tmp_path)
    assert verdicts(look.gates(5)) == {"21_01c-errors-since": "PASS", "21_01c-errors-now": "PASS"}


@pytest.mark.parametrize(
    ("errors", "in_soak", "since"),
    [(60, 16, "FAIL"), (25, 16, "INCONCLUSIVE"), (60, 9000, "FAIL"), (1, 16, "PASS"), (1, 0, "FAIL")],
    ids=["many, short soak", "some, short soak", "many, long soak", "one, short soak", "one, no soak"],
)
def test_errors_after_a_soak_of_a_few_requests_are_not_called_good(errors, in_soak, since, tmp_path):
    """Of some 550 operations since; a soak of 16 shows no increase, whatever comes after it."""
    accepted = time.time() - 120
    server = Prometheus(bad=lambda at: errors * (at > accepted + 20))
    server.count = lambda at: in_soak * min(1, max(0, 1 - (accepted - at) / 900)) + 4.6 * max(0, at - accepted)
    look = lookback(server, tmp_path)
    assert verdicts(look.gates(1))["21_01c-errors-since"] == since


def test_stage_that_was_down_for_a_while_is_red_unless_the_suite_restarted_it(tmp_path):
    began = time.time() - 90
    server = Prometheus(down=lambda at: float(began <= at <= began + 5))
    assert verdicts(lookback(server, tmp_path).triggers())["21_01c-down-since"] == "FAIL"
    planned = lookback(server, tmp_path, restarted=[(began - 1, began + 6)])
    assert verdicts(planned.triggers())["21_01c-down-since"] == "PASS"


def test_what_is_slow_only_now_does_not_hide_in_a_long_good_time(tmp_path):
    slow_from = time.time() - 3

    class Slow(Prometheus):
        def samples(self, measure, job, start, end, step):
            found = super().samples(measure, job, start, end, step)
            everything = found.total[0].points
            fast = [(at, min(at, slow_from) * self.good) for at, _ in everything]
            buckets = [Row({"le": le}, points) for le, points in (("2", fast), ("5", everything), ("+Inf", everything))]
            return Samples(start, end, step, buckets, found.total, found.up)

    stage = Stage("21_01c", "Storage", 1, gates=(SLOW,))
    found = verdicts(lookback(Slow(), tmp_path, stage).gates(5))
    assert found == {"21_01c-p95-since": "PASS", "21_01c-p95-now": "FAIL"}


def test_no_traffic_in_spite_of_ours_is_inconclusive(tmp_path):
    look = lookback(Prometheus(good=0.0), tmp_path)
    assert set(verdicts([*look.gates(0.1), *look.triggers()]).values()) == {"INCONCLUSIVE", "PASS"}
    assert verdicts(look.gates(0.1))["21_01c-errors-since"] == "INCONCLUSIVE"
    assert verdicts(look.triggers())["21_01c-failures-since"] == "INCONCLUSIVE"


def test_prometheus_with_another_time_is_not_looked_back_by(tmp_path):
    with pytest.raises(Inconclusive, match="ahead of ours"):
        lookback(Prometheus(ahead=240.0), tmp_path).gates(1)


@pytest.mark.parametrize(("trace", "verdict"), [("0fours", "PASS"), ("ab-foreign", "FAIL")], ids=["ours", "foreign"])
def test_incident_that_is_not_ours_is_red_afterwards(trace, verdict, tmp_path):
    file = tmp_path / "api.log"
    before, at = ((datetime.now(UTC) - timedelta(seconds=each)).isoformat() for each in (601, 60))
    file.write_text(
        f'{{"timestamp": "{before}", "event": "started", "level": "INFO"}}\n'
        f'{{"timestamp": "{at}", "event": "path_traversal", "level": "WARNING", "trace_id": "{trace}"}}\n'
    )
    target = small_target(tmp_path, API_LOGS=f"file://{file}")
    stage = Stage("21_01c", "Storage", 1, triggers=(INCIDENT,))
    now = time.time()
    look = Lookback(stage, target.services["api"], now - 600, now - 10, STEP, Prometheus(), (), OURS)
    assert verdicts(look.triggers()) == {"21_01c-incident-since": verdict}


def test_series_keep_what_is_outside_the_spells():
    left = without(Samples(0, 9, 1, [Row({}, [(at, 0.0) for at in range(10)])]), [(2, 4), (7, 20)])
    assert [at for at, _ in left.query[0].points] == [0, 1, 5, 6]


@pytest.fixture
def sent(monkeypatch):
    """Takes the place of the requests to the services; holds for how long each stretch was."""
    stretches = []
    monkeypatch.setattr(recheck, "drive", lambda _target, seconds, **_: stretches.append(seconds))
    return stretches


def looking_back(tmp_path, prometheus, events=ACCEPTED):
    accepted_at = datetime.now(UTC) - timedelta(minutes=2)
    told = [Event(n, accepted_at.isoformat(), kind, data, "", "") for n, (kind, data) in enumerate(events)]
    target = small_target(tmp_path, SCRAPE_INTERVAL_SECONDS="0.2")
    return Recheck(target, Deployment((told,)), prometheus, {"21_01c": STAGE}, str, "0f", OURS)


def test_requests_of_our_own_come_first_and_once(tmp_path, sent):
    back = looking_back(tmp_path, Prometheus())
    assert sent == [], "not before somebody asks"
    assert {each.verdict for each in [*back.gates("21_01c"), *back.gates("21_01c"), *back.triggers("21_01c")]} >= {
        Verdict.PASS
    }
    assert len(sent) == 1


def test_no_requests_are_sent_for_a_stage_that_was_not_accepted(tmp_path, sent):
    back = looking_back(tmp_path, Prometheus(), of_stage("stage.started"))
    with pytest.raises(Inconclusive, match="expected an accepted stage"):
        back.gates("21_01c")
    assert sent == []


@pytest.mark.parametrize(("names", "told"), [({"review_archive_storage_x"}, 0), (set(), 1)])
def test_stage_whose_new_path_a_later_start_left_is_told(names, told, tmp_path, sent):
    prometheus: Any = Prometheus()
    prometheus.names = lambda *_, **__: names
    found = looking_back(tmp_path, prometheus).without_effect(["21_01c"])
    assert (len(found), len(sent)) == (told, 1), found


def test_bad_stage_is_told_with_its_flag_and_the_commands_by_hand(tmp_path, sent):
    back = looking_back(tmp_path, Prometheus(bad=lambda at: at))
    found = summary(back.findings({"21_01c": back.gates("21_01c")}))
    assert "21_01c, since its acceptance: No errors: expected == 0" in found
    assert f"21_01c is accepted and {FLAG} is on; roll it back by hand, now: " in found
    assert "make day-12-restart-api" in found
    assert "\n" not in found, "the reason is one line"


def test_bad_is_not_hidden_by_what_cannot_be_seen(tmp_path, sent):
    back = looking_back(tmp_path, Prometheus(good=0.0))
    no_data = lookback(Prometheus(good=0.0), tmp_path).triggers()
    with pytest.raises(Inconclusive, match="expected at least 1 event to judge by, found 0"):
        back.findings({"21_01c": no_data})
    bad = lookback(Prometheus(bad=lambda at: at), tmp_path).gates(5)
    assert back.findings({"21_01c": [*no_data, *bad]})[0].subject.startswith("21_01c, ")


def test_stages_are_found_by_the_items_of_their_triggers(tmp_path, sent):
    back = looking_back(tmp_path, Prometheus())
    assert (back.with_trigger("trigger.1"), back.with_trigger("trigger.3")) == (["21_01c"], [])
