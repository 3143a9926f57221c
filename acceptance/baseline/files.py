"""Write and read the baseline file, and say what it lacks.

Source: checklist items pre.technical.5, 21_00.checklist.2, 21_00.exit.3, post24.monitoring.1-5.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from acceptance.baseline import readings as of
from acceptance.baseline.readings import Baseline, Calls, Readings
from acceptance.finding import Finding
from acceptance.gates.series import Series
from acceptance.gates.statistics import nearest_rank
from acceptance.probes.traffic import Probe
from acceptance.verdict import Inconclusive, Refused

FILE = "baseline.json"
"""Name of the baseline in a run's folder."""

_COUNT_OURS = ("butler_messages", "homework_review_service", "review_archive_storage")
"""Families in which each good request of ours to their service counts, where they are exported."""


def save(baseline: Baseline, path: Path) -> None:
    """Write a baseline with its raw samples and a summary for people; replaces an older baseline, and no other file.

    Raises:
        OSError: The file cannot be written.
        Refused: Something that is no baseline is there.
    """
    if path.exists() and path.stat().st_size:
        try:
            load(path)
        except Inconclusive as error:
            raise Refused(
                f"{path}: expected a new file or an older baseline, found another; name another: {error}"
            ) from error
    facts = {"format": 1, "summary": figures(baseline), **asdict(baseline)}
    path.write_text(json.dumps(facts, indent=1, default=str) + "\n", encoding="utf-8")


def load(path: Path) -> Baseline:
    """Read what `save` wrote.

    Raises:
        Inconclusive: There is no such file, or it is no baseline.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        services = {name: _readings(facts) for name, facts in raw.pop("services").items()}
        facts = {name: raw[name] for name in ("target", "start", "end", "step", "alerts", "disk_free")}
        return Baseline(services=services, **facts)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Inconclusive(
            f"{path}: expected a baseline of collect_baseline_metrics.py or of a run of stage 21_00, "
            f"found {type(error).__name__}: {error}"
        ) from error


def figures(baseline: Baseline) -> dict[str, Any]:
    """Give the derived numbers: errors, p50, p95 and p99 in seconds, CPU cores and MiB of each service."""
    when = [datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds") for at in (baseline.start, baseline.end)]
    services = {name: _summary(readings, baseline) for name, readings in baseline.services.items()}
    return {"from": when[0], "to": when[1], "windows": len(baseline.windows()), "services": services}


def gaps(baseline: Baseline) -> list[Finding]:
    """Name what is missing for a baseline: services that were down or not scraped, and numbers."""
    found = []
    for name, readings in baseline.services.items():
        if not readings.up:
            found.append(Finding("no data", name, "scrapes", "none"))
        elif not readings.up[-1][1]:
            found.append(Finding("down", name, "it up", f"it down at the end of {len(readings.up)} samples"))
        if readings.up and readings.resources and not (readings.cpu and readings.memory):
            metrics = "process_cpu_seconds_total and process_resident_memory_bytes"
            step = "see whether Prometheus has them, or declare them in ABSENT, such as api-resources"
            found.append(Finding("no data", name, metrics, "none", next_step=step))
        if faults := [probe.fault for probe in readings.probes if probe.fault]:
            told = f"{len(faults)} of {len(readings.probes)} that failed, first: {faults[0]}"
            found.append(Finding("failed requests", name, "our own requests to be answered well", told))
    return found


def uncounted(baseline: Baseline) -> str:
    """Say why a baseline is useless: it counted no call of any service, or fewer than we made. Else empty."""
    totals = {
        (service, family): of.errors_of(calls, baseline).of
        for service, each in baseline.services.items()
        for family, calls in each.calls.items()
    }
    sent = {service: sum(not probe.fault for probe in each.probes) for service, each in baseline.services.items()}
    few = next((it for it, total in totals.items() if it[1] in _COUNT_OURS and total < sent[it[0]]), None)
    if sum(totals.values()) and not few:
        return ""
    found = "found 0 of every service" if not few else f"found {totals[few]} in {few[1]} of {few[0]}"
    ours = sent[few[0]] if few else sum(sent.values())
    return (
        f"expected calls in Prometheus' counters, {found}, while we sent {ours} good requests of our own; "
        "look at the targets of Prometheus and at the *_JOB keys, and collect it again under traffic"
    )


def _summary(readings: Readings, baseline: Baseline) -> dict[str, Any]:
    calls = {name: _calls_summary(found, baseline) for name, found in readings.calls.items()}
    cpu, memory = of.cpu_levels(readings, baseline), of.memory_levels(readings, baseline)
    facts: dict[str, Any] = {
        "up": f"{sum(value for _, value in readings.up):g} of {len(readings.up)} samples",
        "cpu_cores": round(median(cpu), 4) if cpu else None,
        "memory_mib": round(median(memory), 1) if memory else None,
        "calls": calls,
    }
    if readings.probes:
        times = [probe.seconds for probe in readings.probes]
        errors = of.probe_errors(readings.probes)
        facts["own_requests"] = {"errors": errors.events, "total": errors.of} | {
            f"p{round(100 * q)}": round(nearest_rank(times, q), 4) for q in (0.5, 0.95, 0.99)
        }
    return facts


def _calls_summary(calls: Calls, baseline: Baseline) -> dict[str, Any]:
    errors = of.errors_of(calls, baseline)
    times = {name: round(value, 4) for name, value in of.quantiles(calls, baseline).items() if math.isfinite(value)}
    return {"errors": errors.events, "total": errors.of, **times}


def _readings(facts: Mapping[str, Any]) -> Readings:
    up, cpu, memory = (_series(facts[name]) for name in ("up", "cpu", "memory"))
    calls = {name: _calls(found) for name, found in facts["calls"].items()}
    probes = tuple(Probe(**probe) for probe in facts["probes"])
    return Readings(up, cpu, memory, calls, probes, facts.get("resources", True))


def _calls(facts: Mapping[str, Any]) -> Calls:
    series = {name: _series(facts[name]) for name in ("total", "errors", "seconds")}
    return Calls(**series, buckets={le: _series(found) for le, found in facts["buckets"].items()})


def _series(points: Sequence[Sequence[float]]) -> Series:
    return [(float(at), float(value)) for at, value in points]
