"""The baseline: kept and read back, silent about an unchanged deployment, and loud about a worse one."""

import json
import math
import os
import random
import re
import time
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest

from acceptance.baseline import collecting
from acceptance.baseline.collecting import FAMILIES, collect
from acceptance.baseline.comparing import CPU, LATENCY, MEMORY, compare, may_pass, wants_more
from acceptance.baseline.files import FILE, figures, gaps, load, save, uncounted
from acceptance.baseline.lookup import baseline_of
from acceptance.baseline.readings import (
    Baseline,
    Calls,
    Readings,
    cpu_levels,
    growth,
    mean_latencies,
    memory_levels,
    probe_means,
)
from acceptance.baseline.rules import judge_errors, judge_levels, judge_p95, judge_tail
from acceptance.events import EventLog
from acceptance.gates.series import Row, Samples
from acceptance.gates.statistics import Count
from acceptance.kinds import RunStarted
from acceptance.probes.traffic import Probe
from acceptance.verdict import Inconclusive, Refused, Verdict

BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
SECONDS, STEP = 240, 15


def test_a_baseline_begins_with_a_scrape_that_is_over(monkeypatch):
    """One that is answered late has an earlier time, and would hold our first requests as if they came before."""
    seen = {}
    monkeypatch.setattr(collecting, "drive", lambda *_, **__: seen.update(sent=time.time()))
    monkeypatch.setattr(collecting, "collect", lambda _, __, seconds, end, **___: seen.update(start=end - seconds))
    # Its end is a good scrape that began after the last request: here the third look at one of two services.
    scrapes = {"bot": [9.0, 9.0, 9.0], "api": [0.0, 0.0, 9.0]}
    server = SimpleNamespace(
        clock=lambda: 5.0, instant=lambda query: [SimpleNamespace(value=scrapes[query.split('"')[1]].pop(0))]
    )
    services = {job: SimpleNamespace(job=job) for job in scrapes}
    target = SimpleNamespace(scrape_interval_s=15, scrape_patience_s=9, services=services)
    collecting.measure(target, server, 1, new_id=str, trace_prefix="")
    assert 1.9 < seen["sent"] - seen["start"] < 15
    assert scrapes == {"bot": [], "api": []}


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


ERRORS = [
    (0, 20, 0, 20, "INCONCLUSIVE: bot: m: 0 of 20 failed, before 0 of 20: up to 13.9% are possible: too few requests "),
    (0, 500, 0, 0, "INCONCLUSIVE: bot: m: expected requests, found none"),
    (0, 0, 0, 200, "PASS: bot: m: 0 of 200 failed, before no baseline: no increase (p = 1), and over 5% are excluded;"),
    (0, 0, 10, 200, "INCONCLUSIVE: bot: m: 10 of 200 failed, before no baseline: up to 8.3% are possible: too few"),
    (0, 0, 30, 200, "FAIL: bot: m: 30 of 200 failed, before no baseline: at least 11.0%, expected at most 5%; smalles"),
    (3, 500, 30, 500, "FAIL: bot: m: 30 of 500 failed, before 3 of 500: an increase (p = 7e-07 < 0.005); smallest"),
]


@pytest.mark.parametrize(("old", "of_old", "new", "of", "told"), ERRORS)
def test_errors_may_not_rise_and_are_held_to_5_percent(old, of_old, new, of, told):
    result = judge_errors("bot", "m", Count(old, of_old), Count(new, of), 0.005)
    assert result.explain().startswith(told)
    assert (result.finding().found, result.as_json()["verdict"]) == (result._numbers(), told.partition(":")[0])


