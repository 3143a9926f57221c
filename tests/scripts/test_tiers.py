"""The runner of our own tests: what it takes for passed, and what an interrupted run leaves."""

import os

import pytest

from tests import tiers
from tests.ledger import ROOT, Entry, latest, read_on, write
from tests.steps import Step

GOOD, BAD = "def test_good(): pass\n", "def test_bad(): assert 0\n"
BROKEN = "import pytest\n@pytest.fixture\ndef broken():\n    yield\n    assert 0\ndef test_broken(broken): pass\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run tests of a file as a step; gives the steps that are not green, and the ledger."""
    monkeypatch.setattr(tiers, "ROOT", tmp_path)
    monkeypatch.setattr(tiers, "WORK", tmp_path)
    monkeypatch.setattr(tiers, "LEDGER", tmp_path / "ledger.jsonl")
    monkeypatch.setitem(os.environ, "PYTHONPATH", str(ROOT))

    def act(text, *names):
        (tmp_path / "test_it.py").write_text(text)
        (tmp_path / "ledger.jsonl").touch()
        tests = [f"test_it.py::{name}" for name in names]
        bad = tiers.run_all({Step("it", ("test_it.py",)): tests}, "now", dict.fromkeys(tests, 1.0))
        return bad, {test.partition("::")[2]: entry.outcome for test, entry in latest(tiers.LEDGER).items()}

    return act


@pytest.mark.parametrize(
    "text, names, bad, outcomes",
    [
        (GOOD, ["test_good"], [], {"test_good": "passed"}),
        (GOOD + BAD, ["test_good", "test_bad"], ["it"], {"test_good": "passed", "test_bad": "failed"}),
        (BROKEN, ["test_broken"], ["it"], {"test_broken": "failed"}),
        (GOOD, ["test_gone"], ["it"], {}),
        ("import os\ndef test_dies(): os._exit(0)\n", ["test_dies"], ["it"], {}),
    ],
    ids=["passed", "failed", "failed in its tear-down", "not there", "ended without a word"],
)
def test_only_what_passed_is_green(run, text, names, bad, outcomes):
    assert run(text, *names) == (bad, outcomes)


def test_what_passed_is_not_run_again_and_what_failed_is(tmp_path):
    ledger = tmp_path / "ledger.jsonl"
    for outcome in ("passed", "failed"):
        write(ledger, Entry("now", "test_x", outcome, 1.0))
    with ledger.open("a") as stream:
        stream.write('{"tree": "now", "test": "torn')
    assert {test: entry.outcome for test, entry in latest(ledger).items()} == {"test_x": "failed"}


def test_line_that_is_half_written_is_read_later(tmp_path):
    ledger = tmp_path / "ledger.jsonl"
    ledger.write_text('{"tree": "now", "test": "tést"')
    with ledger.open() as reader:
        assert read_on(reader) == []
        with ledger.open("a") as stream:
            stream.write(', "outcome": "passed", "seconds": 1}\n')
        assert [entry.test for entry in read_on(reader)] == ["tést"]


def test_sample_is_the_commits_own(monkeypatch):
    step = Step("it", ("tests/unit/gates",), sample=3)
    samples = []
    for commit in ("a", "a", "b"):
        monkeypatch.setattr(tiers, "git", lambda *_, commit=commit: commit)
        samples.append(tiers.chosen(step, "quick"))
    assert (samples[0] == samples[1], samples[0] == samples[2], len(samples[0])) == (True, False, 3)
    assert len(tiers.chosen(step, "all")) > 3


ONCE = (
    "import os\ndef test_once():\n    seen = os.path.exists('seen')\n    open('seen', 'w').close()\n    assert seen\n"
)


@pytest.mark.parametrize(
    ("text", "name", "still", "flaky"),
    [(ONCE, "test_once", [], True), (BAD, "test_bad", ["it"], False)],
    ids=["passes by itself", "fails again"],
)
def test_what_failed_runs_once_more_by_itself(run, capsys, text, name, still, flaky):
    step, tests = Step("it", ("test_it.py",)), [f"test_it.py::{name}"]
    assert run(text, name)[0] == ["it"]
    assert tiers.once_more([step], {step: tests}, "now") == still
    assert ("FLAKY: test_it.py::test_once" in capsys.readouterr().out) is flaky


def test_many_failures_are_no_matter_of_luck(run, monkeypatch):
    monkeypatch.setattr(tiers, "MOST_ONCE_MORE", 0)
    step = Step("it", ("test_it.py",))
    run(ONCE, "test_once")
    assert tiers.once_more([step], {step: ["test_it.py::test_once"]}, "now") == ["it"]
