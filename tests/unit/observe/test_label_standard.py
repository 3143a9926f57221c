"""What no gate asks for: each operation counted, each time measured, no id as a label."""

from types import SimpleNamespace

import pytest

from acceptance.gates.series import Row
from acceptance.observe import label_standard
from acceptance.observe.label_standard import metric_findings, uncounted_bytes
from acceptance.observe.prometheus import Sample


def sample(name, value=3.0, **labels):
    return Sample({"__name__": f"repository_{name}", "job": "bot", **labels}, value, 0.0)


GOOD = [
    sample("operations_total", operation="get", status="success"),
    sample("operations_total", operation="save", status="success"),
    sample("operations_total", operation="save", status="error", error_type="storage_error"),
    sample("latency_seconds_sum", 0.01, operation="save"),
    sample("latency_seconds_count", operation="save"),
]


COUNTERS = '{__name__=~"repository_latency_seconds_count|repository_operations_total",job="bot"}', 70.0, 100.0


def found(samples, monkeypatch, points=()):
    """Ask a server with these samples, one of whose counters has these points."""
    monkeypatch.setattr(label_standard, "await_scrape", lambda *_: None)
    row = Row({"__name__": "repository_operations_total"}, list(enumerate(points)))
    server = SimpleNamespace(
        instant=lambda _: samples, raw=lambda *asked: [row] * (asked == COUNTERS), clock=lambda: 100.0
    )
    findings = metric_findings(server, "bot", "repository_", 1, used=("get", "save"), ours="run1", seconds=30)
    return [*map(str, findings)]


def test_metrics_by_the_standard_have_no_findings(monkeypatch):
    assert found(GOOD, monkeypatch, [1, 2, 2, 3]) == []
    assert "it began anew 1 times in 4 scrapes" in found(GOOD, monkeypatch, [1, 2, 1, 3])[0]


@pytest.mark.parametrize(
    ("samples", "told"),
    [
        (GOOD[1:], "operations ['get'] counted"),
        ([], "operations ['get', 'save'] counted"),
        (
            [*GOOD[1:], sample("operations_created", 1.8e9, operation="get", status="success")],
            "operations ['get'] counted",
        ),
        ([*GOOD, sample("operations_total", operation="get", status="ok")], "a status of ['error', 'success']"),
        ([*GOOD, sample("operations_total", operation="run1-user", status="success")], "never an id"),
        ([*GOOD, *(sample("x_total", operation=f"{n}") for n in range(30))], "never an id"),
        ([*GOOD, sample("operations_total", operation="get", status="error")], "an error_type with status error"),
        ([*GOOD, sample("x_total", status="success", error_type="none")], "no error_type with status success"),
        ([*GOOD[:3], sample("latency_seconds_sum", 0.0), sample("latency_seconds_count")], "took no time at all"),
        ([*GOOD[:3], sample("latency_seconds_sum", 1.5e-5), sample("latency_seconds_count")], "5e-06 s on average"),
    ],
)
def test_what_departs_from_it_is_named(samples, told, monkeypatch):
    assert told in "".join(found(samples, monkeypatch))


@pytest.mark.parametrize(
    ("counted", "fell", "rose", "wrong"),
    [(100, 0, 50, False), (99, 0, 50, True), (12, 1, 50, False), (12, 0, 0, False), (None, 0, 50, False)],
    ids=["all counted", "one too few", "the last size", "a constant", "not exported"],
)
def test_bytes_are_compared_where_the_metric_counts_them(counted, fell, rose, wrong):
    def instant(query):
        value = fell if "resets" in query else rose if "increase" in query else counted
        return [] if value is None else [Sample({}, value, 0.0)]

    server = SimpleNamespace(instant=instant)
    assert bool(uncounted_bytes(server, "api", "storage_", stored=100, seconds=60)) is wrong
