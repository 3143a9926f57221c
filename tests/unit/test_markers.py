"""`-m` with a word that no marker has is refused before a folder is made."""

from types import SimpleNamespace

import pytest

from fixtures.stages import STAGES, require_known_markers


def config(expression):
    stages = {"21_01c": SimpleNamespace(marker="stage_21_01c")}
    return SimpleNamespace(
        getini=lambda _: ["smoke: a user is served", "checklist(*items): what it answers"],
        getoption=lambda _: expression,
        stash={STAGES: stages},
    )


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
