"""Triggers: one spike is no broken release, a good beginning hides no late trouble, our own probes are no news."""

import math

import pytest

from acceptance.gates.measures import Samples, Trigger
from acceptance.gates.triggers import fired, fires

MINUTE = 60
ALL_GOOD_TO_THE_END = [(at, 10.0 * at) for at in range(0, 40 * MINUTE, 15)]


def trigger(kind="ratio", threshold="> 0.05", **facts):
    return Trigger("t", "title", ("trigger.1",), kind, "bad", threshold, total="total", **facts)


def samples(query, total=((0, 0), (1, 5), (2, 10)), end=2, start=0):
    return Samples(start, end, 1, {"": query} if isinstance(query, list) else query, total, end)


def going_bad(at_second, share):
    """Ten requests a second for 40 minutes, of which this share fails from then on."""
    return [(at, max(0, at - at_second) * 10 * share) for at, _ in ALL_GOOD_TO_THE_END]


def test_trigger_needs_its_k_of_n():
    spike = samples([(0, 0), (1, 0), (2, 1), (3, 1)], total=((0, 0), (1, 10), (2, 19), (3, 100)), end=3)
    assert fires(trigger(breaches=2, of=3), spike) is None
    assert fires(trigger(breaches=1, of=3), spike) is not None


def test_trigger_subtracts_what_our_own_probes_caused():
    ours = samples([(0, 0), (1, 2), (2, 4)])
    assert fires(trigger(), ours, own=4, quiet_since=2) is None
    assert fires(trigger(), ours, own=2, quiet_since=2).value == pytest.approx(0.2)


def test_trigger_is_quiet_while_what_is_counted_may_be_ours():
    assert fires(trigger(), samples([(0, 0), (1, 2), (2, 4)]), own=math.inf, quiet_since=math.inf) is None


def test_trigger_stays_quiet_below_its_fewest_samples():
    assert fires(trigger(min_samples=100), samples([(0, 0), (1, 5), (2, 10)])) is None


def test_release_that_goes_bad_late_is_not_diluted_by_its_good_beginning():
    late = samples(going_bad(38 * MINUTE, 0.3), ALL_GOOD_TO_THE_END, end=40 * MINUTE)
    fired = fires(trigger(breaches=3, of=5, min_samples=20), late)
    assert fired.value > 0.05
    assert "over the last 5 min" in fired.reason
    assert fires(trigger(breaches=3, of=5, min_samples=20, recent_minutes=60), late) is None


def test_latency_that_goes_bad_late_is_not_diluted_either():
    slow = going_bad(39 * MINUTE, 0.9)
    fast = [(at, good - bad) for (at, good), (_, bad) in zip(ALL_GOOD_TO_THE_END, slow, strict=True)]
    late = samples({"0.1": fast, "2.5": ALL_GOOD_TO_THE_END, "+Inf": ALL_GOOD_TO_THE_END}, ALL_GOOD_TO_THE_END, 2400)
    assert "over the last 5 min" in fires(trigger("quantile", "> 0.2"), late).reason
    assert fires(trigger("quantile", "> 0.2", recent_minutes=60), late) is None


def test_newest_minutes_begin_after_our_own_probes():
    """Own failures of two minutes ago are no news, failures since then are."""
    ours = samples(going_bad(38 * MINUTE, 0.3), ALL_GOOD_TO_THE_END, end=40 * MINUTE)
    counted = ours.query[""][-1][1]
    assert fires(trigger(), ours, own=counted, quiet_since=40 * MINUTE) is None
    assert fires(trigger(), ours, own=counted / 2, quiet_since=39 * MINUTE).value == pytest.approx(0.3)


def test_newest_minutes_need_enough_to_see():
    """Two requests in the last minutes, one of which failed, are no rate."""
    total = [(0, 0), (15, 1000), (900, 1001), (915, 1002)]
    few = samples([(0, 0), (15, 0), (900, 0), (915, 1)], total, end=915)
    assert fires(trigger(min_samples=20), few) is None
    assert fires(trigger(min_samples=1), few).value == pytest.approx(0.5)


def over(minutes, share):
    """Ten requests a second for 40 minutes, of which this share failed in these minutes and none before or after."""
    begin, end = (MINUTE * minute for minute in minutes)
    return samples(
        [(at, max(0, min(at, end) - begin) * 10 * share) for at, _ in ALL_GOOD_TO_THE_END], ALL_GOOD_TO_THE_END, 2400
    )


def test_trigger_that_held_and_is_over_is_found_afterwards():
    bad = over((10, 12), 0.3)
    assert fires(trigger(breaches=3, of=5, min_samples=20), bad) is None, "at the end nothing is to be seen of it"
    found = fired(trigger(breaches=3, of=5, min_samples=20), bad)
    assert (found.verdict, found.value > 0.05) == ("FAIL", True)
    assert found.reason.startswith("at 00:11:30 UTC found "), "when it began"


def test_trigger_that_never_held_is_not_found_afterwards():
    assert fired(trigger(breaches=3, of=5, min_samples=20), over((10, 12), 0.04)) is None


def test_looks_that_are_not_close_together_do_not_hold_afterwards():
    spikes = samples([(at, 1.0 if at in (60, 300, 600) else 0.0) for at, _ in ALL_GOOD_TO_THE_END], end=2400)
    down = trigger("value", "> 0", breaches=3, of=3)
    assert fired(down, spikes) is None
    assert fired(down, samples([(at, float(60 <= at <= 90)) for at, _ in ALL_GOOD_TO_THE_END], end=2400)) is not None
