"""The baseline: kept and read back, silent about an unchanged deployment, and loud about a worse one."""

import random
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from acceptance.baseline.collecting import FAMILIES, collect
from acceptance.baseline.comparing import CPU, LATENCY, MEMORY
from acceptance.baseline.files import FILE, compare, figures, gaps, load, save, uncounted, wants_more
from acceptance.baseline.lookup import baseline_of
from acceptance.baseline.readings import Baseline, Calls, Readings, cpu_levels, errors_of, growth, memory_levels
from acceptance.baseline.rules import judge_errors, judge_levels, judge_p95, judge_tail
from acceptance.gates.series import Row, Samples
from acceptance.gates.statistics import Count
from acceptance.probes.traffic import Probe
from acceptance.verdict import Inconclusive, Verdict

BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
SECONDS, STEP = 240, 15


def stretch(dice, *, latency=0.15, errors=0.01, cpu=0.4, memory=300.0, requests=400, seconds=SECONDS):
    """One stretch of a service under traffic: log-normal latencies with this median (s), errors, CPU and memory."""
    begin = 10_000.0
    end = begin + seconds
    probes = [_probe(dice, begin + seconds * (n + 0.5) / requests, latency, errors) for n in range(requests)]
    scrapes = [begin + STEP * n for n in range(seconds // STEP + 1)]

    def counter(amount):
        return [(at, 500.0 + sum(amount(probe) for probe in probes if probe.at <= at)) for at in scrapes]

    calls = Calls(
        total=counter(lambda _: 1),
        errors=counter(lambda probe: bool(probe.fault)),
        seconds=counter(lambda probe: probe.seconds),
        buckets={str(le): counter(lambda probe, le=le: probe.seconds <= le) for le in BOUNDS}
        | {"+Inf": counter(lambda _: 1)},
    )
    used = [7.0]
    for _ in scrapes[1:]:
        used.append(used[-1] + STEP * cpu * dice.lognormvariate(0, 0.2))
    readings = Readings(
        up=[(at, 1.0) for at in scrapes],
        cpu=list(zip(scrapes, used, strict=True)),
        memory=[(at, memory * 2**20 * dice.lognormvariate(0, 0.05)) for at in scrapes],
        calls={"butler_messages": calls},
        probes=tuple(probes),
    )
    return Baseline("here", begin, end, STEP, {"butler-bot": readings}, disk_free=2**35)


def _probe(dice, at, latency, errors):
    return Probe(at, latency * dice.lognormvariate(0, 0.4), "bad" if dice.random() < errors else "")


def red(before, after):
    return {result.measure for result in compare(before, after) if result.verdict is Verdict.FAIL}


def test_an_unchanged_deployment_passes_every_comparison():
    dice = random.Random(1)
    results = compare(stretch(dice, errors=0.0), stretch(dice, errors=0.0))
    assert {result.verdict for result in results} == {Verdict.PASS}, [result.explain() for result in results]
    assert len(results) == 11


def test_false_alarms_over_an_unchanged_deployment_are_at_most_5_percent():
    """2,000 pairs of one noisy deployment, each with all comparisons."""
    dice = random.Random(21)
    alarms = sum(bool(red(stretch(dice, requests=100), stretch(dice, requests=100))) for _ in range(2000))
    assert alarms / 2000 <= 0.05


WORSE = {
    "doubled latency": ({"latency": 0.30}, {"mean latency of our own requests", "mean latency of butler_messages"}),
    "four times the latency": ({"latency": 0.6}, {"p95 latency of our own requests", "p95 latency of butler_messages"}),
    "5 % errors": ({"errors": 0.05}, {"errors of our own requests", "errors of butler_messages"}),
    "three times the CPU": ({"cpu": 1.2}, {"CPU"}),
    "twice the memory": ({"memory": 600.0}, {"memory"}),
}


@pytest.mark.parametrize(("change", "measures"), WORSE.values(), ids=WORSE)
def test_what_is_worse_is_found_in_nearly_every_run(change, measures):
    """Each of 50 pairs, of 400 requests before and after; at least 45 must find it."""
    found = 0
    for seed in range(50):
        dice = random.Random(seed)
        found += measures <= red(stretch(dice, errors=0.0), stretch(dice, **({"errors": 0.0} | change)))
    assert found >= 45


def test_few_requests_are_inconclusive_and_say_what_they_could_show():
    result = judge_errors("bot", "errors", Count(0, 20), Count(0, 20), 0.005)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "up to 13.9% are possible" in result.explain()
    assert "smallest change that shows: 8 errors (40.0%)" in result.explain()


def test_no_request_at_all_is_inconclusive():
    assert judge_errors("bot", "errors", Count(0, 500), Count(0, 0), 0.005).verdict is Verdict.INCONCLUSIVE


def test_errors_without_a_baseline_are_held_to_5_percent():
    verdicts = [judge_errors("api", "errors", Count(0, 0), Count(bad, 200), 0.005).verdict for bad in (0, 10, 30)]
    assert verdicts == [Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL]


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ([0.01] * 8, [0.09] * 8, Verdict.PASS),  # below twice 50 ms
        ([0.01] * 8, [0.15] * 8, Verdict.FAIL),
        ([0.02] * 8, [0.25] * 8, Verdict.FAIL),
        ([0.2] * 8, [0.3] * 8, Verdict.PASS),  # slower, and shown to be less than twice
        ([0.2] * 8, [0.1, 0.9] * 4, Verdict.INCONCLUSIVE),  # too uneven
        ([0.2] * 2, [0.8] * 2, Verdict.INCONCLUSIVE),  # too few windows
        ([], [0.2] * 8, Verdict.INCONCLUSIVE),
    ],
)
def test_latency_may_double_but_not_more(before, after, verdict):
    assert judge_levels("bot", "p95", before, after, LATENCY, 0.005).verdict is verdict


