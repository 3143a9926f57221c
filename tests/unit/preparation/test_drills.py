"""What staging has proved counts by its own records, of the last 30 days."""

import importlib
import json
import os
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import record_samples as samples
from record_scripts import SCRIPTS

from acceptance.checklist import State
from acceptance.commands.rollback_drill import Drill
from acceptance.preparation.drills import drill_findings, last_drills, passed_in_staging
from acceptance.record.publish import publish
from acceptance.verdict import Inconclusive

NOW = datetime(2026, 11, 28, 2, tzinfo=UTC)
STAGES = ("21_01a", "21_01b")


@pytest.fixture
def account(tmp_path):
    """Write a drill's account."""

    def write(stage, days, environment="staging", seconds=2.9, findings=()):
        folder = tmp_path / f"{environment}-{stage}-{days}"
        folder.mkdir()
        facts = {"at": (NOW - timedelta(days=days)).isoformat(), "environment": environment, "stage": stage}
        facts |= {"rollback_s": seconds, "allowed_s": 600, "findings": findings}
        (folder / "rollback_drill.json").write_text(json.dumps(facts))
        return tmp_path

    return write


def judged(reports):
    return [str(each) for each in drill_findings(last_drills(reports), STAGES, NOW)]


def test_good_drill_of_each_stage_passes_with_its_time(account):
    account("21_01a", 40, seconds=None, findings=["not back"])
    account("21_01a", 3)
    reports = account("21_01b", 1)
    assert judged(reports) == []
    assert last_drills(reports)["21_01a"].told(NOW) == "21_01a: rolled back in 2.9 s, 3 days ago (staging-21_01a-3)"


@pytest.mark.parametrize(
    ("last", "told"),
    [
        ({"findings": ["the flag has no effect"]}, "the flag has no effect"),
        ({"seconds": None}, "no rollback"),
        ({"seconds": 601.0}, "took 601.0 s, allowed 600 s"),
    ],
)
def test_last_drill_of_a_stage_decides(last, told, account):
    account("21_01b", 1)
    account("21_01a", 3)
    [found] = judged(account("21_01a", 2, **last))
    assert told in found


@pytest.mark.parametrize("other", [{"days": 31}, {"days": -1}, {"days": 1, "environment": "lab"}])
def test_stage_without_a_new_drill_in_staging_is_inconclusive(other, account):
    account("21_01a", 3)
    reports = account("21_01b", **other)
    with pytest.raises(Inconclusive, match=r"30 days for 21_01b, found .*21_01a: rolled back"):
        judged(reports)


@pytest.mark.parametrize(
    ("text", "age", "counts"), [("{", 2, True), ("{", 4, False), ('{"environment": "staging"}', 2, True)]
)
def test_account_that_cannot_be_read_is_none_unless_it_may_be_of_the_last_drill(account, text, age, counts):
    account("21_01a", age)
    reports, when = account("21_01a", 3), (NOW - timedelta(days=age)).timestamp()
    torn = reports / f"staging-21_01a-{age}" / "rollback_drill.json"
    torn.write_text(text)
    os.utime(torn, (when, when))
    with pytest.raises(Inconclusive, match="torn") if counts else nullcontext():
        assert list(last_drills(reports)) == ["21_01a"]


def test_account_that_the_disk_does_not_take_is_no_refusal(tmp_path, monkeypatch):
    """A refusal would say that nothing was changed."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    command = importlib.import_module("rollback_drill")
    run = SimpleNamespace(folder=tmp_path / "gone", id="r", started=NOW, operator="me")
    done = Drill("21_01c", "FLAG", 3.0, 2.9, 600, "as before", [], {})
    monkeypatch.setattr(command, "holding", lambda *_: nullcontext((run, None)))
    monkeypatch.setattr(command, "drill", lambda *_, **__: done)
    target = SimpleNamespace(kind="staging", name="staging")
    words = {"environment": "staging", "stage": "21_01c", "reports": tmp_path, "outside_window": ""}
    [found] = command._act(target, SimpleNamespace(record_metrics=False, **words)).findings
    assert "repeat the drill" in str(found)


@pytest.mark.parametrize(("days", "state"), [(1, State.PASS), (31, None)])
def test_line_that_passed_in_staging_is_known_by_its_record(days, state, tmp_path):
    publish(samples.go(tmp_path / "staging-20251129T020411Z-7c1e"))
    now = datetime(2025, 11, 29, 3, tzinfo=UTC) + timedelta(days=days)
    found = passed_in_staging(tmp_path, "21_01c.security.1", now)
    assert (found and found[2]) == state
    assert passed_in_staging(tmp_path, "21_01a.exit.1", now) is None
