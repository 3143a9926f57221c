"""What the checks after the deployment share: the user's side, the monitoring, and what was seen of it so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Protocol

import pytest

from acceptance.evidence import Evidence
from acceptance.finding import Finding
from acceptance.gates.measures import GateResult
from acceptance.observe.grafana import Dashboard
from acceptance.observe.panels import seen_since
from acceptance.polling import poll
from acceptance.probes.dialog.gateway import Turn
from acceptance.record.deployment import Spell, restarts
from acceptance.stages.flow import weighed
from acceptance.stages.recheck import Recheck
from acceptance.verdict import Inconclusive
from fixtures.given import (
    Butler,
    Deployment,
    EvidenceBox,
    Flow,
    Grafana,
    NewId,
    OwnRequests,
    Prometheus,
    Run,
    StageWork,
    Target,
)

RecheckedTriggers = Callable[[str], list[Finding]]
Judged = Callable[[Mapping[str, Sequence[GateResult]]], list[Finding]]


class AskButler(Protocol):
    """Sends one message to Butler as a new user."""

    def __call__(self, message: str, ordered: str = "") -> Turn:
        """Give its turn."""


class Weigh(Protocol):
    """Names those of some items that were found bad."""

    def __call__(self, *items: str) -> list[Finding]:
        """Give the findings."""


class RecheckedGates(Protocol):
    """Names the gates of these kinds that a stage does not hold any more."""

    def __call__(self, stage: str, *kinds: str) -> list[Finding]:
        """Give the findings."""


@pytest.fixture
def ask(butler: Butler, new_id: NewId, evidence: EvidenceBox) -> AskButler:
    """Sends one message to Butler as a new user, and puts the answer, with what was ordered, into the record."""

    def send(message: str, ordered: str = "") -> Turn:
        turn = butler.order(new_id("user"), message, ordered)
        evidence.add(Evidence("http", message, turn.exchange.as_json()))
        return turn

    return send


@pytest.fixture(scope="module")
def dashboard(grafana: Grafana, target: Target) -> Dashboard | None:
    """The SLO dashboard, by its uid; None when Grafana has none of it."""
    return grafana.dashboard(target.grafana.dashboard_uid, target.scrape_interval_s)


@pytest.fixture(scope="module")
def last_minutes(prometheus: Prometheus, target: Target, stage_work: StageWork) -> tuple[float, float]:
    """The last five minutes, in unix seconds; in a lab that is younger, since its start."""
    step, seconds = target.scrape_interval_s, 60 * stage_work.stage.soak_minutes
    if target.kind != "lab":
        return time.time() - seconds - step, time.time() - step

    def window() -> tuple[float, float]:
        end = time.time() - step
        return seen_since(prometheus, end - seconds, end, step), end

    return poll(window, lambda found: found[1] - found[0] >= 10 * step, 30 * step)


@pytest.fixture(scope="module")
def our_restarts(deployment: Deployment, target: Target) -> dict[str, list[Spell]]:
    """By the key of a service, when this deployment restarted it: it could not be scraped then."""
    return {
        key: [spell for log in deployment.runs for spell in restarts(log, service)]
        for key, service in target.services.items()
    }


@pytest.fixture(scope="session")
def deployed(deployment: Deployment, target: Target) -> list[str]:
    """The stages with a flag that were part of this deployment."""
    return [stage for stage in target.flags if deployment.of(stage)]


@pytest.fixture
def weigh(flow: Flow, deployment: Deployment) -> Weigh:
    """Names those of some items that were found bad, in this run or else in their stage's; see `weighed`."""

    def of(*items: str) -> list[Finding]:
        return weighed({item: flow.seen(item) or deployment.seen(item) for item in items}, f"in {deployment.extent}")

    return of


@pytest.fixture(scope="session")
def provoked(flow: Flow, target: Target) -> set[str]:
    """Alerts that the security tests may have made fire."""
    return {alert for stage in target.flags for alert in flow.stage(stage).stage.provoked_alerts}


@pytest.fixture(scope="session")
def recheck(
    target: Target,
    run: Run,
    deployment: Deployment,
    prometheus: Prometheus,
    flow: Flow,
    new_id: NewId,
    own_requests: OwnRequests,
) -> Recheck:
    """What became of the accepted stages since; a short stretch of requests comes first, if there is such a stage."""
    stages = {name: flow.stage(name).stage for name in target.flags}
    return Recheck(target, deployment, prometheus, stages, new_id, run.trace_prefix, own_requests.is_ours)


@pytest.fixture
def rechecked_gates(recheck: Recheck, judged: Judged) -> RecheckedGates:
    """Names the gates of these kinds that an accepted stage does not hold any more, and how to roll it back."""

    def of(stage: str, *kinds: str) -> list[Finding]:
        if why_not := recheck.left_enabled(stage).why_not:
            pytest.skip(why_not)
        return judged({stage: [each for each in recheck.gates(stage) if each.gate.kind in kinds]})

    return of


@pytest.fixture
def rechecked_triggers(
    recheck: Recheck, judged: Judged, deployed: list[str], deployment: Deployment
) -> RecheckedTriggers:
    """Names the triggers of an item that held in an accepted stage since, and how to roll it back."""

    def of(item: str) -> list[Finding]:
        stages = {name: recheck.left_enabled(name) for name in recheck.with_trigger(item) if name in deployed}
        if not stages:
            raise Inconclusive(f"no stage that can show {item} was part of {deployment.extent}")
        on = [name for name, left in stages.items() if left.since]
        if not on:
            pytest.skip("; ".join(left.why_not for left in stages.values()))
        return judged({name: [each for each in recheck.triggers(name) if item in each.gate.items] for name in on})

    return of


@pytest.fixture
def judged(recheck: Recheck, evidence: EvidenceBox) -> Judged:
    """Puts results, by stage, into the record, and names those that are bad; see `Recheck.findings`."""

    def of(results: Mapping[str, Sequence[GateResult]]) -> list[Finding]:
        for result in chain.from_iterable(results.values()):
            evidence.add(result.evidence())
        return recheck.findings(results)

    return of
