"""What the texts may claim: the checklist's closing sentences, each as the record bears it."""

from __future__ import annotations

from acceptance.checklist import State
from acceptance.record.parts import Record, Stage
from acceptance.verdict import Verdict


def claims(record: Record) -> list[str]:
    """Give the checklist's four closing sentences, each as the record bears it."""
    flagged = [stage for stage in record.stages if stage.flag]
    gates = [gate.verdict for stage in record.stages for gate in stage.gates]
    states = {line.id: line.state for line in record.lines}
    return [
        _claim("All feature flags enabled successfully", [stands(stage) for stage in flagged])
        if record.facts.mode != "rehearse"
        else "Rehearsal: every flag that was enabled was set back",
        _claim("No errors detected in monitoring", [verdict is Verdict.PASS for verdict in gates]),
        _claim("Smoke tests pass", _settled(states["post.validation.1"])),
        _claim("User-facing validation successful", _settled(states["post.validation.5"])),
    ]


def stages_name(record: Record) -> str:
    """Name the stages as the checklist does: ``Stage 21_01a-d``, or one by one when they do not follow on."""
    names = [stage.id for stage in record.stages if stage.id.startswith("21_")]
    if not names:
        return "without a stage"
    tails = [name.removeprefix("21_01") for name in names if name.startswith("21_01") and len(name) == 6]
    run = "".join(tails)
    if len(tails) < 2 or run not in "abcd":
        return f"Stage {', '.join(names)}"
    return f"Stage {', '.join([*(name for name in names if name[5:] not in tails), f'21_01{run[0]}-{run[-1]}'])}"


def stands(stage: Stage) -> bool:
    """Whether a stage passed and its flag was kept."""
    return bool(stage.kept) and stage.verdict is Verdict.PASS


def _settled(state: State) -> list[bool]:
    return [] if state in (State.NOT_RUN, State.AWAITING) else [state is State.PASS]


def _claim(text: str, grounds: list[bool]) -> str:
    return f"{text}: not checked in this run" if not grounds else text if all(grounds) else f"{text}: NO"
