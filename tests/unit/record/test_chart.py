"""The chart of a gate: what must be on it, and that no spike is lost."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from acceptance.record.chart import Mark, draw, limit_of, number, points_of

LINE = [(float(at), 0.1) for at in range(100)]


@pytest.mark.parametrize(
    ("threshold", "limit"),
    [("< 0.1", 0.1), ("== 0", 0.0), (2, 2.0), ("<= 1e-3", 0.001), ("> -5", -5.0), (None, None), ("none", None)],
)
def test_the_limit_is_the_bounds_number(threshold, limit):
    assert limit_of(threshold) == limit


def test_points_that_are_no_numbers_are_left_out():
    series = [[2, 1], [1, "3"], [3, "NaN"], [4, float("inf")], [5, None], "x", [6]]
    assert points_of(series) == [(1.0, 3.0), (2.0, 1.0)]


def test_marks_threshold_and_label_are_rendered_and_escaped():
    marks = [Mark(10, "flag on", "flag"), Mark(90, "<trigger>", "trigger")]
    svg = ElementTree.fromstring(draw(LINE, "< 2", marks, 'a "label"', "s"))
    texts = [each.text for each in svg.iter("text")]
    assert svg.get("aria-label") == 'a "label"'
    assert {"threshold < 2 s", "2", "0", "flag on", "<trigger>"} <= set(texts)


def test_a_mark_far_away_does_not_squeeze_the_curve():
    assert "flag on" not in draw(LINE, "< 2", [Mark(-1e6, "flag on", "flag")], "")


def test_one_sample_is_no_curve():
    assert draw(LINE[:1], "< 2", [], "") == ""


def test_a_single_spike_survives_thinning():
    long = [(float(at), 9.0 if at == 7777 else 0.0) for at in range(20_000)]
    svg = ElementTree.fromstring(draw(long, "< 20", [], ""))
    heights = [float(pair.split(",")[1]) for pair in svg.find("polyline").get("points").split()]
    assert len(heights) < 600
    assert sum(height < max(heights) - 20 for height in heights) == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "no value"), (0.0, "0"), (14, "14"), (0.123456, "0.1235"), ("NaN", "NaN"), (True, "True")],
)
def test_numbers_are_short(value, text):
    assert number(value) == text


def test_a_curve_of_zeros_takes_one_line_and_says_so():
    flat = draw([(0.0, 0.0), (15.0, 0.0)], "== 0", [], "errors over the soak", "errors")
    assert "<svg" not in flat
    assert "2 samples from 00:00:00 to 00:00:15 UTC, all of them 0 errors" in flat
