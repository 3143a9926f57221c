"""Triggers: one spike is no broken release, a good beginning hides no late trouble, our own probes are no news."""

import math

import pytest
from samples_of import buckets, row, samples

from acceptance.gates.measures import Trigger
from acceptance.gates.triggers import evaluate
from acceptance.verdict import Verdict

MINUTE = 60
ALL = [(at, 10.0 * at) for at in range(0, 40 * MINUTE, 15)]


def trigger(kind="ratio", threshold="> 0.05", **facts):
    return Trigger("t", "title", ("trigger.1",), kind, "bad", threshold, total="total", **facts)


def over(minutes, share):
    """Ten requests a second for 40 minutes, of which this share is bad in these minutes and none before or after."""
    begin, end = (MINUTE * minute for minute in minutes)
    return [(at, max(0, min(at, end) - begin) * 10 * share) for at, _ in ALL]


def fired(trigger, query, total=ALL, own=0, undisturbed_since=0):
    up = [row(*((at, 1.0) for at, _ in ALL))]
    return evaluate(trigger, samples(query, total, end=2400, step=15, up=up), own, undisturbed_since)


def slow(bad):
    """Histogram of which so many took over 0.2 s."""
    fast = [(at, good - late) for (at, good), (_, late) in zip(ALL, bad, strict=True)]
    return buckets(le_0_1=fast, le_0_25=fast, le_inf=ALL)


@pytest.mark.parametrize(
    ("minutes", "share", "verdict", "told"),
    [
        ((0, 40), 0.04, "PASS", "did not fire"),
        ((0, 40), 0.1, "FAIL", "at 00:00:30 UTC found 30 of 300{}, at most 0.05 of them may be"),
        ((38, 40), 0.3, "FAIL", "at 00:38:15 UTC found 45 of the last 150{}, at most 0.05 of them may be"),
        ((20, 40), 0.12, "FAIL", "at 00:20:45 UTC found 54 of the last 450{}, at most 0.05 of them may be"),
        ((10, 12), 0.3, "FAIL", "at 00:10:15 UTC found 45 of the last 150{}, at most 0.05 of them may be"),
    ],
    ids=["under the threshold", "over it all along", "bad late", "a little bad late", "bad and good again"],
)
def test_share_that_is_over_the_threshold_fires_soon_and_whenever_it_was(minutes, share, verdict, told):
    """A long good time before it would hide it: then what was counted last is shown."""
    ratio, quantile = trigger(unit="of all"), trigger("quantile", "> 0.2", unit="s")
    found, slowly = fired(ratio, over(minutes, share)), fired(quantile, slow(over(minutes, share)))
    assert (found.verdict, found.reason.partition(";")[0]) == (verdict, told.format(""))
    assert (slowly.verdict, slowly.reason.partition(";")[0]) == (verdict, told.format(" > 0.2 s"))
    assert (found.value > 0.05) is (verdict == "FAIL")


def test_one_bad_request_among_the_first_is_no_proof():
    few = [(at, min(19.0, float(at))) for at, _ in ALL]
    assert fired(trigger(), [(at, float(at >= 15)) for at, _ in ALL], few).verdict is Verdict.PASS
    assert fired(trigger(), few, few).verdict is Verdict.FAIL, "all of 15 are"


def test_what_may_be_under_the_threshold_does_not_fire():
    """0.2 s lies between two bounds: what took between 0.1 and 0.25 s may have been quick enough."""
    fast = [(at, 0.0) for at, _ in ALL]
    rows = buckets(le_0_1=fast, le_0_25=ALL, le_inf=ALL)
    assert fired(trigger("quantile", "> 0.2"), rows).verdict is Verdict.PASS


def test_one_very_long_operation_does_not_prove_an_average():
    once = [(at, 30.0 * (at >= 15)) for at, _ in ALL]
    few = [(at, at / 15) for at, _ in ALL]
    average = trigger("average", "> 0.5", unit="s")
    assert fired(average, once, few).verdict is Verdict.PASS
    always = fired(average, [(at, 2 * at / 15) for at, _ in ALL], few)
    assert (always.verdict, always.value) == (Verdict.FAIL, pytest.approx(2))
    assert fired(average, [(at, -5 * at) for at, _ in ALL], few).reason == "{} is negative: it is no counter"
    assert always.reason == "at 00:01:00 UTC found 2 s on average of 4; fires at > 0.5"


COUNT = {"kind": "count", "threshold": "> 0", "synthetic_events": "x"}


@pytest.mark.parametrize(
    ("own", "told"),
    [(4, "did not fire; fires at > 0"), (3, "at 00:00:30 UTC found 1 x; fires at > 0"), (math.inf, "did not fire")],
    ids=["ours", "one more", "open"],
)
def test_count_leaves_out_what_our_own_probes_caused(own, told):
    found = fired(trigger(unit="x", **COUNT), [(0, 0), (15, 2), (30, 4)], own=own)
    assert found.reason.startswith(told)
    assert (found.verdict == "FAIL", found.value) == (own == 3, 4 - own if own != 3 else 1)


