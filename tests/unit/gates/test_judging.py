"""Judging: numbers in, verdict out. Each test is a way in which PromQL alone would have been blind."""

import math

import pytest
from samples_of import buckets, row, samples

from acceptance.gates.judging import fewest, judge, quantile_edge
from acceptance.gates.measures import Gate
from acceptance.gates.series import gained, histograms, increase
from acceptance.verdict import Verdict

NAN = math.nan


def gate(kind="count", threshold="== 0", total="total", unit=""):
    return Gate("g", "title", ("i",), kind, "query", threshold, total=total, unit=unit)


def test_each_instance_has_a_histogram_of_its_own():
    rows = [row((0, 0), (2, count), instance=name, le="+Inf") for name, count in (("a", 1), ("b", 2))]
    assert [each.count.points[-1][1] for each in histograms(rows)] == [1, 2]


@pytest.mark.parametrize(
    ("errors", "verdict", "value"),
    [
        ([(2, 1)], "FAIL", 1),  # rate() gives 0 here: the series has a single sample, at 1
        ([], "PASS", 0),
        ([(0, 7), (1, 7), (2, 7)], "PASS", 0),
        ([row((0, 3), (2, 3), instance="a"), row((0, 0), (2, 50), instance="b")], "FAIL", 50),
        ([row((0, 70), (2, 70), instance="a"), row((0, 5), (2, 5), instance="b")], "PASS", 0),
        ([row((0, 70), (2, 70), instance="a"), row((0, 5), (1, 0), (2, 5), instance="b")], "FAIL", 5),
        ([row((0, 70), (1, 70), (2, 70), instance="a"), row((0, 5), (2, 5), instance="b")], "PASS", 0),
        ([row((0, 70), (2, 70), instance="a"), row((0, 60), (1, 0), (2, 10), instance="b")], "FAIL", 10),
    ],
    ids=[
        "the first error that a series ever shows",
        "none",
        "before the window",
        "of the second instance",
        "none of two",
        "of one instance, after its restart",
        "a failed scrape of one instance is no error",
        "a restart of one behind the other",
    ],
)
def test_errors_are_counted_for_each_series_and_then_added(errors, verdict, value):
    result = judge(gate(), samples(errors))
    assert (result.verdict, result.value or 0) == (verdict, value)


@pytest.mark.parametrize(("errors", "of", "verdict"), [(0, 4, "INCONCLUSIVE"), (0, 5, "PASS"), (1, 4, "FAIL")])
def test_no_error_among_too_few_events_is_no_good_sign(errors, of, verdict):
    result = judge(gate(), samples([(0, 0), (2, errors)], total=[(0, 0), (2, of)]))
    few = result.reason == "expected at least 5 events to judge by, found 4"
    assert (result.verdict, few) == (verdict, verdict == "INCONCLUSIVE")


def test_new_process_begins_at_nought_even_where_its_counter_does_not_fall():
    start = row((0, 100.0), (1, 100.0), (2, 200.0), instance="a")
    errors = [row((0, 2), (1, 2), (2, 3), instance="a")]
    assert increase(errors, samples(errors, started=[start])) == 3


def test_counter_that_fell_shows_that_all_of_its_process_began_again():
    """Where the start of a process is not exported, an error before its restart would hide one after it."""
    errors, total = ([row((0, 1), (1, 1), (2, 1), instance="a")], [row((0, 90), (1, 95), (2, 5), instance="a")])
    assert increase(errors, samples(errors, total)) == 1


def test_a_counter_that_comes_back_late_shows_no_second_restart():
    """It is exported from its first event on: a trigger took the refusals since the restart for those of a moment."""
    errors = [row((-9, 13), (1, 12), (8, 12), instance="a")]
    total = [row((-9, 4), (8, 1), instance="a"), row((1, 80), (8, 81), instance="a")]
    up = [row((-9, 1), (1, 1), (8, 1), instance="a")]
    held = samples(errors, total, end=10, up=up)
    assert (increase(errors, held), increase(total, held), dict(gained(errors, held))[8]) == (12, 82, 0)


def test_series_that_ends_with_its_process_is_missed_by_nobody():
    """The clock of its host is behind: the new process says that it began before the old one was scraped last."""
    started = [row((0, -50.0), (3, -50.0), (4, 1.0), (10, 1.0))]
    held = samples([row((0, 0), (3, 0))], [row((0, 0), (3, 50), (4, 5), (10, 90))], end=10, started=started)
    assert judge(gate(), held).verdict is Verdict.PASS


