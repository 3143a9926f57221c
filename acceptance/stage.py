"""A stage of the deployment, as its ``stage.toml`` describes it, and the order of phases within it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from string import Template
from typing import Any, TypeVar

from acceptance.gates.measures import Gate, Measure, Trigger

AnyMeasure = TypeVar("AnyMeasure", bound=Measure)

#: The phases of a stage in the order in which they run; a phase is the name of its test file.
PHASES = (
    "preflight",
    "deploy",
    "flag_off",
    "flag_on",
    "security",
    "soak",
    "validation",
    "documentation",
    "exit_gate",
)


class StageError(Exception):
    """A ``stage.toml`` is missing or says something that no stage can mean."""


@dataclass(frozen=True)
class Stage:
    """One stage.

    Attributes:
        id: ``21_01c``, or ``pre_deployment``, ``post_deployment``, ``post_24h``.
        title: The checklist's own title.
        order: Position in the deployment.
        risk: The checklist's own words.
        service: Which service is restarted: ``bot``, ``worker``, ``api`` or ``all``; empty for stages without.
        flagged: Whether the stage has a feature flag (its name is the target file's).
        planned_minutes: What the checklist plans for the whole stage.
        soak_minutes: How long the checklist watches the stage with its flag on.
        rollback_minutes: Within what time the rollback plan wants the old behaviour back.
        depends_on: Stages without which this one is not started.
        provoked_alerts: Alerts that the stage's own security tests are bound to fire.
        gates: What must hold over the soak.
        triggers: What ends the stage at once.
    """

    id: str
    title: str
    order: int
    risk: str = "None"
    service: str = ""
    flagged: bool = False
    planned_minutes: float = 0
    soak_minutes: float = 0
    rollback_minutes: float = 0
    depends_on: tuple[str, ...] = ()
    provoked_alerts: tuple[str, ...] = ()
    gates: tuple[Gate, ...] = ()
    triggers: tuple[Trigger, ...] = ()

    def at(self, job: str) -> Stage:
        """Give the stage with its queries filled in for a service's Prometheus job."""

        def filled(measure: AnyMeasure) -> AnyMeasure:
            query, total = (Template(text).safe_substitute(job=job) for text in (measure.query, measure.total))
            return replace(measure, query=query, total=total)

        return replace(self, gates=tuple(map(filled, self.gates)), triggers=tuple(map(filled, self.triggers)))

    def gate(self, gate_id: str) -> Gate:
        """Find a gate by its id."""
        return next(gate for gate in self.gates if gate.id == gate_id)


def load_stage(folder: Path) -> Stage:
    """Read ``stage.toml`` of a stage's folder.

    Raises:
        StageError: The file is missing, is not TOML, or has a key that a stage does not have.
    """
    path = folder / "stage.toml"
    try:
        raw: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise StageError(f"{path}: expected a stage description, found {error}") from error
    try:
        return Stage(
            id=stage_of(folder),
            gates=tuple(Gate(**_lists_to_tuples(gate)) for gate in raw.pop("gate", [])),
            triggers=tuple(Trigger(**_lists_to_tuples(trigger)) for trigger in raw.pop("trigger", [])),
            **_lists_to_tuples(raw),
        )
    except TypeError as error:
        known = ", ".join(field.name for field in fields(Stage))
        raise StageError(f"{path}: {error}; a stage has: {known}; gates and triggers as in {__name__}") from error


def stage_of(folder: Path) -> str:
    """Give the stage id of a folder below ``ops_tests``: ``stage_21_01c`` is stage ``21_01c``."""
    return folder.name.removeprefix("stage_")


def phase_of(file: Path) -> str:
    """Give the phase of a test file: ``test_flag_on.py`` is phase ``flag_on``."""
    return file.stem.removeprefix("test_")


def place_of(nodeid: str) -> tuple[str, str] | None:
    """Give (stage id, phase) of a pytest node id below ``ops_tests``, else None.

    The controller of xdist holds node ids only, so the place must be derivable from one.
    """
    parts = Path(nodeid.split("::", 1)[0]).parts
    if "ops_tests" not in parts:
        return None
    below = parts[parts.index("ops_tests") + 1 :]
    return (stage_of(Path(below[0])), phase_of(Path(below[-1]))) if len(below) == 2 else None


def _lists_to_tuples(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
