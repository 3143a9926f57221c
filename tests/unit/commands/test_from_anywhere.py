"""Every command works from another folder, with paths that have spaces, in both spellings of an option."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from acceptance.commands.cli import TARGETS
from acceptance.commands.joined_options import joined

ROOT = Path(__file__).resolve().parents[3]
SCRIPTS = [path for path in (ROOT / "scripts" / "ops").glob("*.py") if not path.name.startswith("_")]


@pytest.mark.parametrize(
    "given, better",
    [
        (["-m", "x", "--target", "/a b.env", "-q"], ["-m", "x", "--target=/a b.env", "-q"]),
        (["--reports", "out", "--sign-offs", "s", "ops_tests"], ["--reports=out", "--sign-offs=s", "ops_tests"]),
        (["--target=/a", "--mode", "deploy"], ["--target=/a", "--mode", "deploy"]),
        (["--target", "--plan"], ["--target", "--plan"]),
        (["-k", "target"], ["-k", "target"]),
    ],
)
def test_only_path_options_are_joined(given, better):
    assert joined(given) == better


@pytest.mark.parametrize("spelling", ["{} {}", "{}={}"], ids=["apart", "joined"])
def test_pytest_takes_the_path_of_an_option_from_another_folder(tmp_path, spelling):
    """Apart, pytest took the path for a folder of tests, moved its root, and did not know `--target`."""
    target, reports = tmp_path / "my target.env", tmp_path / "the records"
    target.write_bytes((TARGETS / "lab.env").read_bytes())
    reports.mkdir()
    given = [("--target", str(target)), ("--reports", str(reports))]
    words = [word for pair in given for word in (pair if spelling == "{} {}" else (spelling.format(*pair),))]
    check = [sys.executable, "-m", "pytest", str(ROOT / "ops_tests")]
    command = [*check, "-m", "stage_21_00", "--plan", "-n", "2", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "journal     close" in done.stdout) == (0, True), done.stdout + done.stderr


def test_targets_are_found_beside_the_checks():
    assert (TARGETS / "staging.env.example").is_file()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_script_can_be_run_and_looks_for_its_environment_first(script):
    assert os.access(script, os.X_OK)
    assert script.read_text().index("import _environment") < script.read_text().index("from acceptance")


def bare_python(*words, **options):
    """Run a script as an interpreter without any package does."""
    command = [sys.executable, "-S", "-I", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def test_script_finds_the_checkouts_environment_or_says_which_it_needs(tmp_path):
    script = ROOT / "scripts" / "ops" / "check_feature_flags.py"
    copy = tmp_path / "scripts" / "ops"
    copy.mkdir(parents=True)
    for name in ("check_feature_flags.py", "_environment.py"):
        (copy / name).write_bytes(script.with_name(name).read_bytes())
    start = (
        "import runpy, sys; sys.path.insert(0, sys.argv[1]); sys.argv[:] = sys.argv[2:]; runpy.run_path(sys.argv[0], "
    )
    lost = bare_python("-c", f"{start} run_name='__main__')", str(copy), str(copy / script.name), cwd=tmp_path)
    assert (lost.returncode, lost.stderr.count("\n")) == (1, 1), lost.stderr
    assert lost.stderr.startswith("REFUSED: ")
    assert ".venv/ready" in lost.stderr
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").write_text('#!/bin/sh\necho found "$@"\n')
    (tmp_path / ".venv" / "bin" / "python").chmod(0o755)
    again = bare_python(
        "-c", f"{start} run_name='__main__')", str(copy), str(copy / script.name), "--json", cwd=tmp_path
    )
    assert again.stdout == f"found {copy / script.name} --json\n", again.stderr
