"""One soak of a stage in numbers: what its counters would hold at each scrape, and what the suite says to it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from acceptance.gates.judging import judge
from acceptance.gates.measures import Measure
from acceptance.gates.series import Row, Samples
from acceptance.gates.triggers import evaluate
from acceptance.stage import Stage
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
    """

    failed: float = 0.0
    slow: float = 0.0
    per_minute: float = 60
    bad_from: float = 0.0


@dataclass(frozen=True)
class Soaked:
    """What became of one soak.

    Attributes:
        rolled_back_after: Seconds from the flag change until a trigger fired; None if none did.
        refused: Whether a gate failed or could not be judged.
    """

    rolled_back_after: float | None
    refused: bool


def soak(stage: Stage, service: Service, scrape_s: float, dice: random.Random) -> Soaked:
    """Let a stage's triggers and gates judge one soak."""
    scrapes = range(int(stage.soak_minutes * 60 / scrape_s) + 1)
    requests = [_between(service, scrape_s, number, len(scrapes), dice) for number in scrapes[1:]]
    counted = {
        kind: [(scrape_s * n, float(value)) for n, value in enumerate(accumulate(column, initial=0))]
        for kind, column in zip(("all", "failed", "slow"), zip(*requests, strict=True), strict=True)
    }
    fired = [
        (result, trigger)
        for trigger in stage.triggers
        if trigger.kind in ("ratio", "quantile")
        and (result := evaluate(trigger, _samples(trigger, counted, scrape_s))).verdict is Verdict.FAIL
    ]
    after = min((_when(result.reason) for result, _ in fired), default=None)
    gates = [judge(gate, _samples(gate, counted, scrape_s)) for gate in stage.gates if gate.kind == "quantile"]
    return Soaked(after, any(result.verdict is not Verdict.PASS for result in gates))


def _between(service: Service, scrape_s: float, number: int, of: int, dice: random.Random) -> tuple[int, int, int]:
    """Draw the requests between two scrapes: how many, how many of them fail, how many are slow."""
    done = [int(n * scrape_s * service.per_minute / 60) for n in (number - 1, number)]
    count, bad = done[1] - done[0], number > service.bad_from * of
    failed = sum(dice.random() < service.failed for _ in range(count)) if bad else 0
    return count, failed, sum(dice.random() < service.slow for _ in range(count)) if bad else 0


def _samples(measure: Measure, counted: dict[str, Sequence[tuple[float, float]]], scrape_s: float) -> Samples:
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
