"""The soak: its full time, its traffic, its reasons for ending early."""

import threading
import time
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from acceptance.finding import Finding
from acceptance.gates.measures import Gate
from acceptance.gates.series import Row, Samples
from acceptance.stage import Stage
from acceptance.stages.prometheus_clock import clock_fault
from acceptance.stages.soak import soak
from acceptance.verdict import Inconclusive, Verdict

WRONG = Finding("bad answer", "upload", "201", "500")
GATE = Gate("errors", "No errors", ("i",), "count", "bad", "== 0", total="total")
STAGE = Stage("21_01c", "t", 1, gates=(GATE,))


class Prometheus:
    url = "http://prometheus"

    def __init__(self, ahead=0.0, starts=(1,), bad=0):
        self.ahead, self.starts, self.bad = ahead, list(starts), bad

    def clock(self):
        return time.time() + self.ahead

    def started(self):
        return datetime.fromtimestamp(self.starts.pop(0) if len(self.starts) > 1 else self.starts[0], UTC)

    def instant(self, _):
        return [SimpleNamespace(value=time.time() + 1)]

    def samples(self, _gate, _job, start, end, step):
        up = [Row({}, [(end, 1.0)] * 1000)]
        return Samples(
            start, end, step, [Row({}, [(start, 0), (end, self.bad)])], [Row({}, [(start, 0), (end, 9)])], up
        )


def run(traffic=lambda: [], seconds=0.2, stopped=lambda: "", per_minute=6000, prometheus=None, stage=STAGE):
    server = prometheus or Prometheus()
    return soak(stage, server, "api", traffic, seconds=seconds, step=0.01, per_minute=per_minute, stopped=stopped)


def test_full_time_elapses_under_traffic():
    begin = time.time()
    report = run(seconds=0.3)
    assert report.end - report.start >= 0.3
    assert time.time() - begin >= 0.3
    assert (report.sent > 10, report.results["errors"].verdict) == (True, Verdict.PASS)


@pytest.mark.parametrize("stopped", ["", "the flag was switched off"])
def test_gates_are_judged_side_by_side(stopped):
    """Also where a soak ends early: its stage is rolled back only after that, and Prometheus may take 9 s an answer."""
    server, both = Prometheus(), threading.Barrier(2, timeout=5)
    asked = server.samples
    server.samples = lambda *args: both.wait() is None or asked(*args)
    stage = replace(STAGE, gates=(GATE, replace(GATE, id="others")))
    with pytest.raises(Inconclusive) if stopped else nullcontext() as ended:
        assert len(run(prometheus=server, stage=stage, stopped=lambda: stopped).results) == 2
    assert not stopped or len(ended.value.evidence) == 2


def test_volume_is_bounded():
    assert run(seconds=0.2, per_minute=600).sent <= 3


def test_what_is_wrong_is_kept():
    assert WRONG in run(traffic=lambda: [WRONG]).findings


@pytest.mark.parametrize(
    ("counted", "verdict", "said"),
    [
        (lambda sent: sent, "PASS", ""),
        (lambda sent: sent + 1, "PASS", ""),
        (lambda sent: 2 * sent, "INCONCLUSIVE", "2 times as many"),
        (lambda sent: sent - 5, "INCONCLUSIVE", "metrics stand still"),
    ],
    ids=["ours", "a user's on top", "an instance scraped twice", "frozen in mid-soak"],
)
def test_counters_that_disagree_with_our_own_traffic_are_not_believed(counted, verdict, said):
    sent = []
    server = Prometheus()
    asked = server.samples

    def samples(measure, *args):
        found = asked(measure, *args)
        gained = [Row({}, [(found.start, 0), (found.end, counted(len(sent)))])]
        return found if measure.query != "mine" else replace(found, query=gained)

    server.samples = samples
    stage = replace(STAGE, traffic_counter="mine")
    result = run(traffic=lambda: sent.append(1) or [], prometheus=server, stage=stage).results["errors"]
    assert (result.verdict, said in result.reason) == (verdict, True), result.reason
    assert (
        not said or f"we sent {len(sent)} good requests, and the counters gained {counted(len(sent))}" in result.reason
    )


