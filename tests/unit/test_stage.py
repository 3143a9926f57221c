"""Stages as files: what a ``stage.toml`` may say, and where a test stands."""

import pytest

from acceptance.stage import StageError, load_stage, place_of

GOOD = """
title = "Storage"
order = 50
[[gate]]
id = "errors"
title = "No errors"
items = ["21_01c.exit.1"]
kind = "count"
query = 'sum(x{job="$job"})'
total = 'sum(y{job="$job"})'
threshold = "== 0"
"""


@pytest.fixture
def load(tmp_path):
    def make(text):
        folder = tmp_path / "stage_21_01c"
        folder.mkdir()
        (folder / "stage.toml").write_text(text)
        return load_stage(folder)

    return make


def test_stage_takes_its_id_from_its_folder(load):
    stage = load(GOOD)
    assert (stage.id, stage.gate("errors").items) == ("21_01c", ("21_01c.exit.1",))


def test_queries_are_filled_in_for_a_job(load):
    assert load(GOOD).at("butler-api").gates[0].query == 'sum(x{job="butler-api"})'


@pytest.mark.parametrize(
    ("text", "told"), [(GOOD + "colour = 3", "colour"), ("title = ", "expected a stage"), ("order = 1", "title")]
)
def test_faulty_stage_names_the_file_and_the_fault(load, text, told):
    with pytest.raises(StageError, match=told) as failure:
        load(text)
    assert "stage_21_01c/stage.toml" in str(failure.value)


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