LEVELS = [
    ([0.01] * 8, [0.09] * 8, "PASS: bot: m: 0.01 -> 0.09 s, 9 x (between 9 and 9, p = 7.8e-05): stays below 0.1 s; "),
    ([0.01] * 8, [0.15] * 8, "FAIL: bot: m: 0.01 -> 0.15 s, 15 x (between 15 and 15, p = 7.8e-05): rose, and 0.1 s ar"),
    ([0.02] * 8, [0.25] * 8, "FAIL: bot: m: 0.02 -> 0.25 s, 12.5 x (between 12.5 and 12.5, p = 7.8e-05): rose, and 0."),
    ([0.2] * 8, [0.3] * 8, "PASS: bot: m: 0.2 -> 0.3 s, 1.5 x (between 1.5 and 1.5, p = 7.8e-05): stays below 0.4 s; "),
    ([0.2] * 8, [0.1, 0.9] * 4, "INCONCLUSIVE: bot: m: 0.2 -> 0.5 s, 1.5 x (between 0.5 and 4.5, p = 0.52): too uneve"),
    ([0.2] * 8, [0.2, 0.9] * 4, "INCONCLUSIVE: bot: m: 0.2 -> 0.55 s, 2.12 x (between 1 and 4.5, p = 0.52): too uneve"),
    ([0.2] * 2, [0.8] * 2, "INCONCLUSIVE: bot: m: 0.2 -> 0.8 s, 4 x (between 0 and inf, p = 0.17): too uneven: 0.4 s "),
    ([], [0.2] * 8, "INCONCLUSIVE: bot: m: expected windows with data on both sides, found 0 before and 8 after"),
    ([0.2] * 8, [], "INCONCLUSIVE: bot: m: expected windows with data on both sides, found 8 before and 0 after"),
]


@pytest.mark.parametrize(("before", "after", "told"), LEVELS)
def test_latency_may_double_but_not_more(before, after, told):
    assert judge_levels("bot", "m", before, after, LATENCY, 0.005).explain().startswith(told)


INF = math.inf
P95S = [
    ({0.1: 190, 0.2: 200, INF: 200}, "PASS: bot: m: about 0.1 -> 0.1 s; 0 of 200 took over 0.2 s: 5 % are excluded; "),
    ({0.1: 100, 0.25: 150, 1.0: 200, INF: 200}, "FAIL: bot: m: about 0.1 -> 1 s; 50 of 200 took over 0.25 s: more tha"),
    ({0.1: 10, 0.25: 12, 1.0: 12, INF: 12}, "INCONCLUSIVE: bot: m: about 0.1 -> 0.25 s; 0 of 12 took over 0.25 s: up "),
    ({0.1: 200, INF: 200}, "INCONCLUSIVE: bot: m: no bucket ends at or above 0.2 s: the histogram cannot show it"),
    ({}, "INCONCLUSIVE: bot: m: expected calls on both sides, found 200 before and 0 after"),
]


@pytest.mark.parametrize(("after", "told"), P95S)
def test_p95_of_a_histogram_is_judged_by_calls_above_a_bucket(after, told):
    before = {0.1: 190, 0.25: 200, 1.0: 200, INF: 200}
    assert judge_p95("bot", "m", before, after, LATENCY, 0.005).explain().startswith(told)
    blind = "expected calls on both sides, found 0 before and 200 after"
    assert judge_p95("bot", "m", {}, before, LATENCY, 0.005).reason == blind


TAILS = [
    ([0.24] * 196 + [0.5] * 4, "PASS: bot: m: about 0.12 -> 0.24 s; 4 of 200 took over 0.24 s: 5 % are excluded; smal"),
    ([0.1] * 160 + [0.5] * 40, "FAIL: bot: m: about 0.12 -> 0.5 s; 40 of 200 took over 0.24 s: more than 5 % (p = 6.4"),
    ([0.1] * 20, "INCONCLUSIVE: bot: m: about 0.12 -> 0.1 s; 0 of 20 took over 0.24 s: up to 13.9% are possible: too "),
    ([], "INCONCLUSIVE: bot: m: expected calls on both sides, found 100 before and 0 after"),
]


@pytest.mark.parametrize(("after", "told"), TAILS)
def test_p95_of_our_own_requests_is_judged_by_those_over_twice_the_baselines(after, told):
    assert judge_tail("bot", "m", [0.12] * 100, after, LATENCY, 0.005).explain().startswith(told)


