"""The watch: acts on the first trigger, holds through an outage, and does not take our own probes for a fault."""

import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import time_machine

from acceptance.gates.measures import Trigger
from acceptance.gates.series import Row, Samples
from acceptance.observe.log_lines import LogLine
from acceptance.polling import poll
from acceptance.stage import Stage, load_stage
from acceptance.stages.expected_events import SyntheticEvents
from acceptance.stages.watch import Watch, WatchInputs
from acceptance.verdict import Inconclusive, Verdict

FAILURES = Trigger("failures", "Failures", ("trigger.3",), "count", "bad", "> 0", synthetic_events="checksum_failed")
ALERTS = Trigger("alerts", "New alerts", ("trigger.7",), "alerts", "ALERTS", "> 0")
OTHERS = Trigger("21_01a-failures", "Of another service", ("trigger.1",), "ratio", "bad", "> 0.05", "all", job="bot")
EVENTS = Trigger("events", "Incident", ("trigger.4",), "log_events", "path_traversal|other", "> 0")


class Prometheus:
    """Answers with what a test puts in."""

    def __init__(self):
        self.failures, self.alerts, self.newest = 0, set(), lambda end: end

    def samples(self, measure, _job, start, end, step):
        up = [Row({}, [(start, 1.0), (self.newest(end), 1.0)])]
        failures = self.failures if measure is not OTHERS else 10
        return Samples(
            start, end, step, [Row({}, [(start, 0), (end, failures)])], [Row({}, [(start, 0), (end, 10)])], up
        )

    def firing_alerts(self):
        return self.alerts


class Logs:
    def __init__(self):
        self.lines = []

    def since(self, _start, events):
        return [line for line in self.lines if line.event in events]


def event(name, trace):
    return LogLine(datetime.now(UTC), name, "WARNING", trace, {})


@pytest.fixture
def prometheus():
    return Prometheus()


@pytest.fixture
def logs():
    return Logs()


@pytest.fixture
def own():
    return SyntheticEvents()


@pytest.fixture
def watch(prometheus, logs, own):
    fired = threading.Event()

    def make(trigger, blind_limit=60.0, provoked=(), others=(), renew=lambda _: ""):
        stage = Stage("21_01c", "t", 1, triggers=(trigger,), provoked_alerts=tuple(provoked))
        inputs = WatchInputs(prometheus, logs, "api", frozenset({"Old{}"}), "aaaa", 0.01, blind_limit, others=others)
        made: Any = Watch(stage, inputs, 1000.0, own, lambda _: fired.set(), renew)
        made.told = fired
        return made

    return make


def test_triggers_without_events_do_not_fire(watch):
    assert watch(FAILURES).evaluate(1010.0) is None


def test_own_failures_do_not_fire_and_one_more_does(watch, prometheus, own):
    prometheus.failures = 3
    own.expect("checksum_failed")
    own.allow("checksum_failed", 2)
    assert watch(FAILURES).evaluate(1010.0) is None
    prometheus.failures = 4
    assert watch(FAILURES).evaluate(1010.0).value == 1


def test_whatever_is_counted_while_our_attack_runs_is_ours(watch, prometheus, own):
    own.begin("checksum_failed")
    prometheus.failures = 7
    assert watch(FAILURES).evaluate(1010.0) is None
    own.end("checksum_failed", 6)
    assert watch(FAILURES).evaluate(1010.0).value == 1


def test_while_our_users_wait_for_each_other_nothing_is_slow(own):
    stage = load_stage(Path(__file__).parents[3] / "ops_tests" / "stage_21_01a")
    slow = [each.synthetic_events for each in stage.triggers if each.kind in ("quantile", "average")]
    began = time.time()
    with own.together():
        assert {own.undisturbed_since(each) for each in slow} == {float("inf")}
    assert min(map(own.undisturbed_since, slow)) >= began


def test_event_that_is_announced_and_counted_while_the_watch_asks_is_ours(watch, prometheus, own):
    """It may happen between the two questions; then the ledger must be the later one."""
    asked = prometheus.samples

    def samples(*args):
        own.expect("checksum_failed")
        prometheus.failures = 1
        return asked(*args)

    prometheus.samples = samples
    assert watch(FAILURES).evaluate(1010.0) is None


def test_alert_that_fired_before_is_not_news(watch, prometheus):
    prometheus.alerts = {"Old{}"}
    assert watch(ALERTS).evaluate(1010.0) is None
    prometheus.alerts = {"Old{}", "New{job=api}"}
    assert watch(ALERTS).evaluate(1010.0).verdict is Verdict.FAIL


