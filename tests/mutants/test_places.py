"""A sample can be drawn again, leaves the catalogue's own hooks out, and each place is a mutation that compiles."""

import ast
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from coverage import CoverageData

sys.path.insert(0, str(Path(__file__).parents[1]))

from mutants.places import Owner, Place, hook_lines, of_butler, of_suite, sample, statement_lines
from mutants.suite import Tests
from mutants.trial import TRACER, Control

ROOT = Path(__file__).parents[2]
EVERY = of_butler(ROOT)
SAMPLE = sample(ROOT, EVERY, 40, seed=7)


def test_same_seed_draws_the_same_places():
    assert sample(ROOT, EVERY, 40, seed=7) == SAMPLE != sample(ROOT, EVERY, 40, seed=8)


def test_each_place_is_one_change_of_a_line_that_is_no_hook():
    for place in SAMPLE:
        source = (ROOT / place.file).read_text()
        mutated = place.mutated(source)
        ast.parse(mutated)
        assert mutated != source, place
        assert place.line not in hook_lines(source), place


def test_a_place_of_the_suite_is_asked_of_the_tests_that_execute_it(tmp_path):
    every = of_suite(ROOT)
    texts = {(ROOT / each.file).read_text().splitlines()[each.line - 1].strip() for each in every}
    assert not [text for text in texts if text.startswith(("@", "def _conflict("))], "nothing is decided there"
    places = sample(ROOT, every, 40, seed=7)
    assert all(place.file.startswith("acceptance/") for place in places)
    place = next(each for each in places if each.stage == "gates")
    source = (ROOT / place.file).read_text()
    data = CoverageData(str(tmp_path / "coverage"))
    here = place.line
    for test, line in (("test_b.py::b|run", here), ("test_a.py::a|setup", here), ("other|run", 10**6), ("", 1)):
        data.set_context(test)
        data.add_lines({str(tmp_path / place.file): [line]})
    asked = Tests(data, tmp_path, {"test_a.py::a": 0.1, "test_b.py::b": 0.2})
    assert asked.that_execute(place, source) == ["test_a.py::a", "test_b.py::b"]
    assert asked.that_execute(replace(place, line=10**5), source) == ["other", "test_a.py::a", "test_b.py::b"]
    assert asked.that_execute(replace(place, file="acceptance/redact.py"), source) == []


SOURCE = """\
def f(
    a=1,
    b=2,
):
    try:
        return {
            "a": a,
        }
    except ValueError:
        return b
    if a: return 3
"""


@pytest.mark.parametrize(
    ("line", "around"), [(2, {1, 2, 3, 4}), (5, {5}), (7, {6, 7, 8}), (9, {9}), (10, {10}), (11, {11})]
)
def test_a_place_is_as_much_as_its_statement(line, around):
    assert statement_lines(SOURCE, line) == around


def test_what_a_stage_did_not_execute_is_not_reached():
    place = next(place for place in SAMPLE if place.file == "lab/api/names.py")
    assert Control("", frozenset({(place.file, place.line)})).reaches(place)
    assert not Control("", frozenset({("lab/api/app.py", place.line)})).reaches(place)


@pytest.mark.parametrize(
    ("file", "owner"),
    [
        ("lab/api/app.py", Owner("21_01c")),
        ("lab/bot/turn.py", Owner("21_01a")),
        ("lab/bot/telegram.py", Owner("21_01a", "telegram")),
        ("lab/worker/routes.py", Owner("21_01b")),
        ("lab/worker/loop.py", Owner("21_01d")),
    ],
)
def test_the_stage_that_calls_a_file_owns_it(file, owner):
    assert Place(file, "core/NumberReplacer", 0, 1).owner == owner


def test_lines_of_a_service_that_are_executed_are_noted(tmp_path):
    shutil.copytree(ROOT / "lab", tmp_path / "lab", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "lab" / "__init__.py").open("a") as package:
        package.write(TRACER.read_text())
    here = {name: value for name, value in os.environ.items() if name != "LAB_HOME"}
    subprocess.run([sys.executable, "-m", "lab.api"], cwd=tmp_path, env=here, check=False, stderr=subprocess.DEVNULL)
    noted = {line for file in tmp_path.glob("reached-*") for line in file.read_text().splitlines()}
    source = (ROOT / "lab/api/__main__.py").read_text().splitlines()
    at = {words: next(n for n, line in enumerate(source, 1) if words in line) for words in ("Settings.load", "log(")}
    assert f"lab/api/__main__.py:{at['Settings.load']}" in noted
    assert f"lab/api/__main__.py:{at['log(']}" not in noted


HOOKED = """\
LATE_S = 2
LIMIT = 3
ELSEWHERE = 4
def late(x):
    \"\"\"Do what the seeded faults of an answer do.\"\"\"
    sleep(LATE_S)
def serve(x):
    if broken("late"):
        late(x)
    anew = was_on("late") and x
    if anew:
        return 0
    asked = x and not self.broken("late")
    if asked:
        return 1
    return x < LIMIT
"""


def test_what_only_hooks_read_and_what_only_they_call_are_hooks_too():
    assert hook_lines(HOOKED) == {1, 4, 5, 6, 8, 9, 10, 11, 12, 13}
