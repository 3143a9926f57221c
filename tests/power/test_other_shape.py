"""A deployment of another shape: healthy it is GO, and broken it is caught; what is absent is NOT APPLICABLE.

Its lab has other names, routes, fields and metrics, a login, text logs, no start metric, and Prometheus behind a path.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from held_lab import SHORT, broken, held_lab, retold

from power.stage_run import left_over, run_stage

# Enough traffic for its slower scrapes.
QUICK = SHORT | {"SOAK_SECONDS": "20"}


@pytest.fixture(scope="module")
def other_lab() -> Iterator[Path]:
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:  # while it starts, so that no other lab has this shape
            patch.setenv("LAB_SHAPE", "other")
            target = stack.enter_context(held_lab())
        yield target


@pytest.mark.parametrize(
    ("faults", "code", "red"),
    [
        ((), 0, "nothing"),
        (("flag-ignored",), 1, "test_new_path_is_at_work"),
        (("leaks-internals",), 1, "test_tampered_archive_is_refused[tampered-start]"),
        (("writes-outside",), 1, "test_attacks_are_blocked"),
    ],
    ids=lambda value: "-".join(value) or "healthy" if isinstance(value, tuple) else "",
)
def test_stage_21_01c_in_another_shape(
    other_lab: Path, tmp_path: Path, faults: tuple[str, ...], code: int, red: str
) -> None:
    target = retold(other_lab, "quick", **QUICK)
    with broken(other_lab, *faults):
        ended = run_stage(target, tmp_path)
    assert (ended.first_red, ended.code) == (red, code), ended.explain()
    assert left_over(target) == []


def test_what_is_declared_absent_is_not_applicable(other_lab: Path, tmp_path: Path) -> None:
    target = retold(other_lab, "less", ABSENT="'grafana loki alertmanager'", GRAFANA_PASSWORD="", **QUICK)
    ended = run_stage(target, tmp_path, stage="21_00")
    assert (ended.first_red, ended.code, ended.outcome) == ("nothing", 0, "GO"), ended.explain()
    verdicts = {data["nodeid"].rsplit("::")[-1]: data["verdict"] for data in ended.of("check.finished")}
    absent = {
        "test_grafana_is_well",
        *(f"test_infrastructure_answers[{part}]" for part in ("grafana", "loki", "alertmanager")),
    }
    assert {name for name, verdict in verdicts.items() if verdict == "NOT APPLICABLE"} == absent
    assert "grafana is declared absent" in "".join(ended.of("run.finished")[-1]["reasons"])
