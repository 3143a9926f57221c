"""What the checks of the day after share: the baseline, the same stretch now, and how the two compare."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from acceptance.baseline.collecting import collect, measure
from acceptance.baseline.comparing import compare, may_pass, wants_more
from acceptance.baseline.lookup import baseline_of
from acceptance.baseline.readings import Baseline
from acceptance.baseline.rules import Comparison
from acceptance.evidence import Evidence
from acceptance.finding import Finding
from acceptance.verdict import Verdict, bad_or_blind
from fixtures.given import EvidenceBox, NewId, Prometheus, Run, Target

Judge = Callable[[str], list[Finding]]

REQUESTS = 65
"""Of each service; without 59 good ones, errors above 5 % cannot be excluded (acceptance/baseline/rules.py)."""

LENGTHS = (1, 3, 8)
"""Times that stretch: one slow request among so few proves nothing, and happens to a sound service too.

Nor does a stretch of a minute in which the machine had other work: what is slow in one of twenty requests of a stretch
three times as long is so for users too.
"""

EVERYTHING, ANYTHING_ELSE = "everything", "anything else"
GROUPS = {"errors": ("errors",), "latency": ("latency",), "resources": ("CPU", "memory", "disk")}
"""Group -> words in the names of its measures."""


@pytest.fixture(scope="session")
def before(pytestconfig: pytest.Config, run: Run, target: Target) -> Baseline:
    """The baseline from before the deployment: the one given, else this run's, else the newest of the records."""
    return baseline_of(target.name, run.folder, pytestconfig.option.baseline)


@pytest.fixture(scope="session")
def comparisons(before: Baseline, target: Target, prometheus: Prometheus, new_id: NewId, run: Run) -> list[Comparison]:
    """The baseline against a stretch now, as long or as long as it takes to say anything, under the same traffic."""
    seconds = before.end - before.start
    if not any(readings.probes for readings in before.services.values()):
        return compare(before, collect(target, prometheus, seconds))
    seconds = max(seconds, 60 * REQUESTS / target.traffic_per_minute)
    send = partial(measure, target, prometheus, new_id=new_id, trace_prefix=run.trace_prefix)
    found: list[Comparison] = []
    for length in LENGTHS:
        now = send(length * seconds, least=length * REQUESTS)  # also where each of them takes its time
        found = compare(before, now, len(LENGTHS))
        if not (wants_more(found) or (length == LENGTHS[0] and may_pass(found))):
            break
    return found


@pytest.fixture
def judge(comparisons: list[Comparison], evidence: EvidenceBox) -> Judge:
    """Puts a group of comparisons into the record; names those that are bad, and cannot see without any."""

    def of(group: str) -> list[Finding]:
        chosen = [each for each in comparisons if group in (EVERYTHING, group_of(each))]
        shown = {"comparisons": [each.as_json() for each in chosen]}
        evidence.add(Evidence("document", f"before and after: {group}", shown))
        bad = [each.finding() for each in chosen if each.verdict is Verdict.FAIL]
        no_data = [each.explain() for each in chosen if each.verdict is Verdict.INCONCLUSIVE]
        return bad_or_blind(bad, no_data if chosen else [f"nothing of {group} was compared"])

    return of


def group_of(comparison: Comparison) -> str:
    """Name the line of the checklist that a comparison belongs to."""
    named = (group for group, words in GROUPS.items() if any(word in comparison.measure for word in words))
    return next(named, ANYTHING_ELSE)
