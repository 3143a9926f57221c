"""Judging: numbers in, verdict out. Each test is a way in which PromQL alone would have been blind."""

import math
from dataclasses import replace

import pytest
from samples_of import buckets, row, samples

from acceptance.gates.judging import curve, fewest, judge, quantile_edge, traffic_fault
from acceptance.gates.measures import Gate
from acceptance.gates.series import gained, histograms, increase, shown
from acceptance.verdict import Verdict

NAN = math.nan


def gate(kind="count", threshold="== 0", total="total", unit=""):
    return Gate("g", "title", ("i",), kind, "query", threshold, total=total, unit=unit)


def test_each_instance_has_a_histogram_of_its_own():
    rows = [row((0, 0), (2, count), instance=name, le="+Inf") for name, count in (("a", 1), ("b", 2))]
    assert [each.count.points[-1][1] for each in histograms(rows)] == [1, 2]
    assert shown({"__name__": "up", "B": "2", "a": "1"}) == 'up{B="2",a="1"}'


def a(*points):
    return row(*points, instance="a")


def b(*points):
    return row(*points, instance="b")


ALL_70 = a((0, 70), (1, 70), (2, 70))
ERRORS = {
    "the first error that a series ever shows": ([(2, 1)], "FAIL", 1),  # rate() gives 0: a single sample, at 1
    "none": ([], "PASS", 0),
    "before the window": ([(0, 7), (1, 7), (2, 7)], "PASS", 0),
    "of the second instance": ([a((0, 3), (1, 3), (2, 3)), b((0, 0), (1, 0), (2, 50))], "FAIL", 50),
    "none of two": ([ALL_70, b((0, 5), (1, 5), (2, 5))], "PASS", 0),
    "of one instance, after its restart": ([ALL_70, b((0, 5), (1, 0), (2, 5))], "FAIL", 5),
    "a restart of one behind the other": ([ALL_70, b((0, 60), (1, 0), (2, 10))], "FAIL", 10),
    "a sample before the window is no number": ([(-1, 7), (0, NAN), (1, 7), (2, 8)], "FAIL", 1),
}


@pytest.mark.parametrize(("errors", "verdict", "value"), ERRORS.values(), ids=ERRORS)
def test_errors_are_counted_for_each_series_and_then_added(errors, verdict, value):
    result = judge(gate(), samples(errors))
    assert (result.verdict, result.value or 0) == (verdict, value)


@pytest.mark.parametrize(("errors", "of", "verdict"), [(0, 4, "INCONCLUSIVE"), (0, 5, "PASS"), (1, 1, "FAIL")])
def test_no_error_among_too_few_events_is_no_good_sign(errors, of, verdict):
    result = judge(gate(), samples([(0, 0), (2, errors)], total=[(0, 0), (2, of)]))
    few = result.reason == "expected at least 5 events to judge by, found 4"
    assert (result.verdict, few) == (verdict, verdict == "INCONCLUSIVE")


@pytest.mark.parametrize(("begun", "gain"), [(99.95, 1), (100.05, 1), (100.5, 3)], ids=["as", "worked out", "new"])
def test_new_process_begins_at_nought_even_where_its_counter_does_not_fall(begun, gain):
    errors = [row((0, 2), (1, 2), (2, 3), instance="a")]
    held = samples(errors, started=[row((0, 100.0), (1, 100.0), (2, begun), instance="a")])
    assert (increase(errors, held), held.fault()) == (gain, "")


def test_counter_that_fell_shows_that_all_of_its_process_began_again():
    """Where the start of a process is not exported, an error before its restart would hide one after it."""
    errors, total = ([row((0, 1), (1, 1), (2, 1), instance="a")], [row((0, 90), (1, 95), (2, 5), instance="a")])
    held = samples(errors, total)
    assert (increase(errors, held), held.restarts) == (1, {"a": [2]})


@pytest.mark.parametrize(("found", "gain"), [(1, 6), (0, 1)], ids=["not exported", "failed"])
def test_good_scrape_that_did_not_find_a_counter_was_of_a_new_process(found, gain):
    """It is exported from its first event on, and may be where the old one's was when it is seen again."""
    errors, total = [a((0, 5), (2, 6))], [a((0, 90), (1, 90), (2, 96))]
    held = samples(errors, total, up=[a((0, 1), (1, found), (2, 1))])
    assert (increase(errors, held), held.restarts) == (gain, {"a": [1]} if found else {})