@pytest.mark.parametrize(
    ("after", "verdict"),
    [
        ({0.1: 190, 0.25: 200, 1.0: 200, float("inf"): 200}, Verdict.PASS),
        ({0.1: 100, 0.25: 150, 1.0: 200, float("inf"): 200}, Verdict.FAIL),
        ({0.1: 10, 0.25: 12, 1.0: 12, float("inf"): 12}, Verdict.INCONCLUSIVE),
        ({0.1: 200, float("inf"): 200}, Verdict.INCONCLUSIVE),  # the buckets end too early
        ({}, Verdict.INCONCLUSIVE),
    ],
)
def test_p95_of_a_histogram_is_judged_by_calls_above_a_bucket(after, verdict):
    before = {0.1: 195, 0.25: 200, 1.0: 200, float("inf"): 200}
    assert judge_p95("bot", "p95", before, after, LATENCY, 0.005).verdict is verdict


@pytest.mark.parametrize(
    ("after", "verdict"),
    [
        ([0.1] * 196 + [0.5] * 4, Verdict.PASS),
        ([0.1] * 160 + [0.5] * 40, Verdict.FAIL),
        ([0.1] * 20, Verdict.INCONCLUSIVE),
        ([], Verdict.INCONCLUSIVE),
    ],
)
def test_p95_of_our_own_requests_is_judged_by_those_over_twice_the_baselines(after, verdict):
    result = judge_tail("bot", "p95", [0.12] * 100, after, LATENCY, 0.005)
    assert result.verdict is verdict, result.explain()


def test_a_longer_stretch_after_is_no_alarm():
    """Four times as long and as many requests: no measure may depend on the length of its windows."""
    alarms = 0
    for seed in range(200):
        dice = random.Random(seed)
        alarms += bool(red(stretch(dice, errors=0.0, requests=15), stretch(dice, errors=0.0, requests=65, seconds=960)))
    assert alarms <= 10


def test_a_lost_service_or_family_is_never_good():
    before = stretch(random.Random(1))
    gone = replace(before, services={})
    silent = replace(before, services={"butler-bot": replace(before.services["butler-bot"], calls={})})
    assert Verdict.INCONCLUSIVE in {result.verdict for result in compare(before, gone) if result.measure == "up"}
    lost = [result for result in compare(before, silent) if result.measure == "butler_messages"]
    assert [result.verdict for result in lost] == [Verdict.INCONCLUSIVE]


