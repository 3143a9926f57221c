"""Check a new path's metrics against the label standard (target contract, "Metrics").

What no gate asks for is broken without a sign: an operation that is not counted, a time that is not measured, an id as
a label, which makes a series of each request.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from acceptance.finding import Finding
from acceptance.observe.exported import await_scrape
from acceptance.observe.prometheus import Prometheus, Sample
from acceptance.observe.steadiness import begun_anew

STATUSES = frozenset({"success", "error"})
MOST_VALUES = 20
"""More values of one label than the standard has words for."""
READS = frozenset({"get", "list", "list_commits", "get_status", "open"})
LEAST_S = 1e-5
"""No write takes less on average: one that does is counted in another unit. A read may be one from memory."""
_OF_PROMETHEUS = frozenset({"le", "quantile", "__name__", "job", "instance"})


def metric_findings(
    prometheus: Prometheus,
    job: str,
    prefix: str,
    patience_s: float,
    *,
    used: Collection[str],
    ours: str,
    seconds: float,
) -> list[Finding]:
    """Name what is wrong with the metrics of a new path, after its operations were used.

    Args:
        prometheus: The server.
        job: Whose metrics.
        prefix: How their names begin.
        patience_s: As for `await_scrape`.
        used: Operations that requests of ours have used with success.
        ours: How the ids of our test users begin.
        seconds: For how long one process has run, or less; a counter only grows in that time.

    Raises:
        Inconclusive: Prometheus is out of reach, or does not scrape the job.
    """
    await_scrape(prometheus, job, patience_s)
    exported = prometheus.instant(f'{{__name__=~"{prefix}.*",job="{job}"}}')
    # Beside a counter OpenMetrics has the time at which it was made, with its labels: that counts nothing.
    samples = [each for each in exported if not each.labels["__name__"].endswith("_created")]
    found = [*_uncounted(samples, used), *_labels(samples, ours), *_times(samples)]
    told = [Finding("metrics", f"{prefix}* of {job}", expected, shown) for expected, shown in found]
    counters = sorted({name for each in samples if (name := each.labels["__name__"]).endswith(("_total", "_count"))})
    now = prometheus.clock()
    grown = prometheus.raw(f'{{__name__=~"{"|".join(counters)}",job="{job}"}}', now - seconds, now)
    return [*told, *begun_anew(grown)]


def _uncounted(samples: Sequence[Sample], used: Collection[str]) -> Iterator[tuple[str, str]]:
    good = [each for each in samples if each.labels.get("status") == "success" and each.value > 0]
    counted = {each.labels.get("operation", "") for each in good}
    if missing := sorted(set(used) - counted):
        yield f"operations {missing} counted with status success", str(sorted(counted))


def _labels(samples: Sequence[Sample], ours: str) -> Iterator[tuple[str, str]]:
    values: dict[tuple[str, str], set[str]] = defaultdict(set)
    for each in samples:
        for label in each.labels.keys() - _OF_PROMETHEUS:
            values[each.labels["__name__"], label].add(each.labels[label])
    for (name, label), words in values.items():
        if label == "status" and words - STATUSES:
            yield f"{name} with a status of {sorted(STATUSES)}", str(sorted(words))
        if len(words) > MOST_VALUES or any(ours in word for word in words):
            yield f"{name} with {label} of a few words, never an id", f"{len(words)}, such as {sorted(words)[-1]!r}"
    for each in samples:
        is_error, typed = each.labels.get("status") == "error", bool(each.labels.get("error_type"))
        if each.labels["__name__"].endswith("_total") and "status" in each.labels and is_error != typed:
            wanted = "an error_type" if is_error else "no error_type"
            yield f"{wanted} with status {each.labels['status']}", str(dict(each.labels))


def _times(samples: Sequence[Sample]) -> Iterator[tuple[str, str]]:
    sums = {_series(each): each.value for each in samples if each.labels["__name__"].endswith("_seconds_sum")}
    counts = {_series(each): each.value for each in samples if each.labels["__name__"].endswith("_seconds_count")}
    for series, count in counts.items():
        least = 0 if dict(series).get("operation") in READS else LEAST_S
        if count > 0 and not (mean := sums.get(series, 0) / count) > least:
            took = f"{mean:.2g} s on average" if mean else "no time at all"
            yield "measured seconds of each operation", f"{count:g} that took {took} in {dict(series)}"


def _series(sample: Sample) -> tuple[tuple[str, str], ...]:
    name = sample.labels["__name__"].rpartition("_")[0]
    return tuple(sorted({**sample.labels, "__name__": name}.items()))


def uncounted_bytes(prometheus: Prometheus, job: str, prefix: str, stored: int, seconds: float) -> list[Finding]:
    """Say that a service counts fewer bytes written than are stored of ours; nothing where its metric is no such count.

    The contract leaves open what the metric is: one that fell meanwhile, or never rose, is no count.

    Args:
        prometheus: The server.
        job: Whose metrics.
        prefix: How their names begin.
        stored: Bytes of ours since its process started.
        seconds: How long ago that was, or less.

    Raises:
        Inconclusive: Prometheus is out of reach.
    """
    its = f'{{__name__=~"{prefix}bytes_written(_total|_sum)?",job="{job}"}}'
    over = f"{its}[{max(1, round(seconds))}s]"
    counted = prometheus.instant(f"sum({its})")
    fell, rose = (prometheus.instant(query) for query in (f"sum(resets({over}))", f"sum(increase({over}))"))
    if not (counted and fell and rose) or fell[0].value > 0 or rose[0].value <= 0 or counted[0].value >= stored:
        return []
    expected = f"at least {stored} bytes written, as many as are stored of ours"
    return [Finding("bytes not counted", f"{prefix}bytes_written of {job}", expected, f"{counted[0].value:.0f}")]