def test_what_is_not_said_to_be_ours_counts_from_the_first_moment():
    one = samples([(0, 0), (1, 1)])
    assert evaluate(trigger(**COUNT), one).value == 1
    assert evaluate(trigger(synthetic_events="x"), one).value == 0.1


def test_share_counts_from_when_our_own_probes_were_over():
    """Own failures of two minutes ago are no news, failures since then are."""
    bad = over((38, 40), 0.3)
    assert fired(trigger(synthetic_events="x"), bad, undisturbed_since=40 * MINUTE).verdict is not Verdict.FAIL
    assert fired(trigger(synthetic_events="x"), bad, undisturbed_since=39 * MINUTE).value == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("down_at", "told"),
    [((60, 300, 600), ""), ((60, 75), ""), ((60, 75, 90), "at 00:01:30 UTC found 0 up 3 times in a row")],
    ids=["apart", "twice", "three times in a row"],
)
def test_service_is_down_only_for_some_scrapes_in_a_row(down_at, told):
    up = [(at, float(at not in down_at)) for at, _ in ALL]
    found = fired(trigger("value", "< 1", in_a_row=3, unit="up"), up)
    assert found.reason == (f"{told}; fires at < 1" if told else "did not fire; fires at < 1 up")
    assert fired(trigger("value", "< 1"), up).reason == "at 00:01:00 UTC found 0 1 times in a row; fires at < 1"
    one_of_two = [row(*up, instance="a"), row(*((at, 0.0) for at, _ in ALL), instance="b")]
    assert fired(trigger("value", "< 1", in_a_row=3), one_of_two).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("kind", "threshold", "query"),
    [("ratio", "> 0.5", []), ("quantile", "> 2", []), ("quantile", "> 2", buckets(le_1=ALL)), ("average", "> 1", [])],
)
def test_trigger_without_data_says_so_and_does_not_fire(kind, threshold, query):
    assert fired(trigger(kind, threshold), query, ()).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("kind", "threshold", "own", "since", "value", "verdict"),
    [
        ("ratio", "> 0.05", 0, 10 * MINUTE, 0.0, Verdict.PASS),
        ("ratio", "> 0.05", 0, 40 * MINUTE, None, Verdict.INCONCLUSIVE),
        ("count", "> 4000", 1500, 0, 0, Verdict.PASS),
        ("average", "> 4000", 1500, 0, 1500 / 23850, Verdict.PASS),
    ],
    ids=["after our own requests", "nothing since", "less what we provoked", "no count"],
)
def test_the_value_is_of_what_counts(kind, threshold, own, since, value, verdict):
    """Our own attacks are a fourth of all requests: a reader would see a share over the threshold that did not fire."""
    found = fired(trigger(kind, threshold, synthetic_events="x"), over((0, 5), 0.5), own=own, undisturbed_since=since)
    assert (found.verdict, found.value) == (verdict, value)


@pytest.mark.parametrize(("of", "told"), [(4, "expected at least 5 events to judge by, found 4"), (5, "did not fire")])
@pytest.mark.parametrize("kind", ["ratio", "quantile"])
def test_too_few_events_are_no_good_sign(kind, of, told):
    """A service that is bad half of the time could not have fired it."""
    few = [(at, min(float(of), float(at))) for at, _ in ALL]
    histogram = buckets(le_0_1=few, le_inf=few)
    none = [(at, 0.0) for at, _ in ALL]
    found = fired(trigger(kind, "> 0.05"), histogram if kind == "quantile" else none, few)
    verdict = Verdict.INCONCLUSIVE if of < 5 else Verdict.PASS
    assert (found.verdict, found.reason[: len(told)]) == (verdict, told)


def test_a_value_over_the_threshold_that_did_not_fire_says_why():
    few = [(at, min(9.0, float(at))) for at, _ in ALL]
    found = fired(trigger(), [(at, min(1.0, float(at))) for at, _ in ALL], few)
    assert (found.verdict, round(found.value, 2)) == (Verdict.PASS, 0.11)
    assert found.reason.endswith("so few events do not prove it")


@pytest.mark.parametrize("largest", [True, False], ids=["beyond all buckets", "in seconds"])
def test_a_quantile_that_fired_does_not_show_its_share_beside_a_threshold_in_seconds(largest):
    half = over((0, 40), 0.5)
    found = fired(trigger("quantile", "> 0.2"), slow(half) if largest else buckets(le_0_25=half, le_1=ALL, le_inf=ALL))
    assert found.verdict is Verdict.FAIL
    assert found.value is None if largest else found.value == 1.0