def test_a_counter_that_comes_back_late_shows_no_second_restart():
    """It is exported from its first event on: a trigger took the refusals since the restart for those of a moment."""
    errors = [row((-9, 13), (1, 12), (8, 12), instance="a")]
    total = [row((-9, 4), (8, 1), instance="a"), row((1, 80), (8, 81), instance="a")]
    up = [row((-9, 1), (1, 1), (8, 1), instance="a")]
    held = samples(errors, total, end=10, up=up)
    assert (increase(errors, held), increase(total, held), gained(errors, held)[8]) == (12, 82, 0)
    assert held.restarts == {"a": [1]}


def test_series_that_ends_with_its_process_is_missed_by_nobody():
    """The clock of its host is behind: the new process says that it began before the old one was scraped last."""
    started = [row((0, -50.0), (3, -50.0), (4, -49.5), (10, -49.5))]
    held = samples([row((0, 0), (3, 0))], [row((0, 0), (3, 50), (4, 5), (10, 90))], end=10, started=started)
    assert judge(gate(), held).verdict is Verdict.PASS


@pytest.mark.parametrize(("errors", "verdict"), [(0, "PASS"), (3, "FAIL")])
def test_a_label_that_changes_with_a_restart_is_that_of_one_instance(errors, verdict):
    """A pod has another name after it."""
    old, new = {"instance": "a", "pod": "x"}, {"instance": "a", "pod": "y"}
    up = [row(*((at, 1) for at in range(4)), **old), row(*((at, 1) for at in range(4, 11)), **new)]
    started = [row((0, -50.0), (3, -50.0), **old), row((4, 3.5), (10, 3.5), **new)]
    total = [row((0, 0), (3, 20), **old), row((4, 5), (10, 60), **new)]
    held = samples([row((0, 0), (3, 0), **old), row((10, errors), **new)], total, end=10, up=up, started=started)
    result = judge(gate(), held)
    assert (result.verdict, result.value, result.samples) == (verdict, errors, 80)


@pytest.mark.parametrize(("last", "missed"), [(-1, False), (0, False), (1, True), (7, True), (8, False)])
def test_series_that_ends_before_its_process_does_is_missed(last, missed):
    held = samples([row((-2, 0), (last, 0))], [(0, 0), (10, 9)], end=10, started=[row((-3, -50.0), (10, -49.95))])
    assert held.fault() == (f"{{}} ended at {last}, although its process is scraped: renamed or dropped?" * missed)


OLD, NEW = ((-5, -1), (0, 10))
UP = {
    "another address after the restart": ([OLD, NEW], 10, -1),
    "another address a scrape later": ([OLD, (1, 10)], 10, 10),
    "two, one after the other": ([OLD, (-5, 3), NEW, (4, 10)], 10, 3),
    "one more": ([(-5, 10), (6, 10)], 10, 10),
    "one of two is gone": ([(-5, 10), OLD], 0, -1),
    "one of two that came one after the other is gone": ([OLD, (-4, 10)], 0, -1),
    "another that came soon": ([OLD, (-3, 10)], 10, -1),
    "one of two goes": ([(-5, 10), (-5, 4)], 4, 4),
    "first seen late": ([(6, 10)], 5, 10),
    "the one that came is late": ([OLD, (6, 10)], 5, 10),
    "another at the last moment": ([(-5, 8), (9, 10)], 10, 10),
    "one more at the last moment": ([(-5, 9), (9, 10)], 9, 10),
    "a scrape is missing at either end": ([(2, 9)], 8, 9),
    "none": ([], 0, 0),
}


@pytest.mark.parametrize(("scraped", "reported", "newest"), UP.values(), ids=UP)
def test_an_instance_that_came_for_another_is_half_of_no_service(scraped, reported, newest):
    up = [row(*((at, 1) for at in range(a, b + 1)), instance=f"{n}") for n, (a, b) in enumerate(scraped)]
    held = samples([], [(0, 0), (10, 90)], end=10, up=up)
    assert (held.reported, held.newest, held.expected) == (reported, newest, 10)
    assert judge(gate(), held).verdict == ("PASS" if reported >= 8 else "INCONCLUSIVE")