def test_a_comparison_is_kept_with_all_its_numbers():
    kept = judge_levels("bot", "m", [0.2] * 2, [0.8] * 3, LATENCY, 0.005).as_json()
    assert kept["detectable"] == "none with 2 and 3 windows"
    assert judge_levels("bot", "m", [0.2] * 8, [0.1, 0.9] * 4, LATENCY, 0.005).detectable == "3 x, 0.6 s"
    assert (kept["before"], kept["after"], kept["low"], kept["high"], kept["samples"]) == (0.2, 0.8, 0.0, "inf", [2, 3])
    errors = judge_errors("bot", "m", Count(3, 500), Count(30, 250), 0.005).as_json()
    assert (errors["before"], errors["after"], errors["effect"], errors["samples"]) == (0.006, 0.12, 20, [500, 250])
    none = judge_errors("bot", "m", Count(0, 0), Count(1, 250), 0.005)
    assert (none.before, none.effect, judge_errors("bot", "m", Count(0, 9), Count(1, 9), 0.005).effect) == (None,) * 3
    tail = judge_tail("bot", "m", [0.2] * 9, [0.5] * 8, LATENCY, 0.005)
    assert (tail.before, tail.after, tail.effect, tail.samples) == (0.2, 0.5, 2.5, (9, 8))
    assert (tail.detectable, none.detectable) == ("4 calls over 0.4 s", "19 errors (7.6%)")


def test_a_longer_stretch_after_is_no_alarm():
    """Four times as long and as many requests: no measure may depend on the length of its windows."""
    alarms = 0
    for seed in range(200):
        dice = random.Random(seed)
        alarms += bool(red(stretch(dice, errors=0.0, requests=15), stretch(dice, errors=0.0, requests=65, seconds=960)))
    assert alarms <= 10


def told(before, after):
    """What is told without a test of numbers."""
    return [each.explain() for each in compare(before, after) if not any(each.samples)]


def test_a_lost_service_or_family_is_never_good():
    before = replace(stretch(random.Random(1)), alerts=("Old{}",), disk_free=None)
    gone = replace(before, services={})
    silent = replace(before, services={"butler-bot": replace(before.services["butler-bot"], calls={}, probes=())})
    lost = "butler_messages: exported before and not now: was a flag rolled back, were there no calls, or is the metric"
    no_disk = "archives: free disk: the disk of the archives cannot be seen from this host"
    assert told(before, gone)[0].startswith("INCONCLUSIVE: butler-bot: up: expected scrapes, found none")
    assert told(before, gone)[1] == told(before, silent)[1] == f"INCONCLUSIVE: butler-bot: {lost} lost?"
    assert told(before, silent)[2:] == [
        "SKIPPED: butler-bot: our own requests: sent before only: there is nothing to compare",
        "PASS: alerts: firing: none fires that did not before (1 did)",
        f"SKIPPED: {no_disk}",
    ]
    assert "sent after only: " in told(silent, before)[2]
    assert told(replace(before, disk_free=1), before)[-1] == f"INCONCLUSIVE: {no_disk}"


def test_a_service_that_is_down_an_alert_that_is_new_and_a_disk_that_fills_are_told():
    before = replace(stretch(random.Random(1)), alerts=("Old{}",))
    readings = before.services["butler-bot"]
    down = replace(readings, up=[*readings.up[:-1], (before.end, 0.0)])
    after = replace(before, services={"butler-bot": down}, alerts=("New{}", "Old{}"), disk_free=2**33)
    assert told(before, after) == [
        "FAIL: butler-bot: up: down at the end; down in 1 of 17 samples",
        "FAIL: alerts: firing: new: New{}",
        "FAIL: archives: free disk: 32.0 -> 8.0 GiB, expected at least 50% of what was free",
    ]
    up, _, disk = told(before, replace(before, disk_free=2**34))
    assert (up[:29], disk[:46]) == ("PASS: butler-bot: up: up at t", "PASS: archives: free disk: 32.0 -> 16.0 GiB, e")


