"""A deployment of another shape: broken it is caught, and what is absent is NOT APPLICABLE.

Its lab has other names, routes, fields, documents and metrics, a login, text logs, no start metric, and Prometheus
behind a path with a certificate of a private CA.
"""

import importlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from held_lab import QUICK, broken, lab_of_another_shape, retold

from power.stage_run import left_over, run_stage
from power.survey import assert_all_told
from power.table import Power, assert_noticed, part_of


@pytest.fixture(scope="module")
def other_lab() -> Iterator[Path]:
    with lab_of_another_shape() as target:
        yield target


ALONE = (
    "21_00-validation-disk-gone",
    "21_01a-soak-dialog-errors",
    "21_01b-soak-homework-errors",
    "21_01c-flag-ignored",
    "21_01d-soak-review-no-log-analysis",
)
SURVEYS = {
    "flags off": (
        "pre_deployment-preflight-grafana-html",
        "21_01a-flag_off-flags-stuck-on",
        "21_01d-flag_off-flags-stuck-on",
        "21_01d-flag_off-flags-stuck-on+review-no-log-analysis",
    ),
    "flags on": (
        "21_01a-flag_on-dialog-not-stored",
        "21_01b-flag_on-homework-empty-list",
        "21_01c-flag_on-wrong-checksum-recorded",
        "21_01c-security-attack-writes-outside",
        "21_01d-flag_on-review-not-published",
    ),
    "flags ignored": (
        "21_01a-flag_on-dialog-flag-ignored",
        "21_01b-flag_on-at_work-homework-flag-ignored",
        "21_01d-flag_on-at_work-use-case-flag-ignored",
    ),
}
"""Rows of the stages' own tables, a few of each, by their names there; `LAB_SHAPE=other` has the others as well."""
TABLES = ("preparation", "dialog", "homework", "storage", "review")
ROWS = {str(row): row for name in TABLES for row in importlib.import_module(f"power.test_{name}_faults").POWER}


def here(name: str) -> Power:
    """Give a row with a soak that is long enough for this shape's scrapes."""
    row = ROWS[name]
    return replace(row, settings=QUICK | row.settings)


@pytest.mark.parametrize("name", ALONE)
def test_fault_is_caught_in_another_shape(name: str, other_lab: Path, tmp_path: Path) -> None:
    assert_noticed(here(name), other_lab, tmp_path)


@pytest.mark.parametrize("chosen", SURVEYS.values(), ids=SURVEYS)
def test_survey_tells_every_fault_in_another_shape(chosen: tuple[str, ...], other_lab: Path, tmp_path: Path) -> None:
    assert_all_told(list(map(here, chosen)), other_lab, tmp_path)


def test_attack_is_caught_in_another_shape(other_lab: Path, tmp_path: Path) -> None:
    target = retold(other_lab, "quick", **QUICK, ATTACKS="selection")
    with broken(other_lab, "leaks-internals"):
        ended = run_stage(target, tmp_path)
    assert (ended.first_red, ended.code) == ("test_tampered_archive_is_refused[tampered-start]", 1), ended.explain()
    assert left_over(target) == []


def test_what_is_declared_absent_is_not_applicable(other_lab: Path, tmp_path: Path) -> None:
    target = retold(other_lab, "less", ABSENT="'grafana loki alertmanager'", GRAFANA_PASSWORD="", **QUICK)
    ended = run_stage(target, tmp_path, stage="21_00")
    assert (ended.first_red, ended.code, ended.outcome) == ("nothing", 0, "GO"), ended.explain()
    absent = {
        "test_grafana_is_well",
        "test_butlers_own_infrastructure_suite_passes",
        *(f"test_infrastructure_answers[{part}]" for part in ("grafana", "loki", "alertmanager")),
    }
    assert {name for name, (verdict, _) in ended.judged.items() if verdict == "NOT APPLICABLE"} == absent
    assert "grafana is declared absent" in "".join(ended.of("run.finished")[-1]["reasons"])


def test_doctors_questions_need_no_leave_to_change_anything(other_lab: Path, tmp_path: Path) -> None:
    target = retold(other_lab, "looks", **QUICK, ALLOW_MUTATIONS="false")
    ended = run_stage(target, tmp_path, *part_of("pre_deployment", "preflight", k="night"), stage="pre_deployment")
    [done] = ended.of("check.finished")
    assert (done["nodeid"].rsplit("::")[-1], done["verdict"]) == ("test_what_the_night_needs_is_there", "PASS"), (
        ended.explain()
    )
