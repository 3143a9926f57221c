"""One soak of a stage in numbers: what its counters would hold at each scrape, and what the suite says to it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from acceptance.gates.judging import judge
from acceptance.gates.measures import Measure
from acceptance.gates.series import Row, Samples, Series
from acceptance.gates.triggers import evaluate
from acceptance.stage import Stage
from acceptance.stages.other_services import error_rates
from acceptance.verdict import Verdict

FAST, SLOW = "fast", "slow"


@dataclass(frozen=True)
class Service:
    """How a service behaves.

    Attributes:
        failed: Share of the requests that fail.
        slow: Share of the requests that take longer than every threshold.
        per_minute: Requests.
        bad_from: Share of the soak after which it does so; before it is good.
        others_failed: Share of the requests to each other service that fail; None for one that nobody asks.
    """

    failed: float = 0.0
    slow: float = 0.0
    per_minute: float = 60
    bad_from: float = 0.0
    others_failed: float | None = None


@dataclass(frozen=True)
class Soaked:
    """What became of one soak.

    Attributes:
        rolled_back_after: Seconds from the flag change until a trigger fired; None if none did.
        refused: Whether a gate failed or could not be judged.
    """

    rolled_back_after: float | None
    refused: bool


def soak(stage: Stage, service: Service, scrape_s: float, dice: random.Random, others: Sequence[Stage] = ()) -> Soaked:
    """Let a stage's triggers, those of other stages for any component, and its gates judge one soak."""
    number = int(stage.soak_minutes * 60 / scrape_s) + 1
    counted = _counted(service, scrape_s, number, dice)
    judged = [(each, counted) for each in stage.triggers if each.kind in ("ratio", "quantile")]
    if service.others_failed is not None:
        beside = Service(service.others_failed, 0.0, service.per_minute)
        judged += [(each, _counted(beside, scrape_s, number, dice)) for each in error_rates(others)]
    found = [evaluate(trigger, _samples(trigger, its, scrape_s)) for trigger, its in judged]
    after = min((_when(result.reason) for result in found if result.verdict is Verdict.FAIL), default=None)
    gates = [judge(gate, _samples(gate, counted, scrape_s)) for gate in stage.gates if gate.kind == "quantile"]
    return Soaked(after, any(result.verdict is not Verdict.PASS for result in gates))


def _counted(service: Service, scrape_s: float, number: int, dice: random.Random) -> dict[str, Series]:
    requests = [_between(service, scrape_s, scrape, number, dice) for scrape in range(1, number)]
    return {
        kind: [(scrape_s * n, float(value)) for n, value in enumerate(accumulate(column, initial=0))]
        for kind, column in zip(("all", "failed", "slow"), zip(*requests, strict=True), strict=True)
    }


def _between(service: Service, scrape_s: float, number: int, of: int, dice: random.Random) -> tuple[int, int, int]:
    """Draw the requests between two scrapes: how many, how many of them fail, how many are slow."""
    done = [int(n * scrape_s * service.per_minute / 60) for n in (number - 1, number)]
    count, bad = done[1] - done[0], number > service.bad_from * of
    failed = sum(dice.random() < service.failed for _ in range(count)) if bad else 0
    return count, failed, sum(dice.random() < service.slow for _ in range(count)) if bad else 0


def _samples(measure: Measure, counted: dict[str, Series], scrape_s: float) -> Samples:
    everything = counted["all"]
    fast = [(at, all_of_them - slow) for (at, all_of_them), (_, slow) in zip(everything, counted["slow"], strict=True)]
    buckets = [Row({"le": "0.05"}, fast), Row({"le": "60"}, fast), Row({"le": "+Inf"}, everything)]
    query = buckets if measure.kind == "quantile" else [Row({}, counted["failed"])]
    up = [Row({}, [(at, 1.0) for at, _ in everything])]
    return Samples(0.0, everything[-1][0], scrape_s, query, [Row({}, everything)], up)


def _when(reason: str) -> float:
    """Read the time of firing; the virtual clock begins at midnight."""
    hours, minutes, seconds = reason.split()[1].split(":")
    return 3600 * int(hours) + 60 * int(minutes) + int(seconds)
