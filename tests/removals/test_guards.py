"""Every guard is missed by a test when it is gone; the rows are in `guards.toml`, the marks in the source."""

import ast
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import pytest

from removals.copied import Copied, Guard
from removals.removed import Rotten, marks, without

ROOT = Path(__file__).resolve().parents[2]
GUARDS = [Guard(name, *row) for name, row in tomllib.loads(Path(__file__).with_name("guards.toml").read_text()).items()]


@pytest.fixture(scope="session")
def copied():
    """A copy that other users may enter, as some of the tests do: below pytest's own folder they may not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Copied.of(ROOT, Path(folder))


def test_tests_are_green_in_a_copy_while_every_guard_is_in_place(copied):
    failed, said = copied.run(sorted({guard.test for guard in GUARDS}), 300)
    assert failed == [], said[-6000:]
    assert " passed" in said, said[-6000:]


def test_every_row_names_a_test():
    wanted = sorted({guard.test for guard in GUARDS})
    argv = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-pno:cacheprovider", *wanted]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    missing = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("ERROR")]
    assert (done.returncode, missing) == (0, []), "correct the test of these rows in guards.toml"


def test_every_mark_has_a_row():
    assert sorted(marks(ROOT)) == sorted(guard.name for guard in GUARDS), "a mark of the source or a row is missing"


@pytest.mark.parametrize("guard", GUARDS, ids=str)
def test_removal_is_noticed(copied, guard):
    assert copied.fault(guard) == "", guard.why


def left_of(source, mark="# guard: it"):
    line = next(number for number, line in enumerate(source.splitlines(), 1) if mark in line)
    return without(source, line)


@pytest.mark.parametrize(
    "source, left",
    [
        ("if a:  # guard: it\n    b", "if False:\n    b"),
        ("try:\n    a\nexcept B:  # guard: it\n    c", "try:\n    a\nexcept ():\n    c"),
        ("with a:  # guard: it\n    b", "b"),
        ("a()  # guard: it", "pass"),
        ("f(\n    a,\n    b=1,  # guard: it\n)", "f(a)"),
        ("x = [\n    a,  # guard: it\n    b,\n]", "x = [b]"),
    ],
    ids=["if", "except", "with", "statement", "argument", "element"],
)
def test_what_is_left(source, left):
    assert left_of(source) == ast.unparse(ast.parse(left))


def test_guard_that_is_gone_is_told_with_its_remedy(tmp_path):
    with pytest.raises(Rotten, match="row gone: no `# guard: gone` in the source; put the mark"):
        Copied(tmp_path).fault(Guard("gone", "tests/test_x.py::test_y", "why"))


@pytest.mark.parametrize(
    "test, told",
    [("assert f(-1) == 1", ""), ("assert f(1) == 1", "found none"), ("import gone", "ModuleNotFoundError")],
    ids=["noticed", "nothing misses it", "broken"],
)
def test_what_counts_as_noticed(tmp_path, test, told):
    (tmp_path / "acceptance").mkdir()
    (tmp_path / "acceptance/product.py").write_text(
        "def f(x):\n    if x < 0:  # guard: sign\n        x = -x\n    return x"
    )
    (tmp_path / "test_f.py").write_text(f"from acceptance.product import f\ndef test_f():\n    {test}")
    fault = Copied(tmp_path).fault(Guard("sign", "test_f.py::test_f", "why"))
    assert (told in fault, bool(fault)) == (True, bool(told))
