"""Stages as files: what a `stage.toml` may say, what it is told when it is wrong, and where a test stands."""

from pathlib import Path

import pytest

from acceptance.gates.measures import GateResult
from acceptance.stage import StageError, load_stage, load_stages, place_of
from acceptance.stage_folders import declared
from acceptance.target.naming import MetricNames
from acceptance.verdict import Verdict

CHECKS = Path(__file__).resolve().parents[2] / "ops_tests"
TOP = """
title = "Storage"
order = 50
service = "api"
flag = "USE_NEW_STORAGE_ADAPTER"
metrics = "x_"
proof = "test_flag_on.py::test_new"
"""
GATE = """
[[gate]]
id = "errors"
title = "No errors"
items = ["21_01c.exit.1"]
kind = "count"
query = 'x{job="$job"}'
total = 'y{job="$job"}'
threshold = "== 0"
unit = "ratio"
"""
GOOD = TOP + GATE


@pytest.fixture
def load(tmp_path):
    def make(text, stage="21_01c"):
        folder = tmp_path / f"stage_{stage}"
        folder.mkdir()
        (folder / "stage.toml").write_text(text)
        return load_stage(folder)

    return make


def test_stage_takes_its_id_and_marker_from_its_folder(load):
    stage = load(GOOD)
    assert (stage.id, stage.marker, stage.target_key) == ("21_01c", "stage_21_01c", "FLAG_21_01C")
    assert stage.gate("errors").items == ("21_01c.exit.1",)


def test_queries_are_filled_in_for_a_job(load):
    assert load(GOOD).at("butler-api").gates[0].query == 'x{job="butler-api"}'


def test_a_gate_is_shown_in_the_deployments_own_names(load):
    """What the record and a message show can be pasted into its Prometheus."""
    gate = load(GOOD).at("butler-api", MetricNames({"x": "its_own"}).query).gates[0]
    result = GateResult(gate, Verdict.FAIL, 1.0, 9, "found 1", 0, 1)
    shown = 'its_own{job="butler-api"}'
    assert (result.as_json()["query"], shown in result.explain()) == (shown, True)
    assert gate.query == 'x{job="butler-api"}'


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("title", "colour = 3\ntitle", "colour: there is no such key"),
        ("title", "riks = 'None'\ntitle", "riks: there is no such key; did you mean risk?"),
        ('title = "Storage"', "", "title: expected a value, found no such key; add it"),
        ('title = "Storage"', "title = ", "expected a stage's description in TOML"),
        ("title", 'id = "21_02"\ntitle', "id: expected '21_01c' as the folder says, found '21_02'"),
        ("order = 50", 'order = "ten"', "order: input should be a valid integer, found 'ten'; correct it"),
        ("order = 50", "order = true", "order: input should be a valid integer, found True"),
        ("order = 50", "order = 5\nsoak_minutes = -1", "soak_minutes: input should be greater than or equal to 0"),
        ('"api"', '"apy"', "service: input should be '', 'bot', 'worker', 'api' or 'all', found 'apy'"),
        ('"api"', '"all"', "service: expected the service that reads the flag, since `flag` is set, found 'all'"),
        ('proof = "test_flag_on.py::test_new"', "", "proof: expected the check that proves that the new path is at"),
        ('metrics = "x_"', "", "metrics: expected what the names"),
        ('"count"', '"cuont"', "[[gate]] no 1 kind: input should be "),
        ("kind", "knid", "[[gate]] no 1 knid: there is no such key; did you mean kind?"),
        ('"== 0"', '"less than 3"', "errors: threshold: expected a comparison with a number"),
        ('"== 0"', '"< 3 s"', "errors: threshold: expected a comparison with a number"),
        ('"== 0"', "0", "threshold: input should be a valid string, found 0"),
        ('"== 0"', '">= 0"', "errors: threshold: expected one that decides, found '>= 0', which can never fail"),
        ('"== 0"', '"<= 1"', "found '<= 1', which can never fail"),
        ('"== 0"', '"< 0"', "found '< 0', which never holds"),
        ("""'x{job="$job"}'""", "''", "errors: query: expected what is measured, found nothing"),
        ("""'x{job="$job"}'""", """'sum(x{job="$job"})'""", "errors: query: expected a selector of raw series"),
        ("[[gate]]", "[[gate]]\n" + GATE.partition("]]")[2] + "[[gate]]", "errors: id: expected each id once"),
        ("[[gate]]", "[[trigger]]" + GATE.partition("]]")[2].replace("== 0", "> 1") + "[[gate]]", "> 1', which never"),
    ],
)
def test_a_faulty_stage_is_told_with_file_key_and_remedy(load, old, new, told):
    assert old in GOOD
    with pytest.raises(StageError) as failure:
        load(GOOD.replace(old, new, 1))
    assert told in str(failure.value)
    assert "stage_21_01c/stage.toml: " in str(failure.value)


def test_every_fault_of_a_file_is_told_at_once(load):
    with pytest.raises(StageError) as failure:
        load(GOOD.replace("50", '"ten"').replace('"count"', '"cuont"'))
    assert len(str(failure.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ("order = 40\ndepends_on = ['21_09']", "depends_on: expected a stage that there is (21_01b, 21_01c)"),
        ("order = 50", "stage_21_01c/stage.toml: order: expected a place of its own, found 50, as stage 21_01b"),
        ("order = 40\ndepends_on = ['21_01c']", "depends_on: expected a stage before this one, found '21_01c'"),
    ],
)
def test_what_is_wrong_between_stages_is_told(load, tmp_path, other, told):
    load("title = 'B'\n" + other, "21_01b")
    load(GOOD)
    with pytest.raises(StageError) as failure:
        load_stages(tmp_path)
    assert told in str(failure.value)


def test_all_processes_know_the_stages_of_this_suite():
    """What the conductor, the scripts and the lab know of stages is what their folders say."""
    assert [stage.id for stage in declared()] == [*load_stages(CHECKS)]


@pytest.mark.parametrize(
    ("nodeid", "place"),
    [
        ("ops_tests/stage_21_01c/test_flag_on.py::test_x[a/b::c]", ("21_01c", "flag_on")),
        ("ops_tests/post_deployment/test_validation.py::test_x", ("post_deployment", "validation")),
        ("tests/unit/test_stage.py::test_x", None),
        ("ops_tests/test_loose.py::test_x", None),
    ],
)
def test_place_is_derived_from_the_node_id(nodeid, place):
    assert place_of(nodeid) == place
