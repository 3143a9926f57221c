"""Describe a stage with its gates and triggers, as its `stage.toml` does, and the order of phases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from string import Template
from typing import Annotated, TypeVar

from pydantic import Field

from acceptance.gates.measures import Gate, Measure, Threshold, Trigger
from acceptance.stage_folders import Declared, StageError, described, listing, read, stage_of
from acceptance.target.model import Target
from acceptance.target.parts import RULES

__all__ = ["PHASES", "Stage", "StageError", "load_stage", "load_stages", "phase_of", "place_of", "stage_of"]

AnyMeasure = TypeVar("AnyMeasure", bound=Measure)

PHASES = ("preflight", "deploy", "flag_off", "flag_on", "security", "soak", "validation", "documentation", "exit_gate")
"""The phases of a stage in the order in which they run; a phase is the name of its test file."""

POSSIBLE = (0.0, 1e-9, 0.5, 1.0, 2.0, 1e12)
"""Values that a measure may have, from the least to more than any; a share ends at 1."""


@dataclass(frozen=True)
class Stage(Declared):
    """One stage.

    Attributes:
        gates: What must hold over the soak.
        triggers: What ends the stage at once.
    """

    gates: Annotated[tuple[Gate, ...], Field(alias="gate")] = ()
    triggers: Annotated[tuple[Trigger, ...], Field(alias="trigger")] = ()

    def on(self, target: Target) -> Stage:
        """Give the stage with its queries filled in for a target; itself where its one service is not there."""
        if self.service not in target.services:
            return self
        filled = self.at(target.service(self.service).job, target.metrics.query)
        has_rules = RULES not in target.absent  # that no alert fires says nothing then
        return replace(filled, triggers=tuple(each for each in filled.triggers if has_rules or each.kind != "alerts"))

    def at(self, job: str, own: Callable[[str], str] = str) -> Stage:
        """Give the stage with its queries filled in for a service's Prometheus job.

        Args:
            job: The job.
            own: Puts a query into the deployment's own names, in which it is shown.
        """

        def filled(measure: AnyMeasure) -> AnyMeasure:
            query, total = (Template(text).safe_substitute(job=job) for text in (measure.query, measure.total))
            shown = str if measure.kind == "log_events" else own
            return replace(measure, query=query, total=total, job=job, own_query=shown(query), own_total=shown(total))

        return replace(
            self,
            traffic_counter=Template(self.traffic_counter).safe_substitute(job=job),
            gates=tuple(map(filled, self.gates)),
            triggers=tuple(map(filled, self.triggers)),
        )

    def soak_s(self, target: Target) -> float:
        """Give the seconds of its soak: the checklist's, or those to which the target file scales it."""
        return target.soak_seconds or 60 * self.soak_minutes

    def lease_seconds(self, scrape_interval_s: float) -> float:
        """Give the limit of blindness at a target: of a few scrapes, each may be missed by chance."""
        return max(self.blind_seconds, 5 * scrape_interval_s)

    def gate(self, gate_id: str) -> Gate:
        """Find a gate by its id."""
        return next(gate for gate in self.gates if gate.id == gate_id)

    def faults(self) -> list[str]:
        """Name faults that no single key shows, of the stage, its gates and triggers."""
        named = [("[[gate]]", self.gates), ("[[trigger]]", self.triggers)]
        return [
            *super().faults(),
            *(f"{table} {fault}" for table, measures in named for fault in measure_faults(measures)),
        ]


def load_stage(folder: Path) -> Stage:
    """Read `stage.toml` of a stage's folder.

    Raises:
        StageError: The file is missing, is not TOML, or describes no possible stage; lists every fault.
    """
    stage = described(Stage, folder, read(folder))
    if faults := stage.faults():
        raise StageError(listing(folder, faults))
    return stage


def load_stages(checks: Path) -> dict[str, Stage]:
    """Read every stage below a folder, in the order of the deployment.

    Raises:
        StageError: With the faults of every file, and what is wrong between them.
    """
    found: list[Stage] = []
    faults: list[str] = []
    for path in sorted(checks.glob("*/stage.toml")):
        try:
            found.append(load_stage(path.parent))
        except StageError as error:
            faults.append(str(error))
    stages = {stage.id: stage for stage in sorted(found, key=lambda stage: stage.order)}
    if faults := faults or [*_between(stages)]:
        raise StageError("\n".join(faults))
    return stages


def measure_faults(measures: Sequence[Measure]) -> Iterator[str]:
    """Name what is wrong with gates or triggers that each have keys of the right kind."""
    seen: set[str] = set()
    for measure in measures:
        if measure.id in seen:
            yield f"{measure.id}: id: expected each id once, found it again; choose another"
        seen.add(measure.id)
        if not measure.query:
            yield f"{measure.id}: query: expected what is measured, found nothing; without it nothing can fail; add it"
        if any(word in f"{measure.query} {measure.total}" for word in ("sum(", "sum (", "rate(", "increase(")):
            told = "expected a selector of raw series: each gains on its own, and then the gains are added"
            yield f"{measure.id}: query: {told}; found a function; leave it out"
        yield from _threshold_faults(measure)


def _threshold_faults(measure: Measure) -> Iterator[str]:
    threshold, where = Threshold(measure.threshold), f"{measure.id}: threshold: "
    values = [value for value in POSSIBLE if value <= 1 or measure.unit != "ratio"]
    try:
        holds = [threshold.holds(value) for value in values]
    except (LookupError, ValueError):
        holds = []
    if not holds or len(measure.threshold.split()) != len(("<", "0.1")):
        yield f'{where}expected a comparison with a number, such as "< 0.1", found {measure.threshold!r}; correct it'
    elif len(set(holds)) == 1:
        words = ("never fires", "always fires") if isinstance(measure, Trigger) else ("never holds", "can never fail")
        yield f"{where}expected one that decides, found {measure.threshold!r}, which {words[holds[0]]}; correct it"


def _between(stages: dict[str, Stage]) -> Iterator[str]:
    """Name what is wrong between stages that are each sound."""
    places: dict[int, str] = {}
    for stage in stages.values():
        where = f"{stage.marker}/stage.toml: "
        if (before := places.setdefault(stage.order, stage.id)) != stage.id:
            yield f"{where}order: expected a place of its own, found {stage.order}, as stage {before}; choose another"
        for other in stage.depends_on:
            if other not in stages:
                known = ", ".join(stages)
                yield f"{where}depends_on: expected a stage that there is ({known}), found {other!r}; correct it"
            elif stages[other].order >= stage.order:
                yield f"{where}depends_on: expected a stage before this one, found {other!r}; correct one of the orders"


def phase_of(file: Path) -> str:
    """Give the phase of a test file: `test_flag_on.py` is phase `flag_on`."""
    return file.stem.removeprefix("test_")


def place_of(nodeid: str) -> tuple[str, str] | None:
    """Give (stage id, phase) of a pytest node id below `ops_tests`, else None.

    The controller of xdist holds node ids only, so the place must be derivable from one.
    """
    return _place_of_file(nodeid.partition("::")[0])


@lru_cache
def _place_of_file(file: str) -> tuple[str, str] | None:
    parts = Path(file).parts
    if "ops_tests" not in parts:
        return None
    below = parts[parts.index("ops_tests") + 1 :]
    return (stage_of(Path(below[0])), phase_of(Path(below[-1]))) if len(below) == 2 else None
