"""Which records are of the same deployment, and which of those are believed."""

import shutil
from pathlib import Path

import pytest
import record_samples as samples
from record_scripts import script
from record_writer import TARGET, run

from acceptance.kinds import RunStarted
from acceptance.record.earlier_runs import Unread, deployment_of, load_whole, run_before
from acceptance.record.order import Place, in_order
from acceptance.record.publish import publish
from acceptance.verdict import Outcome

EARLIER, OWN = "staging-20251129T020411Z-7c1e", "staging-20251129T060000Z-0001"


@pytest.fixture
def reports(tmp_path):
    """A stage that was deployed and one that was rolled back, their records sealed, and the run in hand after them."""
    for name, make in ((EARLIER, samples.go), ("staging-20251129T030000Z-9999", samples.no_go)):
        publish(make(tmp_path / name))
    with run(tmp_path / OWN, checks=[], run_id=OWN[8:]):
        pass
    publish(tmp_path / OWN)
    return tmp_path


@pytest.mark.parametrize("folder", [OWN, "."])
def test_earlier_runs_with_the_ticket_are_read_in_their_order(folder, reports, monkeypatch):
    monkeypatch.chdir(reports / OWN if folder == "." else reports)
    found = deployment_of(Path(folder))
    ends = [event.data["outcome"] for log in found.runs for event in log if event.kind == "run.finished"]
    assert (ends, len(found.runs), found.unread) == (["GO", "NO-GO"], 3, ())


def test_later_runs_are_no_part(reports):
    assert len(deployment_of(reports / EARLIER).runs) == 1


def test_run_that_began_before_is_earlier_whatever_the_clock_says(reports):
    """The clock was turned back after the stage was rolled back."""
    assert run_before(reports, TARGET) == OWN[8:]
    with run(reports / "staging-20251129T010000Z-0002", checks=[], run_id="back", follows=OWN[8:]):
        pass
    found = deployment_of(reports / "staging-20251129T010000Z-0002")
    assert [RunStarted.first(log).run_id[-4:] for log in found.runs] == ["7c1e", "9999", "0001", "back"]
    assert run_before(reports, TARGET) == "back"
    assert run_before(reports, TARGET | {"name": "staging-2"}) == ""


@pytest.mark.parametrize(
    ("runs", "order"),
    [
        ("a1 b2 c3", "abc"),
        ("a3 b2a c1b", "abc"),
        ("a9 b2a c5", "cab"),
        ("b2gone a1", "ab"),
        ("a2b b1a c3", "cba"),
        ("a1 a1 b0a", "aba"),
    ],
    ids=["by-the-clock", "turned-back", "turned-back-once", "removed", "in-a-circle", "a-copy"],
)
def test_each_run_stands_after_the_one_that_it_found(runs, order):
    places = [Place(each[1], each[0], each[0], each[2:]) for each in runs.split()]
    assert "".join(each.name for each in in_order(places, lambda each: each)) == order


def test_folder_that_was_copied_is_one_run(reports):
    for name in (OWN, "staging-20251129T030000Z-9999"):
        shutil.copytree(reports / name, reports / f"{name} (copy)")
    (reports / "latest").symlink_to(reports / OWN)
    assert len(deployment_of(reports / OWN).runs) == 3


def test_two_logs_of_one_run_are_told(reports):
    with run(reports / "z", checks=[], run_id=EARLIER[8:]):
        pass
    (told,) = deployment_of(reports / "z").unread
    assert told == f"{EARLIER}: its log is not the one that another folder has of the run {EARLIER[8:]}"


@pytest.mark.parametrize(
    "facts",
    [
        {"ticket": "CHG-1"},
        {"ticket": ""},
        {"mode": "rehearse"},
        {"target": TARGET | {"env_file": "/elsewhere/.env.infra"}},
        {"target": TARGET | {"name": "staging-2"}},
    ],
    ids=["other-ticket", "no-ticket", "a-rehearsal", "another-machines", "another-target"],
)
def test_runs_of_something_else_are_no_part(reports, facts):
    with run(reports / OWN, checks=[], **facts):
        pass
    assert len(deployment_of(reports / OWN).runs) == 1


def test_rehearsal_is_no_part(reports):
    shutil.rmtree(reports / EARLIER)
    publish(samples.inconclusive(reports / EARLIER))
    assert len(deployment_of(reports / OWN).runs) == 2


@pytest.mark.parametrize("harm", ["changed", "torn", "no-events", "closed"])
def test_run_that_cannot_be_believed_is_named_and_not_read(reports, harm):
    log = reports / EARLIER / "events.jsonl"
    if harm == "changed":
        log.write_text(log.read_text().replace('"verdict": "PASS"', '"verdict": "FAIL"', 1))
    elif harm == "closed":  # as a log that this user may not read
        log.unlink()
        log.mkdir()
    elif harm == "no-events":
        log.write_text('[]\n{"kind": "run.started"}\n' + log.read_text())
    else:
        (reports / EARLIER / "MANIFEST.sha256").unlink()
    found = deployment_of(reports / OWN)
    assert (len(found.runs), [each.partition(":")[0] for each in found.unread]) == (2, [EARLIER])
    with pytest.raises(Unread, match=f"{EARLIER}.*record.py render"):
        load_whole(reports / OWN)


def test_text_of_the_last_run_tells_of_all(reports):
    whole = load_whole(reports / OWN)
    assert ([stage.id for stage in whole.stages], len(whole.rollbacks)) == (["21_01c"], 1)
    assert whole.outcome is not Outcome.GO


def test_deployment_log_tells_of_all_runs_or_of_one(reports):
    assert "stage 21_01c, done in 11 s" in script("record.py", "log", reports / OWN).stdout
    assert "- **Rollbacks**: None" in script("record.py", "log", reports / OWN, "--this-run").stdout


def test_deployment_log_is_silent_where_a_run_is_not_to_be_believed(reports):
    (reports / EARLIER / "record.json").write_text("{}")
    refused = script("record.py", "log", reports / OWN)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert EARLIER in refused.stderr
    assert script("record.py", "log", reports / OWN, "--this-run").returncode == 0


def test_nothing_is_sent_where_a_run_is_not_to_be_believed(reports):
    publish(reports / OWN)
    assert script("record.py", "notify", reports / OWN, "--dry-run").returncode == 0
    (reports / EARLIER / "record.json").write_text("{}")
    refused = script("record.py", "notify", reports / OWN, "--dry-run")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert EARLIER in refused.stderr