def test_scrape_that_is_answered_late_holds_none_of_our_requests():
    """It has the time of its begin: what it counted a moment later looked as if it came before the soak."""
    sent, late_s, server = [], 0.008, Prometheus()
    asked = server.samples

    def samples(measure, *args):
        found = asked(measure, *args)
        first = sum(at <= found.start + late_s for at in sent)
        rows = [Row({}, [(found.start, first), (found.end, len(sent))])]
        return replace(found, query=rows) if measure.query == "mine" else found

    server.samples = samples
    stage = replace(STAGE, traffic_counter="mine")
    result = run(traffic=lambda: sent.append(time.time()) or [], prometheus=server, stage=stage).results["errors"]
    assert result.verdict == "PASS", result.reason


def test_soak_ends_with_a_good_scrape_of_its_last_requests():
    """On a busy machine a scrape fails now and then: without the next one our last requests would not be counted."""
    server, begun = Prometheus(), time.time()
    server.instant = lambda _: [SimpleNamespace(value=(time.time() - begun > 0.07) * (time.time() + 1))]
    assert run(seconds=0, prometheus=server).end - begun > 0.07


def test_trigger_ends_the_soak_and_it_is_not_a_pass():
    with pytest.raises(Inconclusive, match="early: a trigger fired"):
        run(seconds=60, stopped=lambda: "a trigger fired")


@pytest.mark.parametrize("ahead", [-240, 240], ids=["behind", "ahead"])
def test_prometheus_with_another_time_is_not_soaked_by(ahead):
    sent = []
    with pytest.raises(Inconclusive, match=rf"240\.\d s {'ahead of' if ahead > 0 else 'behind'} ours, at most 1 s"):
        run(traffic=lambda: sent.append(1) or [], prometheus=Prometheus(ahead=ahead))
    assert sent == []


def test_clock_of_prometheus_that_is_set_in_the_soak_is_no_pass():
    server = Prometheus()
    with pytest.raises(Inconclusive, match="ahead of ours"):
        run(traffic=lambda: setattr(server, "ahead", 60) or [], prometheus=server)


def test_time_of_a_slow_answer_is_no_wrong_clock():
    server = Prometheus()
    server.clock = lambda: time.sleep(1.2) or time.time() - 0.6
    assert clock_fault(server, 0.01) == ""


def test_prometheus_that_restarted_is_no_pass_however_good_the_gates_are():
    with pytest.raises(Inconclusive, match="restarted at 1970-01-01 00:00:02 UTC, in the soak") as caught:
        run(prometheus=Prometheus(starts=(1, 2)))
    assert [piece.data["verdict"] for piece in caught.value.evidence] == ["INCONCLUSIVE"]


@pytest.mark.parametrize(("bad", "verdict"), [(0, "INCONCLUSIVE"), (3, "FAIL")])
def test_soak_that_is_cut_short_says_how_its_gates_stood_and_none_as_passed(bad, verdict):
    with pytest.raises(Inconclusive) as caught:
        run(seconds=60, stopped=lambda: "a trigger fired", prometheus=Prometheus(bad=bad))
    (piece,) = caught.value.evidence
    assert (piece.kind, piece.data["id"], piece.data["verdict"]) == ("gate", "errors", verdict)
    assert piece.data["reason"].startswith("as it stood when the soak ended 60 s early: a trigger fired: expected == 0")


def test_soak_that_is_cut_short_blind_has_no_gates_to_show():
    server = Prometheus()

    def blind(*_):
        raise Inconclusive("did not answer")

    server.samples = blind
    with pytest.raises(Inconclusive, match="early: nothing seen") as caught:
        run(seconds=60, stopped=lambda: "nothing seen", prometheus=server)
    assert caught.value.evidence == ()
