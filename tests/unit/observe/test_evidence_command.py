"""A command in a person's place: what it prints is the evidence, and silence is never a pass."""

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from small_target import small_target

from acceptance.checklist import OWN_SUITES
from acceptance.observe.evidence_command import answer, own_suite
from acceptance.target.file import TargetError
from acceptance.target.keys import evidence_key
from acceptance.verdict import Inconclusive, NotApplicable

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs" / "evidence.md"
ITEM = "pre.technical.6"
NOW = datetime.now(UTC)


@pytest.fixture
def ask(tmp_path):
    """Ask a command for ITEM."""

    def of(command, hours="", **settings):
        keys = {"EVIDENCE_pre_technical_6": f'"{command}"', "EVIDENCE_pre_technical_6_MAX_HOURS": hours}
        target = small_target(tmp_path, CODE_DIR=tmp_path, **keys, **settings)
        return answer(target, ITEM)

    return of


def hours_ago(hours, form="%Y-%m-%dT%H:%M:%SZ"):
    return f"{NOW - timedelta(hours=hours):{form}}"


@pytest.mark.parametrize(
    ("command", "hours"),
    [
        ("echo green", ""),
        ("echo '4 passed, 3 skipped, 1 warning in 0.02s'", ""),
        (f"echo green at {hours_ago(3)}", "4"),
        (f"echo {hours_ago(3, '%Y-%m-%d %H:%M:%S +0000')} and {hours_ago(99)}", "4"),
    ],
    ids=["no date", "a suite", "its date", "the newest of its dates"],
)
def test_good_answer_is_evidence_with_its_origin(command, hours, ask, tmp_path):
    said = ask(command, hours)
    assert said.findings() == []
    data = said.evidence().data
    assert (data["exit_code"], data["folder"], data["argv"]) == (0, str(tmp_path), command)
    assert data["stdout"].strip() == command.removeprefix("echo ").strip("'")
    assert f"{tmp_path.owner()} in here.env of " in said.evidence().title


def test_another_exit_code_is_a_no_in_the_commands_words(ask):
    [found] = ask("bash -c 'echo run 7 is red; exit 1'").findings()
    assert "found 1: run 7 is red" in str(found)


@pytest.mark.parametrize(
    ("command", "hours", "told"),
    [
        ("true", "", "printed nothing"),
        ("false", "", "printed nothing"),
        ("echo null", "", "printed null"),
        ("echo '<!DOCTYPE html><html>Sign in</html>'", "", "printed a page"),
        ("no-such-program-here", "", "gave no answer"),
        ("bash -c 'no-such-program-here || exit 127'", "", "gave no answer"),
        ("bash -c 'echo half; kill -9 $$'", "", "gave no answer: half"),
        ("bash -c 'echo begins; sleep 30'", "", "did not end within 0.3 s"),
        ("echo green", "4", "found none in what it printed"),
        (f"echo green {hours_ago(0)[:-1]}", "4", "found none in what it printed"),
        ("echo green 2026-19-45T99:00Z", "4", "found none in what it printed"),
        (f"echo green {hours_ago(5)}", "4", "found one 5."),
        (f"echo green {hours_ago(-5)}", "4", "found one -"),
        ("printf 'sss\n=== 3 skipped, 1 warning in 0.02s ==='", "", "ran no test to its end"),
        ("printf 'sss\n3 skipped in 0.02s'", "", "ran no test to its end"),
    ],
    ids=range(15),  # a name that holds the time is another one at the next collection
)
def test_silence_is_never_a_pass(command, hours, told, ask):
    with pytest.raises(Inconclusive, match=re.escape(told)):
        ask(command, hours, EVIDENCE_TIMEOUT_SECONDS="0.3" if "sleep" in command else "20").findings()


@pytest.mark.parametrize(
    ("cases", "hours", "told"),
    [
        ("<testcase/><testcase><skipped/></testcase>", "1", "1 of 2 tests passed, 0 failed"),
        ("<testcase/><testcase><error/></testcase>", "1", "expected exit code 0, found 1"),
        ("<testcase><skipped/></testcase>", "1", "found 1: tests.xml: 0 of 1 tests passed"),
        ("<testcase/>", "0.5", "expected a time of the last 0.5 h, found one 0."),
        ("<", "1", "gave no answer"),
    ],
)
def test_junit_file_is_read_by_its_recipe(cases, hours, told, ask, tmp_path):
    at = hours_ago(0.8, "%Y-%m-%dT%H:%M:%S.123+00:00")
    written = f'<testsuites><testsuite timestamp="{at}">{cases}</testsuite></testsuites>'
    (tmp_path / "tests.xml").write_text(written)
    said = ask(f"{sys.executable} {DOCS.parent / 'examples' / 'evidence' / 'junit.py'} tests.xml", hours)
    try:
        found = " ".join(map(str, said.findings())) or said.output
    except Inconclusive as error:
        found = str(error)
    assert told in found


