"""Every command of the README and the pages is run: as far as it goes without a target, or as a plan of it."""

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
import record_samples as samples

from acceptance.record.publish import publish
from acceptance.signoff_file import load_sign_offs

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
OURS = r"(?:pytest|python|make|scripts/ops/\w+\.py)(?: \S|$)"
NOT_OURS = re.compile(r"make day-12-|pytest tests/smoke/|pytest /path/to/")
"""Commands of Butler and its checklist, and what is run from elsewhere: `test_from_anywhere.py` does."""

SAMPLES = {
    "FOLDER": "{record}", "DIR": "{here}", "FILE": "{here}/file", "NAME": "journal", "N": "1",
    "S": "1", "~/.ssh/id_ed25519": "{here}/key",
    "signoffs.toml": "{here}/signs.toml", "staging": "{here}/staging.env", "production": "{here}/production.env",
}  # fmt: skip


def typed_on(page):
    """The lines of a page's blocks that somebody types, without what is said of them."""
    blocks = "\n".join(re.findall(r"^```(?:console)?\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL))
    lines = re.sub(r"\\\n|(?: {2,}|^)#.*$", "", blocks, flags=re.MULTILINE).splitlines()
    return [line.removeprefix("$ ").rstrip() for line in lines if line.startswith("$ ") or re.match(OURS, line)]


def said_on(page):
    """The commands of one page: of its blocks, and those within the text."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    yield from filter(re.compile(OURS).match, typed_on(page))
    yield from re.findall(rf"`({OURS}[^`\n]+)`", text)


def plain(command):
    """Leave out brackets around what may be left out, and all but the first of alternatives."""
    said = re.sub(r"\|\S+", "", command.replace("[", "").replace("]", "")).removeprefix("python ")
    said = re.sub(r"\b(reports/\S+|FOLDER)", "FOLDER", said)
    return re.sub(r"(record\.py (?!history|index)\w+\b)(?! FOLDER)", r"\1 FOLDER", said)  # where only named


OTHERS = sorted({line for page in PAGES for line in typed_on(page) if not re.match(OURS, line)})
EVERY = sorted({plain(each) for page in PAGES for each in said_on(page) if not NOT_OURS.match(each)})
MARKED = re.compile(r" -m (\"[^\"]+\"|\w+)")


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A folder with the files that commands name."""
    folder = tmp_path_factory.mktemp("docs")
    publish(samples.go(folder / "record"))
    (folder / "signs.toml").write_text('ticket = "CHG-2025-11-042"\n')
    for kind in ("staging", "production"):
        (folder / f"{kind}.env").write_text((ROOT / "targets" / f"{kind}.env.example").read_text())
    return folder


@pytest.fixture
def run(here):
    secrets = {"MONGODB_URL": "mongodb://127.0.0.1:1/", "GRAFANA_PASSWORD": "x1y2z3"}
    secrets["OPS_TARGET"] = str(here / "production.env")

    def run(*argv):
        words = [SAMPLES.get(word, word).format(here=here, record=here / "record") for word in argv]
        env = {name: value for name, value in os.environ.items() if not name.startswith("OPS_")} | secrets
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, env=env, check=False, timeout=100)
        return done.returncode, done.stdout + done.stderr

    return run


def of(*begins):
    return [each for each in EVERY if each.startswith(begins)]


def test_every_command_is_run_by_one_of_these():
    assert len(EVERY) > 40
    assert set(EVERY) == {*of("pytest"), *of("make"), *of("scripts/ops/"), *of("-m "), *of("tests/record_samples")}


@pytest.mark.parametrize("command", of("scripts/ops/", "tests/record_samples"))
def test_script_takes_its_arguments(command, run):
    """It may find nothing there; it must not say that it is called in another way."""
    if "nightly.py" in command:
        pytest.skip("run by tests/unit/commands/test_nightly.py, with all that it starts")
    code, said = run(sys.executable, *shlex.split(command))
    assert (code in (0, 1, 2, 10, 13), "usage:" in said, "Traceback" in said) == (True, False, False), said[-2000:]


@pytest.mark.parametrize("command", sorted({MARKED.sub("", each) for each in of("pytest")}))
def test_pytest_takes_its_options(command, run):
    words = shlex.split(command.partition(" ")[2])
    looks = ["--collect-only"] if any(word.startswith("tests/") for word in words) else ["--plan"]
    code, said = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *looks, *words, "-n0")
    assert (code in (0, 13), "unrecognized arguments" in said) == (True, False), said[-2000:]


@pytest.mark.parametrize("line", OTHERS)
def test_line_for_the_shell_runs_in_the_checkout(line, here):
    if not (here / ".venv").exists():
        (here / ".venv").symlink_to(sys.prefix)
        shutil.copytree(ROOT / "targets", here / "targets")
    done = subprocess.run(["bash", "-ec", line], cwd=here, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_plain_install_is_refused(monkeypatch):
    """Without setuptools, of which no environment need have the right one."""
    made = {}
    stand_in = SimpleNamespace(setup=lambda **given: made.update(given), bdist_wheel=object)
    for name in ("setuptools", "setuptools.command", "setuptools.command.bdist_wheel"):
        monkeypatch.setitem(sys.modules, name, stand_in)
    runpy.run_path(str(ROOT / "setup.py"))
    with pytest.raises(SystemExit, match=r"pip install --editable \."):
        made["cmdclass"]["bdist_wheel"]().run()


def test_every_marker_is_one():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    known = {line.partition(":")[0] for line in settings["markers"]}
    stages = {path.name for path in (ROOT / "ops_tests").iterdir()} | {"stage_ID"}
    named = {word for each in of("pytest") for found in MARKED.findall(each) for word in re.findall(r"\w+", found)}
    assert named - {"and", "or", "not"} <= known | stages


@pytest.mark.parametrize("command", of("-m "))
def test_module_takes_its_options(command, run):
    _, name, *words = shlex.split(command)
    code, said = run(sys.executable, "-m", name, *(["serve"] if words[:1] == ["serve"] else []), "--help")
    assert code == 0, said
    assert [word for word in words if word.startswith("--") and word not in said] == []


@pytest.mark.parametrize("command", of("make"))
def test_make_knows_its_target(command, run):
    code, said = run(*shlex.split(command)[:1], "-n", *shlex.split(command)[1:])
    assert code == 0, said


def test_every_key_of_a_stage_is_explained():
    page = (ROOT / "docs" / "adding-a-stage.md").read_text(encoding="utf-8")
    keys = {key for file in ROOT.glob("ops_tests/*/stage.toml") for key in tomllib.loads(file.read_text())}
    assert {key for key in keys if f"`{key}`" not in page and f"[[{key}]]" not in page} == set()


def test_every_example_is_linked_and_the_sign_offs_can_be_read():
    examples = {path for path in (ROOT / "docs" / "examples").rglob("*") if path.is_file()}
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert {path.name for path in examples if path.name not in text and path.suffix not in (".timer",)} == set()
    file = ROOT / "docs" / "examples" / "signoffs.toml.example"
    given = load_sign_offs(
        file, "M. Olsen", "CHG-2026-11-042", datetime(2026, 11, 28, 3, tzinfo=UTC), needs_ticket=True
    )
    assert set(given.given) == {"21_01c.deploy.1"}