def test_the_level_is_for_all_comparisons_and_times_together():
    whole, count = stretch(random.Random(1)), Count(4, 400)
    for times, found in ((1, compare(whole, whole)), (4, compare(whole, whole, 4))):
        assert judge_errors("butler-bot", "errors of our own requests", count, count, 0.05 / 8 / times) in found


def test_a_family_that_a_flag_brought_is_judged_without_a_baseline():
    after = stretch(random.Random(1), errors=0.0)
    before = replace(after, services={"butler-bot": replace(after.services["butler-bot"], calls={})})
    results = {result.measure: result.verdict for result in compare(before, after)}
    assert (results["errors of butler_messages"], results["latency of butler_messages"]) == ("PASS", "SKIPPED")


def test_figures_are_worked_out_from_raw_samples():
    """Of six windows of ten seconds."""
    total, seconds = [(0, 0), (10, 40), (60, 100)], [(0, 0), (10, 4), (60, 13)]
    buckets = {"0.12345": [(60, 50)], "0.25": [(60, 96)], "+Inf": [(60, 100)]}
    readings = Readings(
        up=[(5, 1.0), (10, 0.0)],
        cpu=[(5, 1.0), (10, 2.0), (20, 4.5), (45, 6.0)],
        memory=[(at, mib * 2**20) for at, mib in ((0, 999.0), (5, 100.0), (10, 300.0), (60, 50.26), (61, 999.0))],
        calls={"messages": Calls(total, [(60, 3)], seconds, buckets)},
        probes=[Probe(0, 1.0), Probe(5, 0.123456, "bad"), Probe(10, 0.2), Probe(11, 0.4), Probe(60, 0.8)],
    )
    tiny = Baseline("here", 0, 60, 5, {"bot": readings})
    assert cpu_levels(readings, tiny) == pytest.approx([0.25, 0.15])
    assert memory_levels(readings, tiny) == pytest.approx([300, 50.26])
    assert mean_latencies(readings.calls["messages"], tiny) == pytest.approx([0.1, 0.15])
    assert probe_means(readings.probes, tiny) == pytest.approx([0.161728, 0.4, 0.8])
    when = {"from": "1970-01-01T00:00:00+00:00", "to": "1970-01-01T00:01:00+00:00", "windows": 6}
    levels = {"up": "1 of 2 samples", "cpu_cores": 0.2, "memory_mib": 175.1}
    calls = {"messages": {"errors": 3, "total": 100, "p50": 0.1235, "p95": 0.25}}
    own = {"errors": 1, "total": 5, "p50": 0.4, "p95": 1.0, "p99": 1.0}
    assert figures(tiny) == {**when, "services": {"bot": {**levels, "calls": calls, "own_requests": own}}}
    assert figures(replace(tiny, services={"bot": Readings()}))["services"]["bot"]["cpu_cores"] is None
    short, long = replace(tiny, end=9), replace(tiny, end=1000)
    assert (short.windows(), len(long.windows()), long.windows()[1]) == ([(0, 9)], 8, (125, 250))


def test_a_baseline_comes_back_from_its_file(tmp_path):
    file, before = tmp_path / "b.json", replace(stretch(random.Random(3)), alerts=["Old{}"])
    save(before, file)
    save(before, file)
    kept = json.loads(file.read_text())
    assert (load(file), kept["format"], kept["summary"]) == (before, 1, figures(before))
    del kept["services"]["butler-bot"]["resources"]  # as an older suite wrote it
    file.write_text(json.dumps(kept))
    assert load(file) == before


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"services": {"bot": 1}}', '{"services": []}'])
def test_what_is_no_baseline_is_refused_by_name(tmp_path, content):
    (tmp_path / "b.json").write_text(content)
    with pytest.raises(Inconclusive, match=r"b\.json: expected a baseline"):
        load(tmp_path / "b.json")
    with pytest.raises(Refused, match=r"b\.json: expected a new file") if content else nullcontext():
        save(stretch(random.Random(3)), tmp_path / "b.json")