def test_item_without_a_command_is_a_persons(tmp_path):
    assert answer(small_target(tmp_path), ITEM) is None


@pytest.mark.parametrize("item", OWN_SUITES)
def test_butlers_own_suite_is_run_where_the_target_file_has_a_command_for_it(item, tmp_path):
    with pytest.raises(NotApplicable, match=f"{evidence_key(item)} names no command"):
        own_suite(small_target(tmp_path), item)
    told = "bash -c 'echo 1 failed, 11 passed in 3.2s; exit 1'"
    [found] = own_suite(small_target(tmp_path, **{evidence_key(item): f'"{told}"'}), item).findings()
    assert found.found == "1: 1 failed, 11 passed in 3.2s"
    silent = own_suite(small_target(tmp_path, **{evidence_key(item): "true"}), item)
    with pytest.raises(Inconclusive, match=f"correct {evidence_key(item)}$"):  # nobody can sign in its place
        silent.findings()


@pytest.mark.parametrize(
    "key", ["EVIDENCE_21_01c_exit_1", "EVIDENCE_pre_technical_66", "EVIDENCE_pre_technical_6_HOURS"]
)
def test_no_command_stands_for_a_check_or_for_no_item(key, tmp_path):
    with pytest.raises(TargetError, match="is no key of a target file"):
        small_target(tmp_path, **{key: "true"})


def recipes():
    text = re.search(r"```env\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)[1]
    return dict(line.split("=", 1) for line in text.splitlines() if line.startswith("EVIDENCE_"))


def test_with_the_recipes_few_sign_offs_remain(tmp_path):
    file = small_target(tmp_path, **recipes()).source
    command = [sys.executable, ROOT / "scripts" / "ops" / "checklist_coverage.py", "--missing", f"--target={file}"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
    left = "pre.planning.2, 21_01a.preflight.2, post48.retrospective.2"
    assert told.startswith(f"{file}: 3 items are left to a person: {left};"), told


def git(folder, *words):
    who = ("-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def code(tmp_path):
    """A checkout in which nothing of the deployment is merged or documented; then `merge` does both."""
    code = tmp_path / "code"
    code.mkdir()
    for name in ("docs/specs/operations.md", "docs/runbooks/alerts.md", "README.md", "docs/contacts.md"):
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        (code / name).write_text("before\n")
    git(code, "init", "-q", "-b", "main")
    git(code, "add", ".")
    git(code, "commit", "-qm", "before")
    git(code, "branch", "production")
    git(code, "checkout", "-qb", "ep21-21-01a")
    for name in ("docs/specs/operations.md", "docs/runbooks/alerts.md", "README.md"):
        (code / name).write_text("after\n")
    git(code, "commit", "-qam", "dialog contexts")
    git(code, "update-ref", "refs/remotes/origin/ep21-21-01a", "HEAD")
    git(code, "update-ref", "refs/remotes/origin/main", "main")

    def merge():
        git(code, "checkout", "-q", "main")
        git(code, "merge", "-q", "--no-ff", "ep21-21-01a")
        for number in (813, 814, 815):
            git(code, "commit", "-q", "--allow-empty", "-m", f"a stage (#{number})")
        git(code, "update-ref", "refs/remotes/origin/main", "main")

    return code, merge


def test_recipes_of_plain_git_tell_merged_from_open_and_changed_from_unchanged(code, tmp_path):
    folder, merge = code
    plain = {key: text for key, text in recipes().items() if text.startswith('"git ') and "planning" not in key}
    target = small_target(tmp_path, CODE_DIR=folder, **plain)
    assert len(target.evidence) == 7
    for item in target.evidence:
        with pytest.raises(Inconclusive, match="printed nothing"):
            answer(target, item).findings()
    merge()
    assert [answer(target, item).findings() for item in target.evidence] == [[]] * 7
