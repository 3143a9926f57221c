"""The runner itself: what it takes for noticed, and what proves nothing."""

import subprocess
from dataclasses import replace

import pytest

from removals import workshop
from removals.guards import Guard, Rotten, load
from removals.trials import trials

PRODUCT = """
def double(number):
    if number < 0:
        raise ValueError(number)
    return 2 * number
"""
TESTS = """
import pytest
from product import double

def test_refuses():
    with pytest.raises(ValueError): double(-1)

def test_doubles():
    assert double(2) == 4

def test_is_red_anyway():
    assert double(2) == 5

@pytest.fixture
def halved():
    yield 1
    assert double(2) == 4

def test_whose_tear_down_fails(halved):
    assert halved
"""
ROW = Guard(
    name="negative numbers",
    row="1 doubling",
    file="product.py",
    find="    if number < 0:\n",
    replace="    if number is None:\n",
    test="tests/test_product.py::test_refuses",
    why="They are doubled.",
)
FOREVER = "    while number < 0:\n        pass\n    if number < 0:\n"
ROWS = {
    "noticed": (ROW, ""),
    "nothing misses it": (replace(ROW, test="tests/test_product.py::test_doubles"), "stays green"),
    "red anyway": (replace(ROW, test="tests/test_product.py::test_is_red_anyway"), "is not green"),
    "no such test": (replace(ROW, test="tests/test_product.py::test_of_old"), "there is no such test"),
    "cannot be imported": (replace(ROW, replace="    import gone\n    if number is None:\n"), "ModuleNotFoundError"),
    "cannot be collected": (replace(ROW, find="def double(", replace="import gone\ndef double("), "proves nothing"),
    "fails in the tear-down only": (
        replace(ROW, find="2 * number", replace="3 * number", test="tests/test_product.py::test_whose_tear_down_fails"),
        "found error",
    ),
    "hangs, as its bound is gone": (replace(ROW, replace=FOREVER, hang=1), ""),
    "does not fit": (replace(ROW, find="of old"), "found it 0 times"),
    "hangs without a reason": (replace(ROW, replace=FOREVER), "found slow"),
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A checkout of one module and its tests; nothing is committed yet."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / "tests").mkdir()
    (folder / "product.py").write_text("to be written\n")
    (folder / "tests" / "test_product.py").write_text(TESTS)
    for command in (["init", "--quiet"], ["add", "."]):
        subprocess.run(["git", "-C", folder, *command], check=True)
    (folder / "product.py").write_text(PRODUCT)
    (folder / "untracked.py").touch()
    return folder


@pytest.fixture(scope="module")
def faults(checkout, tmp_path_factory):
    """What is wrong with each row."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workshop, "PATIENCE_S", 4.0)
        rows = [row for row, _ in ROWS.values()]
        with trials(rows, tmp_path_factory.mktemp("copies"), checkout) as tried:
            return {row: future.result().fault() for row, future in tried.items()}


@pytest.mark.parametrize(("row", "told"), ROWS.values(), ids=ROWS)
def test_what_is_noticed(faults, row, told):
    assert (faults[row] == "") is (told == "")
    assert told in faults[row]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"find": "if number > 0:"}, "found it 0 times"),
        ({"find": "number"}, "found it 4 times"),
        ({"replace": ROW.find}, "another in its place"),
        ({"replace": "    if nunber:\n"}, "without it product.py is broken"),
        ({"replace": "    if number\n"}, "without it product.py is broken"),
        ({"file": "gone.py"}, "no such file"),
    ],
    ids=["gone", "several", "the same", "undefined name", "no Python", "no file"],
)
def test_row_that_does_not_fit_the_source_is_told(checkout, tmp_path, changes, told):
    with pytest.raises(Rotten, match=told):
        workshop.build(tmp_path / "copy", checkout).without(replace(ROW, **changes))


def test_copy_is_of_what_is_tracked_as_it_is_now_and_a_removal_is_taken_back(checkout, tmp_path):
    copy = workshop.build(tmp_path / "copy", checkout)
    assert [copy.without(ROW).kind for _ in range(2)] == ["red", "red"]
    assert (copy.root / "product.py").read_text() == PRODUCT
    assert not (copy.root / "untracked.py").exists()


def test_copy_that_an_installed_suite_would_win_over_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(workshop, "environment", lambda _: {})
    with pytest.raises(workshop.Unusable, match="expected acceptance"):
        workshop.build(tmp_path / "copy")


def test_folder_that_is_no_checkout_is_refused(tmp_path):
    with pytest.raises(workshop.Unusable, match="expected a git checkout"):
        workshop.build(tmp_path / "copy", tmp_path)


@pytest.mark.parametrize(
    ("rows", "told"),
    [('[[guard]]\nname = "x"\n', "missing"), ("{row}other = 1\n", "other"), ("{row}{row}", "stand there twice: x")],
    ids=["lacks", "unknown", "twice"],
)
def test_table_that_is_wrong_is_told(tmp_path, rows, told):
    fields = ["row", "file", "find", "replace", "test", "why"]
    row = '[[guard]]\nname = "x"\n' + "".join(f'{field} = "y"\n' for field in fields)
    (tmp_path / "guards.toml").write_text(rows.replace("{row}", row))
    with pytest.raises(Rotten, match=told):
        load(tmp_path / "guards.toml")
