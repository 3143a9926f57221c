"""Every line of the checklist has a check, every check names a line that is there, and few need a person."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from acceptance.checklist import GENERATED, SIGN_OFFS, item, load_items
from acceptance.commands.coverage import Check, Kind, collect, matrix, unknown
from acceptance.verdict import Inconclusive

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def checks():
    """All checks of the suite, as pytest collects them."""
    return collect(ROOT)


def test_every_item_of_the_checklist_has_a_check(checks):
    assert [row.item.id for row in matrix(checks) if row.kind is Kind.MISSING] == []


def test_no_check_names_an_unknown_item(checks):
    assert unknown(checks) == {}


def test_every_check_answers_an_item(checks):
    assert [check.name for check in checks if not check.items] == []


def test_at_most_twenty_items_are_sign_offs(checks):
    by_hand = [row.item.id for row in matrix(checks) if row.kind is Kind.SIGN_OFF]
    assert len(by_hand) <= 20, by_hand


@pytest.mark.parametrize("kind", [Kind.SIGN_OFF, Kind.AUTOMATED])
def test_the_record_awaits_from_a_person_what_one_is_asked_for_and_no_line_that_a_probe_answers(checks, kind):
    """Where no check of the run names a line, the record takes SIGN_OFFS for the lines of a person."""
    of_kind = {row.item.id for row in matrix(checks) if row.kind is kind}
    assert of_kind & set(SIGN_OFFS) == (of_kind if kind is Kind.SIGN_OFF else set())


def test_kinds():
    rows = matrix(
        [
            Check("t::a", ("21_01c.exit.1",), False),
            Check("t::b", ("21_01c.exit.1", "21_01c.deploy.1"), True),
            Check("t::c", ("post.documentation.1",), False),
        ],
        [item(each) for each in ("21_01c.exit.1", "21_01c.deploy.1", "post.documentation.1", "21_01c.exit.2")],
    )
    assert [row.kind for row in rows] == [Kind.AUTOMATED, Kind.SIGN_OFF, Kind.GENERATED, Kind.MISSING]
    assert [check.name for check in rows[0].checks] == ["t::a", "t::b"]


def test_an_unknown_item_is_told_with_the_checks_that_name_it():
    assert unknown([Check("t::a", ("21_01c.exit.99", "21_01c.exit.1"), False)]) == {"21_01c.exit.99": ["t::a"]}


def test_generated_items_exist():
    assert {each.id for each in load_items()} >= GENERATED


@pytest.fixture
def project(tmp_path):
    """A small project with one stage; gives a function that writes its checks."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\nstrict = true\nmarkers = ["signoff: by hand", "checklist(*items): items"]\n'
    )
    folder = tmp_path / "ops_tests" / "stage_21_01c"
    folder.mkdir(parents=True)
    return tmp_path, lambda text: (folder / "test_soak.py").write_text(f"import pytest\n{text}")


def test_cases_of_one_function_are_one_check(project, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    folder, write = project
    write(
        '@pytest.mark.checklist("21_01c.exit.1", "21_01c.exit.2")\n'
        '@pytest.mark.parametrize("n", [pytest.param(1, marks=pytest.mark.signoff), 2])\ndef test_a(n): pass\n'
        '@pytest.mark.signoff\n@pytest.mark.checklist("21_01c.deploy.1")\ndef test_b(): pass\n'
    )
    assert collect(folder) == (
        Check("ops_tests/stage_21_01c/test_soak.py::test_a", ("21_01c.exit.1", "21_01c.exit.2"), False, 2),
        Check("ops_tests/stage_21_01c/test_soak.py::test_b", ("21_01c.deploy.1",), True),
    )


def test_what_cannot_be_collected_is_no_empty_matrix(project, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    folder, write = project
    write("import nothing_of_that_name\n")
    with pytest.raises(Inconclusive, match="nothing_of_that_name"):
        collect(folder)


def test_command_finds_nothing_missing():
    script = ROOT / "scripts" / "ops" / "checklist_coverage.py"
    ended = subprocess.run([sys.executable, script, "--missing"], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