START = [row((0, 100.0), (1, 100.0), (2, 100.0), instance="a")]
NO_DATA = {
    "prometheus was down": (samples([], up=[]), "not scraped"),
    "one of two instances was not scraped": (samples([], up=[row((1, 1), (2, 1)), row((0, 1))]), "not scraped"),
    "metric misspelt": (samples([], total=()), "no series for total; expected one once the flag is on"),
    "no traffic": (samples([], total=((0, 0), (1, 0), (2, 0))), "at least 1 event to judge by, found 0"),
    "gap in the window": (samples([], end=10, up=[row((1, 1), (2, 1))]), "expected 10 scrapes in the window, found 2"),
    "down for a while": (samples([], end=9, up=[row(*((at, at > 3) for at in range(10)))]), "expected 9 scrapes"),
    "a sample is no number": (samples([(0, 3), (1, NAN), (2, math.inf)]), "2 samples are no number (nan)"),
    "a gauge that is no counter": (samples([(0, 0), (1, -1), (2, -2)]), "{} is negative: it is no counter"),
    "a sample of the total is infinite": (samples([], total=[(0, 0), (1, math.inf)]), "no number (inf)"),
    "one process is scraped twice": (
        samples([], started=[*START, row((1, 100.0), (2, 100.0), instance="b")]),
        "scraped more than once, as a and b",
    ),
    "the errors are counted under another name": (
        samples([row((0, 0), (3, 0))], [row((0, 0), (10, 90))], end=10, started=[row((0, -50.0), (10, -50.0))]),
        "ended at 3, although its process is scraped",
    ),
    "a pair of servers": (
        samples([], up=[row((0, 1), (1, 1), (2, 1), instance="a", replica=each) for each in "01"]),
        'a target is there twice, as {instance="a",replica="0"} and {instance="a",replica="1"}',
    ),
    "two targets without a name": (samples([], up=[row((0, 1), (1, 1), (2, 1), pod=each) for each in "ab"]), "twice"),
    "a counter that is pushed": (
        samples([row((1, 5), (2, 5), instance="job")], up=[row((0, 1), (1, 1), (2, 1), instance="a")]),
        'instance="job"} is of no target that is scraped',
    ),
    "two processes answer in turn": (
        samples([], started=[row((0, 100.0), (1, 200.0), (2, 100.0), instance="a")]),
        "two processes answer in turn at a",
    ),
}


@pytest.mark.parametrize(("held", "reason"), NO_DATA.values(), ids=NO_DATA)
def test_no_data_is_inconclusive(held, reason):
    result = judge(gate(), held)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert reason in result.reason


def slow(share, of=100, edge="0_1"):
    """A histogram of so many observations, of which this share is over the edge."""
    return buckets(**{f"le_{edge}": [(0, 0), (2, round(of * (1 - share)))], "le_inf": [(0, 0), (2, of)]})


P95 = gate("quantile", "< 0.1", unit="s")


LATENCIES = {
    "3 % are slow": (slow(0.03), 100, "PASS"),
    "just as many as may be": (slow(0.05), 100, "PASS"),
    "20 % are slow": (slow(0.2), 100, "FAIL"),
    "all of few": (slow(1, 3), 3, "FAIL"),
    "none of few": (slow(0, 3), 3, "INCONCLUSIVE"),
    "over the edge below: how slow is not known": (slow(1, edge="0_05"), 100, "INCONCLUSIVE"),
    "over the edge above": (slow(1, edge="0_25"), 100, "FAIL"),
    "within the edge above: how fast is not known": (slow(0, edge="0_25"), 100, "INCONCLUSIVE"),
}


@pytest.mark.parametrize(("rows", "of", "verdict"), LATENCIES.values(), ids=LATENCIES)
def test_latency_is_judged_by_how_many_were_over_the_threshold(rows, of, verdict):
    result = judge(P95, samples(rows, [(0, 0), (2, of)]))
    assert result.verdict == verdict, result.reason
    assert result.reason.endswith(" over 0.1 s")


def test_errors_and_requests_of_different_scrapes_are_one_share():
    """An error is counted a scrape before its request."""
    held = samples([(0, 0), (1, 1)], [(0, 0), (2, 20), (3, 50)], end=3)
    result = judge(gate("ratio", "<= 0.05"), held)
    assert (result.reason, result.samples) == ("expected at most 0.05 of them, found 1 of 51", 51)
    assert ([*map(str, result.series)], result.value) == (["(1, nan)", "(2, 0.05)", "(3, 0.02)"], 0.02)
    assert curve(gate(), held) == [(1, 1), (2, 1), (3, 1)]