def test_alert_that_our_security_tests_provoke_is_not_news(watch, prometheus):
    prometheus.alerts = {"Checksums{job=api}"}
    assert watch(ALERTS, provoked=["Checksums"]).evaluate(1010.0) is None


def test_event_of_our_own_trace_is_no_incident(watch, logs):
    logs.lines = [event("path_traversal", "aaaa1234")]
    assert watch(EVENTS).evaluate(1010.0) is None
    logs.lines += [event("path_traversal", "bbbb1234")]
    assert watch(EVENTS).evaluate(1010.0) is not None


def test_where_no_trace_is_read_our_attacks_are_told_by_when_we_made_them_and_by_their_test_data(own):
    """As many events as attacks, while they are made; one more, or one at another time, is somebody's."""
    logs = Logs()
    inputs = WatchInputs(None, logs, "api", frozenset(), "", 0.01, 60, data_prefix="ops7")
    watch = Watch(Stage("21_01c", "t", 1, triggers=(EVENTS,)), inputs, 1000.0, own, lambda _: None)
    by_words = LogLine(datetime.now(UTC), "path_traversal", "WARNING", "f" * 32, {"student_id": "../ops7-x"})
    logs.lines = [event("path_traversal", "f" * 32), event("path_traversal", "e" * 32), by_words]
    assert len(watch.foreign_events(EVENTS)) == 2
    with own.attacking(2):
        assert watch.evaluate(1010.0) is None
    logs.lines += [event("path_traversal", "d" * 32)]
    assert len(watch.foreign_events(EVENTS)) == 1
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=5), tick=False):
        logs.lines = [event("path_traversal", "c" * 32)]
    assert len(watch.foreign_events(EVENTS)) == 1


def test_what_our_attacks_may_have_caused_is_settled_by_what_was_counted(own):
    own.expect("checksum_failed")
    own.allow("checksum_failed", 8)
    own.settle("checksum_failed", 3)
    assert own.span("checksum_failed") == (1, 3)


def test_first_firing_is_acted_on_once(watch, prometheus):
    running = watch(FAILURES)
    prometheus.failures = 1
    running.start()
    assert running.told.wait(5)
    running.join(5)
    assert (running.is_alive(), running.fired.gate.id) == (False, "failures")


class Lease:
    """A watchdog that notes what it is told, and rolls back when it was told of nothing fresh so many times."""

    def __init__(self, patience):
        self.told, self._patience = [], patience

    def __call__(self, fresh):
        self.told.append(fresh)
        old = self.told[-self._patience :]
        return "rolled back" if len(old) == self._patience and not any(old) else ""


@pytest.mark.parametrize("error", [Inconclusive("Prometheus is away"), ZeroDivisionError("a fault of ours")])
def test_outage_is_held_until_the_watchdog_says_that_it_was_too_long(watch, prometheus, monkeypatch, error):
    monkeypatch.setattr(prometheus, "samples", Mock(side_effect=error))
    lease = Lease(3)
    running = watch(FAILURES, renew=lease)
    running.start()
    assert running.told.wait(5)
    assert (running.fired.gate.id, running.fired.verdict) == ("blind", Verdict.INCONCLUSIVE)
    assert (running.fired.reason.startswith("rolled back: "), lease.told) == (True, [False] * 3)


def test_evaluations_on_newer_data_renew_the_lease(watch):
    lease = Lease(3)
    running = watch(FAILURES, renew=lease)
    running.start()
    assert poll(lambda: lease.told[:4], lambda seen: len(seen) == 4, 5)[:4] == [True] * 4
    running.stop()
    assert running.fired is None


def test_what_is_seen_after_the_watch_was_cancelled_is_nothing(watch, prometheus):
    """The stage was rolled back while Prometheus was slow: its service is down for that."""
    running = watch(FAILURES)
    asked = prometheus.samples

    def slow(*args):
        running.cancel()
        return asked(*args)

    prometheus.samples, prometheus.failures = slow, 1
    running.start()
    running.join(5)
    assert (running.is_alive(), running.fired) == (False, None)


FROZEN = time.time()