OLD, NEW = ((-5, -1), (0, 10))
UP = {
    "another address after the restart": ([(OLD, "a"), (NEW, "b")], "PASS"),
    "two, one after the other": ([(OLD, "a"), ((-5, 3), "b"), (NEW, "c"), ((4, 10), "d")], "PASS"),
    "one more": ([((-5, 10), "a"), ((6, 10), "b")], "PASS"),
    "one of two is gone": ([((-5, 10), "a"), (OLD, "b")], "INCONCLUSIVE"),
    "one of two goes": ([((-5, 10), "a"), ((-5, 4), "b")], "INCONCLUSIVE"),
    "first seen late": ([((6, 10), "a")], "INCONCLUSIVE"),
    "the one that came is late": ([(OLD, "a"), ((6, 10), "b")], "INCONCLUSIVE"),
}


@pytest.mark.parametrize(("scraped", "verdict"), UP.values(), ids=UP)
def test_an_instance_that_came_for_another_is_half_of_no_service(scraped, verdict):
    up = [row(*((at, 1) for at in range(first, last + 1)), instance=name) for (first, last), name in scraped]
    assert judge(gate(), samples([], [(0, 0), (10, 90)], end=10, up=up)).verdict == verdict


START = [row((0, 100.0), (1, 100.0), (2, 100.0), instance="a")]
NO_DATA = {
    "prometheus was down": (samples([], up=[]), "not scraped"),
    "one of two instances was not scraped": (samples([], up=[row((1, 1), (2, 1)), row((0, 1))]), "not scraped"),
    "metric misspelt": (samples([], total=()), "no series"),
    "no traffic": (samples([], total=((0, 0), (1, 0), (2, 0))), "at least 1 event to judge by, found 0"),
    "gap in the window": (samples([], end=10, up=[row((1, 1), (2, 1))]), "expected 10 scrapes"),
    "a sample is no number": (samples([(0, 3), (1, NAN), (2, 8)]), "1 samples are no number (nan)"),
    "a sample of the total is infinite": (samples([], total=[(0, 0), (1, math.inf)]), "no number (inf)"),
    "one process is scraped twice": (
        samples([], started=[*START, row((1, 100.0), (2, 100.0), instance="b")]),
        "scraped more than once, as a and b",
    ),
    "the errors are counted under another name": (
        samples([row((0, 0), (3, 0))], [row((0, 0), (10, 90))], end=10, started=[row((0, -50.0), (10, -50.0))]),
        "ended at 3, although its process is scraped",
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


def test_one_bound_is_one_bucket_however_it_is_spelt():
    """Prometheus 3 writes `1.0` where the one before it wrote `1`: the counter goes on."""
    rows = [row((0, 500), le="1"), row((1, 510), (2, 520), le="1.0"), row((0, 500), (1, 510), (2, 520), le="+Inf")]
    result = judge(gate("quantile", "< 1"), samples(rows, [(0, 500), (2, 520)]))
    assert (result.verdict, result.value, result.samples) == (Verdict.PASS, 1.0, 20)


def test_histogram_that_lacks_its_last_bucket_is_no_data():
    held = samples(buckets(le_0_1=[(0, 0), (2, 90)]), [(0, 0), (2, 100)])
    assert "has no bucket +Inf" in judge(P95, held).reason


def test_two_instances_with_different_buckets_are_counted_each_by_its_own():
    """The old release has no bucket at 0.1 s."""
    old = [row((0, 0), (2, 50), instance="a", le=le) for le in ("0.05", "+Inf")]
    new = [row((0, 0), (2, 50), instance="b", le=le) for le in ("0.1", "+Inf")]
    assert judge(P95, samples([*old, *new], [(0, 0), (2, 100)])).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("counts", "edge"),
    [({0.1: 50, 0.2: 100, math.inf: 100}, 0.2), ({0.1: 95, math.inf: 100}, 0.1), ({0.1: 94, math.inf: 100}, math.inf)],
)
def test_shown_quantile_is_a_bound_and_nothing_between_two(counts, edge):
    assert quantile_edge(counts, 0.95) == edge


def test_quantile_of_nothing_is_not_a_number():
    assert math.isnan(quantile_edge({0.1: 0, math.inf: 0}, 0.95))


def test_so_many_events_find_out_a_service_that_is_bad_half_of_the_time():
    assert 9 <= fewest(0.05) <= 15