def test_gaps_name_a_service_that_was_down_unscraped_or_failed_our_requests():
    good = stretch(random.Random(3), errors=0.0)
    readings = good.services["butler-bot"]
    assert gaps(good) == []
    bad = {
        "no_data": Readings(),
        "down": replace(readings, up=[(1.0, 1.0), (2.0, 0.0)]),
        "blind": replace(readings, memory=()),
        "idle": replace(readings, cpu=()),
        "failing": replace(readings, probes=(Probe(1.0, 0.1), Probe(1.0, 0.1, "500"), Probe(1.0, 0.1, "400"))),
    }
    found = gaps(replace(good, services=bad))
    assert [gap.subject for gap in found] == list(bad)
    assert [gap.found for gap in found][1::3] == ["it down at the end of 2 samples", "2 of 3 that failed, first: 500"]


def test_resources_that_are_declared_absent_are_no_gap_and_not_compared(tmp_path):
    whole = stretch(random.Random(3), errors=0.0)
    bare = replace(whole.services["butler-bot"], cpu=(), memory=(), resources=False)
    seen = replace(whole, services={"butler-bot": bare})
    save(seen, tmp_path / FILE)
    judged = {each.measure: each.verdict for each in compare(load(tmp_path / FILE), seen)}
    assert (gaps(seen), judged["CPU and memory"], "CPU" in judged) == ([], Verdict.SKIPPED, False)