@pytest.mark.parametrize(
    "newest",
    [lambda _: time.time() - 900, lambda _: FROZEN, lambda end: end - 3600],
    ids=["job removed", "data frozen", "data come, and are an hour old"],
)
def test_watch_is_blind_without_newer_data_whatever_prometheus_answers(watch, prometheus, newest):
    prometheus.newest = newest
    running = watch(FAILURES, blind_limit=1.5, renew=Lease(160))
    running.start()
    assert running.told.wait(5)
    assert (running.fired.gate.id, running.fired.verdict) == ("blind", Verdict.INCONCLUSIVE)
    assert "holds no newer sample" in running.fired.reason
    assert running.evaluations <= 1 or newest(time.time()) > time.time() - 3700, "only those on newer data count"
    assert running.state.told().startswith("BLIND ")


def test_state_of_the_watch_is_told(watch, prometheus):
    running = watch(FAILURES)
    now = time.time()
    running._since = now - 0.01
    running.evaluate(now)
    state = running.state
    assert (state.evaluations, state.blind, state.told()) == (1, False, "1 triggers not fired")


@pytest.mark.parametrize(
    ("age", "failures", "seen"),
    [
        (0, 0, (0, 1, 0.0, Verdict.PASS)),
        (2, 1, (1, 1, 2.0, Verdict.FAIL)),
        (None, 0, (None, 0, None, Verdict.INCONCLUSIVE)),
    ],
    ids=["did not fire", "fired", "never evaluated"],
)
def test_each_trigger_is_told_with_value_evaluations_and_age_of_its_data(watch, prometheus, age, failures, seen):
    running = watch(FAILURES)
    if age is not None:
        prometheus.failures, prometheus.newest = failures, lambda end: end - age
        running._since = 1009.99
        running.evaluate(1010.0)
    [told] = running.state.triggers
    assert (told.value, told.evaluations, told.age_s, told.verdict) == seen
    assert (told.id, told.threshold, told.items) == ("failures", "> 0", ("trigger.3",))


def test_a_trigger_without_an_answer_any_more_says_so_and_how_old_its_data_are(watch, prometheus, monkeypatch):
    running = watch(FAILURES)
    running._since = 1009.99
    running.evaluate(1010.0)
    monkeypatch.setattr(prometheus, "samples", lambda *_: 1 / 0)
    for now in (1020.0, 1031.0):
        with pytest.raises(ZeroDivisionError):
            running.evaluate(now)
    [told] = running.state.triggers
    assert (told.evaluations, told.age_s, told.reason.count("; no answer since")) == (1, 21.0, 1)


def test_a_trigger_that_did_not_fire_before_our_own_probes_is_not_without_data_after_them(watch, prometheus, own):
    """The exit gate uploads what must be refused: each GO said of data corruption that nothing was known of it."""
    running = watch(replace(OTHERS, synthetic_events="checksum_failed"))
    running._since, prometheus.failures = 1009.99, 0
    running.evaluate(1010.0)
    own.begin("checksum_failed")
    for seen in (Verdict.PASS, Verdict.PASS, Verdict.INCONCLUSIVE):
        if seen is Verdict.INCONCLUSIVE:
            prometheus.newest = lambda _: 0.0  # and now it is scraped no more
        running.evaluate(1010.0)
        [told] = running.state.triggers
        noted = told.reason.count("; after our own probes: expected at least")
        assert (told.verdict, told.evaluations, noted) == (seen, 1, seen is Verdict.PASS)


def test_error_rate_of_another_service_is_watched_too(watch):
    assert watch(FAILURES, others=(OTHERS,)).evaluate(1010.0).gate.id == "21_01a-failures"


def test_trigger_without_data_does_not_hide_one_that_fires(watch, prometheus, monkeypatch):
    """The log cannot be read; the alert is there all the same."""
    prometheus.alerts = {"New{}"}
    running = watch(EVENTS)
    monkeypatch.setattr(running, "foreign_events", lambda _: 1 / 0)
    running._stage = Stage("21_01c", "t", 1, triggers=(EVENTS, ALERTS))
    assert running.evaluate(1010.0).gate.id == "alerts"


def test_stop_ends_the_watch(watch):
    running = watch(FAILURES)
    running.start()
    running.stop()
    assert not running.is_alive()


def test_triggers_are_asked_for_side_by_side(watch, prometheus):
    """A Prometheus that takes 9 s an answer must not take a minute to show the trigger that fires."""
    both, asked = threading.Barrier(2, timeout=5), prometheus.samples
    prometheus.samples = lambda *args: both.wait() is None or asked(*args)
    assert watch(FAILURES, others=(OTHERS,)).evaluate(1010.0).gate.id == "21_01a-failures"
