"""A whole deployment of a healthy lab, as it is made in a window: each stage a run of its own."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from held_lab import QUICK, held_lab, lab_of_another_shape, retold

from power.stage_run import run_stage

STAGES = ("pre_deployment", "21_00", "21_01a", "21_01b", "21_01c", "21_01d", "post_deployment", "post_24h")
SHAPES: dict[str, Callable[[], AbstractContextManager[Path]]] = {"lab": held_lab, "other": lab_of_another_shape}
"""A shape's name -> what starts a lab of it."""


def first_not_go(shape: str, reports: Path) -> str:
    """Deploy in a lab of this shape, of its own since its flags stay on; say which stage did not end GO, and how."""
    with SHAPES[shape]() as lab:
        # Soaks in which a machine that is busy, too, makes as many requests as a gate judges by.
        target = retold(lab, "quick", **QUICK)
        for stage in STAGES:
            ended = run_stage(
                target, reports, "--mode=deploy", "--ticket=CHG-2025-11-042", "--operator=R. Rivera", stage=stage
            )
            if (ended.first_red, ended.code, ended.outcome) != ("nothing", 0, "GO"):
                return f"{stage}: {ended.outcome}, first {ended.first_red}: {ended.explain()}"
            if ended.untold:
                return f"{stage}: passed checks that do not say what they expected and observed: {ended.untold}"
    return ""
