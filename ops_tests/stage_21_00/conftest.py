"""What the checks of stage 21_00 share: whether it can be watched, the baseline, some traffic after the restart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pytest

from acceptance.baseline.collecting import measure
from acceptance.baseline.files import FILE, save
from acceptance.baseline.readings import Baseline
from acceptance.baseline.response_times import REQUESTS
from acceptance.probes.dialog.contexts import context_after
from acceptance.probes.dialog.conversation import Conversation, converse
from acceptance.probes.dialog.gateway import keep, new_word
from acceptance.probes.reviews.result import Submitted
from acceptance.probes.traffic import Probe, drive
from acceptance.stage import Stage
from acceptance.stages.readiness import make_sure
from fixtures.given import Clients, NewId, Prometheus, Run, Store, Target
from fixtures.stages import stages

Served = Mapping[str, Sequence[Probe]]
Serve = Callable[[], Served]


@dataclass(frozen=True)
class Begun:
    """Conversations, and work that was handed in: one of each, or none where the service is absent."""

    talks: list[Conversation]
    works: list[Submitted]


AFTERWARDS = 0.2
"""Of the baseline's length: enough to see whether the restarted services serve."""


@pytest.fixture(scope="session")
def preparation(pytestconfig: pytest.Config) -> Stage:
    """This stage's numbers."""
    return stages(pytestconfig)["21_00"]


@pytest.fixture(scope="session")
def ready(target: Target, preparation: Stage) -> None:
    """What the stage sees by answers. No flag ends this stage at its first red, so whatever changes something asks."""
    make_sure(target, preparation)


@pytest.fixture(scope="session")
def baseline_seconds(target: Target, preparation: Stage) -> float:
    """How long the baseline is measured."""
    return preparation.soak_s(target)


@pytest.fixture(scope="session")
def baseline(
    ready: None, target: Target, prometheus: Prometheus, run: Run, new_id: NewId, baseline_seconds: float
) -> Baseline:
    """The baseline of this run, measured under traffic and kept in its folder."""
    found = measure(target, prometheus, baseline_seconds, new_id=new_id, trace_prefix=run.trace_prefix)
    save(found, run.folder / FILE)
    return found


@pytest.fixture(scope="session")
def serve(ready: None, target: Target, run: Run, new_id: NewId, baseline_seconds: float) -> Serve:
    """Sends requests to every service; the checks that ask for it come after the restart."""
    seconds = AFTERWARDS * baseline_seconds
    return lambda: drive(target, seconds, new_id=new_id, trace_prefix=run.trace_prefix, least=REQUESTS)


@pytest.fixture(scope="session")
def served(serve: Serve) -> Served:
    """The first requests to every service."""
    return serve()


@pytest.fixture(scope="session")
def word() -> str:
    """What a user asks Butler to keep before the restart."""
    return new_word()


@pytest.fixture(scope="session")
def begun(ready: None, writes_data: None, clients: Clients, mongo: Store, new_id: NewId, word: str) -> Begun:
    """What users began before the restart; of a service that is absent, nothing."""
    services, look = clients.target.services, partial(context_after, mongo)
    has = {key: key in services for key in ("bot", "worker", "api")}
    talks = [converse(clients.butler, new_id("begun"), ["Hello", keep(word)], look=look)] if has["bot"] else []
    works = [clients.reviews(mongo).submit(new_id("begun"), "hw03")] if has["worker"] and has["api"] else []
    return Begun(talks, works)