def test_worst_instance_is_judged_by_its_newest_value():
    rows = [row((0, 5), (1, 0.5), (2, 0.25), instance="a"), row((1, 0.25), (2, 3), instance="b")]
    result = judge(gate("value", "< 1", total="", unit="s"), samples(rows))
    assert result.series == [(1, 0.5), (2, 3)]
    assert result.explain() == "FAIL: title: expected < 1 s, found 3 over 2 samples [query]"
    result = judge(gate("value", "< 1", total=""), samples([row((0, 5))]))
    assert (result.verdict, result.reason, result.value) == (Verdict.INCONCLUSIVE, "no value came back", None)


def test_one_bound_is_one_bucket_however_it_is_spelt():
    """Prometheus 3 writes `1.0` where the one before it wrote `1`: the counter goes on."""
    rows = [row((0, 500), le="1"), row((1, 510), (2, 520), le="1.0"), row((0, 500), (1, 510), (2, 520), le="+Inf")]
    result = judge(gate("quantile", "< 1"), samples(rows, [(0, 500), (1, 510), (2, 520)]))
    assert (result.verdict, result.value, result.samples) == (Verdict.PASS, 1.0, 20)
    no_rows = judge(gate("quantile", "< 1"), samples([]))
    assert (no_rows.verdict, no_rows.reason) == (Verdict.INCONCLUSIVE, "no series for query")


def test_histogram_that_lacks_its_last_bucket_is_no_data():
    held = samples(buckets(le_0_1=[(0, 0), (2, 90)]), [(0, 0), (2, 100)])
    assert "has no bucket +Inf" in judge(P95, held).reason


def test_two_instances_with_different_buckets_are_counted_each_by_its_own():
    """The old release has no bucket at 0.1 s."""
    old = [row((0, 0), (2, 50), instance="a", le=le) for le in ("0.05", "+Inf")]
    new = [row((0, 0), (2, 50), instance="b", le=le) for le in ("0.1", "+Inf")]
    result = judge(P95, samples([*old, *new], [(0, 0), (2, 100)]))
    assert (result.verdict, result.reason.partition("found ")[2]) == (Verdict.PASS, "0 of 100 over 0.1 s")
    it = judge(replace(P95, quantile=0.7), samples(buckets(le_0_1=[(2, 1)], le_inf=[(1, 1), (2, 2)])))
    assert (it.reason.partition("found ")[2], it.series) == ("2; 1 are bad over 0.1 s", [(1, math.inf), (2, math.inf)])


@pytest.mark.parametrize(
    ("counts", "edge"),
    [({0.1: 50, 0.2: 100, math.inf: 100}, 0.2), ({0.1: 95, math.inf: 100}, 0.1), ({0.1: 94, math.inf: 100}, math.inf)],
)
def test_shown_quantile_is_a_bound_and_nothing_between_two(counts, edge):
    assert quantile_edge(counts, 0.95) == edge


def test_quantile_of_nothing_is_not_a_number():
    assert all(math.isnan(quantile_edge(counts, 0.95)) for counts in ({0.1: 0, math.inf: 0}, {}))


def test_so_many_events_find_out_a_service_that_is_bad_half_of_the_time():
    """At 5 %, 3 of 10 or of 11 are more than may be; half bad shows so many with 968 of 1,024 and 1,981 of 2,048."""
    assert [fewest(share) for share in (0.02, 0.05, 0.3)] == [8, 11, 67]


STILL, TWICE = "gained 4: metrics stand still, or an", "gained 10, 2 times as many: an instance is scraped more"
SENT = [(5, 5, 0, ""), (5, 6, 0, ""), (5, 4, 1, ""), (5, 10, 1, ""), (0, 9, 0, ""), (5, 4, 0, STILL), (5, 10, 0, TWICE)]


@pytest.mark.parametrize(("sent", "gained", "in_flight", "told"), SENT)
def test_counters_gain_what_we_sent_or_more_and_no_multiple_of_it(sent, gained, in_flight, told):
    expected = f"we sent {sent} good requests, and the counters {told}" if told else ""
    found = traffic_fault(sent, gained, in_flight)
    assert (found[: len(expected)] if told else found) == expected