def test_a_service_that_is_down_an_alert_that_is_new_and_a_disk_that_fills_are_told():
    before = replace(stretch(random.Random(1)), alerts=("Old{}",))
    readings = before.services["butler-bot"]
    down = replace(readings, up=[*readings.up[:-1], (before.end, 0.0)])
    after = replace(before, services={"butler-bot": down}, alerts=("New{}", "Old{}"), disk_free=2**33)
    assert red(before, after) == {"up", "firing", "free disk"}
    assert [result.reason for result in compare(before, after) if result.measure == "firing"] == ["new: New{}"]


def test_a_family_that_a_flag_brought_is_judged_without_a_baseline():
    after = stretch(random.Random(1), errors=0.0)
    before = replace(after, services={"butler-bot": replace(after.services["butler-bot"], calls={})})
    results = {result.measure: result.verdict for result in compare(before, after)}
    assert results["errors of butler_messages"] is Verdict.PASS
    assert results["latency of butler_messages"] is Verdict.SKIPPED


def test_a_baseline_comes_back_from_its_file_and_holds_a_summary(tmp_path):
    before = stretch(random.Random(3))
    save(before, tmp_path / "b.json")
    after = load(tmp_path / "b.json")
    assert figures(after) == figures(before)
    assert {result.verdict for result in compare(before, after)} <= {Verdict.PASS, Verdict.INCONCLUSIVE}
    assert figures(after)["services"]["butler-bot"]["calls"]["butler_messages"]["total"] == 400


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"services": {"bot": 1}}', '{"services": []}'])
def test_what_is_no_baseline_is_refused_by_name(tmp_path, content):
    (tmp_path / "b.json").write_text(content)
    with pytest.raises(Inconclusive, match=r"b\.json: expected a baseline"):
        load(tmp_path / "b.json")


def test_gaps_name_a_service_that_was_down_unscraped_or_failed_our_requests():
    good = stretch(random.Random(3), errors=0.0)
    readings = good.services["butler-bot"]
    assert gaps(good) == []
    bad = {
        "no_data": Readings(),
        "down": replace(readings, up=[(1.0, 1.0), (2.0, 0.0)]),
        "blind": replace(readings, memory=()),
        "failing": replace(readings, probes=(Probe(1.0, 0.1, "expected 200, found 500"),)),
    }
    assert [gap.subject for gap in gaps(replace(good, services=bad))] == list(bad)


def test_resources_that_are_declared_absent_are_no_gap_and_not_compared(tmp_path):
    whole = stretch(random.Random(3), errors=0.0)
    bare = replace(whole.services["butler-bot"], cpu=(), memory=(), resources=False)
    seen = replace(whole, services={"butler-bot": bare})
    save(seen, tmp_path / FILE)
    judged = {each.measure: each.verdict for each in compare(load(tmp_path / FILE), seen)}
    assert (gaps(seen), judged["CPU and memory"], "CPU" in judged) == ([], Verdict.SKIPPED, False)


def test_baseline_without_a_counted_call_says_how_many_were_sent():
    """Found out a day later, there is nothing to compare with."""
    full = stretch(random.Random(21))
    readings = replace(full.services["butler-bot"], calls={})
    sent = sum(not probe.fault for probe in readings.probes)
    assert uncounted(full) == ""
    assert f"found 0 of every service, while we sent {sent} good requests" in uncounted(
        replace(full, services={"butler-bot": readings})
    )


