"""`-m` with a word that no marker has is refused before a folder is made, and another mistyped name leaves none."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from fixtures.run import LIVE, pytest_sessionfinish, pytest_unconfigure
from fixtures.stages import STAGES, pytest_ignore_collect, require_known_markers


def config(expression, *stage_ids):
    stages = {each: SimpleNamespace(marker=f"stage_{each}") for each in stage_ids or ["21_01c"]}
    asked = SimpleNamespace(rootpath=Path("/suite"), getoption=lambda _: expression, stash={STAGES: stages})
    asked.getini = lambda _: ["smoke: a user is served", "checklist(*items): what it answers"]
    return asked


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("stage_21_1c", "found 'stage_21_1c'; did you mean stage_21_01c?"),
        ("smoke and not smok", "found 'smok'; did you mean smoke?"),
        ("smoke or zzz", "found 'zzz'; see pytest --markers"),
    ],
)
def test_a_word_that_is_no_marker_is_refused_with_the_nearest(expression, said):
    with pytest.raises(pytest.UsageError, match="expected a marker that there is") as refused:
        require_known_markers(config(expression))
    assert str(refused.value).endswith(said)


@pytest.mark.parametrize("expression", ["", "stage_21_01c", "(smoke or stage_21_01c) and not checklist(x='y')", None])
def test_markers_that_there_are_pass(expression):
    require_known_markers(config(expression))


@pytest.mark.parametrize(
    ("expression", "read"),
    [
        ("", "ab"),
        ("stage_a", "a"),
        ("stage_a and not smoke", "a"),
        ("not stage_a", "b"),
        ("not (stage_a or smoke)", "b"),
        ("smoke or stage_a", "ab"),
        ("(smoke", "ab"),
    ],
)
def test_stages_that_are_left_out_whole_are_not_read(expression, read):
    asked = config(expression, "a", "b")
    left_out = [each for each in "ab" if pytest_ignore_collect(Path(f"/suite/ops_tests/stage_{each}"), asked)]
    assert sorted({*"ab"} - {*left_out}) == list(read)


@pytest.fixture
def session(tmp_path):
    """A session with the folder of a run in which the page was written, and nothing else."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "record.html").touch()
    plugins = SimpleNamespace(get_plugins=lambda: [object()])
    live = SimpleNamespace(run=SimpleNamespace(folder=folder, events=folder / "events.jsonl"), end=lambda: None)
    return SimpleNamespace(config=SimpleNamespace(stash={LIVE: live}, pluginmanager=plugins))


@pytest.mark.parametrize(
    ("status", "log", "stays"), [(4, False, False), (5, False, False), (5, True, True), (1, False, True)]
)
def test_a_session_without_a_check_leaves_no_folder(session, status, log, stays):
    run = session.config.stash[LIVE].run
    if log:
        run.events.touch()
    list(pytest_sessionfinish(session, status))
    assert run.folder.exists() is stays


def test_options_that_are_refused_leave_no_empty_folder(session):
    folder = session.config.stash[LIVE].run.folder
    pytest_unconfigure(session.config)
    assert folder.exists(), "the page is in it"
    (folder / "record.html").unlink()
    pytest_unconfigure(session.config)
    assert not folder.exists()