def test_baseline_that_counted_fewer_calls_than_we_made_is_none():
    """Found out a day later, there is nothing to compare with; or its rates are of another time than its requests."""
    full, all_good = stretch(random.Random(21)), stretch(random.Random(21), errors=0.0).services["butler-bot"]
    [(family, calls)] = all_good.calls.items()
    half = {family: replace(calls, total=calls.total[: len(calls.total) // 8])}
    few = {"dialog_context_repository": Calls(total=[(full.end, 1.0)])}

    def told(counted):
        return uncounted(replace(full, services={"butler-bot": replace(all_good, calls=counted)}))

    assert told(all_good.calls | few) == ""
    assert "found 0 of every service, while we sent 400 good requests" in told({})
    assert re.search(r"found [1-9]\d* in butler_messages of butler-bot, while we sent 400 good", told(half))


def test_a_counter_grows_over_a_restart_and_from_its_first_appearance():
    assert growth([(0, 5), (10, 9), (20, 2), (30, 4)], 0, 30) == 8
    assert growth([(10, 3), (20, 4)], 0, 30) == 4
    assert growth([(0, 5), (10, 9)], 10, 30) == 0


def test_levels_are_no_worse_below_what_nobody_notices():
    assert {family.latency.rpartition("_")[2] for family in FAMILIES} == {"seconds"}
    assert (CPU.allowed(0.1), MEMORY.allowed(1000), MEMORY.allowed(9)) == (0.5, 1500, 384)


@pytest.fixture
def records(tmp_path):
    """A run's folder beside the records of two earlier runs and of another target's, whose baseline is broken."""
    for seed, (name, target) in enumerate((("here-1", "here"), ("here-0", "here"), ("here-too-1", "here-too"))):
        file = tmp_path / "reports" / name / FILE
        file.parent.mkdir(parents=True)
        RunStarted(run_id=name, target={"name": target}).tell(EventLog(file.with_name("events.jsonl")))
        save(replace(stretch(random.Random(seed), errors=0.0), target=target), file)
        os.utime(file, 2 * ((0, -1, 9)[seed],))  # as a copy has them
    file.write_text("{")
    return tmp_path / "reports" / "here-2"


def test_given_baseline_is_taken_instead_of_the_newest_record(records, tmp_path):
    save(stretch(random.Random(2), errors=0.0), tmp_path / "given.json")
    assert baseline_of("here", records, tmp_path / "given.json") == load(tmp_path / "given.json")
    assert baseline_of("here", records, None) == load(records.parent / "here-0" / FILE)


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


@pytest.fixture
def collected(tmp_path):
    """Collect a baseline of the worker, of which Prometheus holds one counter up to a time; gives what it was asked."""

    def collect_until(last, end=1060.0, up=1.0, **options):
        asked = []

        def samples(measure, _job, start, end, step):
            asked.append((measure.query, start, end, step))
            new_path = measure.query.startswith("dialog_context_repository_operations")
            row = Row({"instance": "a"}, [(at, float(at)) for at in range(900, last + 1, 5)])
            return Samples(start, end, step, [row] if new_path else [], up=[Row({"instance": "a"}, [(1060, 1.0)])])

        found = {"": [(1000.0, up)]} if up is not None else {}
        server = SimpleNamespace(samples=samples, range=lambda *_: found, firing_alerts=lambda: {"b", "a"}, url="here")
        service = SimpleNamespace(key="worker", name="butler-worker", job="worker")
        target = SimpleNamespace(
            name="here",
            scrape_interval_s=5,
            services={"worker": service},
            has_resources=lambda _: True,
            storage=SimpleNamespace(root=tmp_path),
        )
        return collect(target, server, 60, end=end, **options), asked

    return collect_until


@pytest.mark.parametrize(("last", "exported"), [(1000, False), (1010, True)], ids=["restored before", "still on"])
def test_a_metric_that_ended_before_the_stretch_is_not_of_it(last, exported, collected):
    """After a rehearsal Prometheus holds the new path's counters for a while: nobody calls them any more."""
    probes = {"butler-worker": [Probe(1, 1)]}
    found, asked = collected(last, probes=probes)
    readings = found.services["butler-worker"]
    gained = [(1000, 0), (1005, 5), (1010, 10)]
    calls = Calls(total=gained, errors=gained, seconds=[])
    assert readings.calls == ({"dialog_context_repository": calls} if exported else {})
    assert (readings.probes, found.alerts, found.disk_free is None) == ((Probe(1, 1),), ("a", "b"), False)
    errors = 'dialog_context_repository_operations_total{job="worker",status="error"}'
    assert ((errors, 1000, 1060, 5) in asked) is exported
    assert asked[1][0] == 'dialog_context_repository_operations_total{job="worker"}'


def test_a_stretch_begins_no_finer_than_prometheus_answers(collected):
    found, asked = collected(1000, end=1060.00123)
    assert (found.start, found.end, asked[0][1:]) == (1000.001, 1060.001, (1000.001, 1060.001, 5))
    with pytest.raises(Inconclusive, match="holds no sample of the jobs worker of the last 60 s"):
        collected(1000, up=None)


@pytest.mark.parametrize(("slow", "said", "more"), [(0, "PASS", False), (1, "INCONCLUSIVE", True), (30, "FAIL", False)])
def test_one_slow_request_of_few_asks_for_a_longer_stretch(slow, said, more):
    judged = judge_tail("bot", "p95", [0.02] * 65, [0.02] * (65 - slow) + [0.5] * slow, LATENCY, 0.01)
    assert (judged.verdict, wants_more([judged])) == (said, more)


def test_a_longer_stretch_does_not_help_where_nothing_was_seen_or_something_is_worse():
    nothing = judge_errors("bot", "errors", Count(0, 15), Count(0, 0), 0.01)
    unclear = judge_tail("bot", "p95", [0.02] * 65, [0.02] * 64 + [0.5], LATENCY, 0.01)
    assert not wants_more([nothing])
    assert not wants_more([unclear, replace(nothing, verdict=Verdict.FAIL)])


@pytest.mark.parametrize(
    ("worse", "again"),
    [
        (["p95 latency of x", "CPU"], True),
        (["p95 latency of x", "errors of x"], False),
        (["memory"], False),
        ([], False),
    ],
)
def test_what_a_busy_minute_makes_worse_is_looked_at_once_more(worse, again):
    good = judge_errors("bot", "errors", Count(0, 90), Count(0, 90), 0.01)
    found = [good, *(replace(good, measure=each, verdict=Verdict.FAIL) for each in worse)]
    assert may_pass(found) == again