def test_baseline_that_counted_fewer_calls_than_we_made_is_none():
    """The metrics stood still in the middle of it: its rates are of another time than its requests."""
    full = stretch(random.Random(21))
    readings = full.services["butler-bot"]
    [(family, calls)] = readings.calls.items()
    half = replace(calls, total=calls.total[: len(calls.total) // 8])
    frozen = replace(full, services={"butler-bot": replace(readings, calls={family: half})})
    assert re.search(
        r"found [1-9]\d* in butler_messages of butler-bot, while we sent \d+ good requests", uncounted(frozen)
    )


def test_a_counter_grows_over_a_restart_and_from_its_first_appearance():
    assert growth([(0, 5), (10, 9), (20, 2), (30, 4)], 0, 30) == 8
    assert growth([(10, 3), (20, 4)], 0, 30) == 4
    assert growth([(0, 5), (10, 9)], 10, 30) == 0


def test_errors_and_levels_are_read_from_raw_samples():
    found = stretch(random.Random(5), errors=0.1, cpu=0.4)
    readings = found.services["butler-bot"]
    assert errors_of(readings.calls["butler_messages"], found).of == 400
    assert len(cpu_levels(readings, found)) == 8
    assert sum(cpu_levels(readings, found)) / 8 == pytest.approx(0.4, rel=0.2)
    after = replace(readings, memory=(*readings.memory, (found.end + 1, 2.0**40)))
    assert memory_levels(after, found) == memory_levels(readings, found)
    assert {family.latency.rpartition("_")[2] for family in FAMILIES} == {"seconds"}
    assert CPU.allowed(0.1) == 0.5
    assert MEMORY.allowed(1000) == 1500


@pytest.fixture
def records(tmp_path):
    """A run's folder beside the record of an earlier run, which holds a baseline, and a file elsewhere."""
    own, earlier = tmp_path / "reports" / "here-2", tmp_path / "reports" / "here-1"
    for folder in (own, earlier):
        folder.mkdir(parents=True)
    save(stretch(random.Random(1), errors=0.0), earlier / FILE)
    return own


def test_given_baseline_is_taken_instead_of_the_newest_record(records, tmp_path):
    save(stretch(random.Random(2), errors=0.0), tmp_path / "given.json")
    assert baseline_of("here", records, tmp_path / "given.json") == load(tmp_path / "given.json")
    assert baseline_of("here", records, None) == load(records.parent / "here-1" / FILE)


def test_baseline_of_another_target_is_not_compared_with(records, tmp_path):
    save(replace(stretch(random.Random(2)), target="there"), tmp_path / "given.json")
    with pytest.raises(Inconclusive, match="expected a baseline of target here, found one of there"):
        baseline_of("here", records, tmp_path / "given.json")


@pytest.mark.parametrize("text", [None, "", "{}"])
def test_given_file_that_is_no_baseline_is_inconclusive(records, tmp_path, text):
    given = tmp_path / "given.json"
    if text is not None:
        given.write_text(text)
    with pytest.raises(Inconclusive, match=r"given\.json: expected a baseline"):
        baseline_of("here", records, given)


@pytest.mark.parametrize(("last", "exported"), [(995, False), (1010, True)], ids=["restored before", "still on"])
def test_a_metric_that_ended_before_the_stretch_is_not_of_it(last, exported, tmp_path):
    """After a rehearsal Prometheus holds the new path's counters for a while: nobody calls them any more."""

    def row(end, value):
        return Row({"instance": "a"}, [(at, value) for at in range(900, end + 1, 5)])

    def samples(measure, _job, start, end, step):
        new_path = measure.query.startswith("review_submission_duration_seconds_count")
        return Samples(start, end, step, [row(last, 7.0)] if new_path else [], up=[row(1060, 1.0)])

    prometheus = SimpleNamespace(
        samples=samples, range=lambda *_: {"": [(1000.0, 1.0)]}, firing_alerts=set, url="http://here"
    )
    service = SimpleNamespace(key="worker", name="butler-worker", job="butler-worker")
    target = SimpleNamespace(
        name="here",
        scrape_interval_s=5,
        services={"worker": service},
        has_resources=lambda _: True,
        storage=SimpleNamespace(root=tmp_path),
    )
    found = collect(target, prometheus, 60, end=1060.0).services["butler-worker"]
    assert ("review_submission" in found.calls) is exported


@pytest.mark.parametrize(
    ("slow", "verdict", "more"), [(0, "PASS", False), (1, "INCONCLUSIVE", True), (30, "FAIL", False)]
)
def test_one_slow_request_of_few_asks_for_a_longer_stretch(slow, verdict, more):
    judged = judge_tail("bot", "p95", [0.02] * 65, [0.02] * (65 - slow) + [0.5] * slow, LATENCY, 0.01)
    assert (judged.verdict, wants_more([judged])) == (verdict, more)


def test_a_longer_stretch_does_not_help_where_nothing_was_seen_or_something_is_worse():
    nothing = judge_errors("bot", "errors", Count(0, 15), Count(0, 0), 0.01)
    unclear = judge_tail("bot", "p95", [0.02] * 65, [0.02] * 64 + [0.5], LATENCY, 0.01)
    assert not wants_more([nothing])
    assert not wants_more([unclear, replace(nothing, verdict=Verdict.FAIL)])
