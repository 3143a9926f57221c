"""A deployment's texts count when they are where they belong, and say what happened: entry, post, e-mail."""

import json

import pytest
import record_samples as samples
from record_scripts import script
from record_writer import run

from acceptance.events import TamperedLog, read_events
from acceptance.record import log_entry, receipts
from acceptance.record.build import build
from acceptance.record.deployment import Deployment
from acceptance.record.documents import before_the_documents
from acceptance.record.earlier_runs import deployment_of
from acceptance.record.messages import deployment_log, ops_post
from acceptance.record.publish import load, publish
from acceptance.verdict import Inconclusive

NO_GO, OWN = "staging-20251129T020411Z-7c1e", "staging-20251129T060000Z-0001"
BEGAN = "2025-11-29T02:04"


@pytest.fixture
def reports(tmp_path):
    """A stage that was rolled back, and the run in hand after it."""
    publish(samples.no_go(tmp_path / NO_GO))
    with run(tmp_path / OWN, checks=[], run_id=OWN[8:]):
        pass
    publish(tmp_path / OWN)
    return tmp_path


@pytest.fixture
def record(reports):
    return load(reports / NO_GO)


def wrong(entry, record, tmp_path):
    return [str(each) for each in log_entry.findings(entry, BEGAN, record, tmp_path / "log.md")]


def test_entry_is_found_by_its_ticket_and_good_as_we_write_it(record, tmp_path):
    log = tmp_path / "log.md"
    log.write_bytes(
        b"# M\xfcller\n\n## Deployment: 2025-11-01\n\n- **Outcome**: GO, ticket CHG-2025-11-0421, X-CHG-2025-11-042\n"
    )
    assert log_entry.entry_of(log, record) == ""
    log_entry.append(log, deployment_log(record))
    entry = log_entry.entry_of(log, record)
    assert (entry, wrong(entry, record, tmp_path)) == (deployment_log(record), [])
    with pytest.raises(Inconclusive, match="expected the deployment log"):
        log_entry.entry_of(tmp_path, record)


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        ("- **Rollbacks**: stage 21_01c", "- **Rollbacks**: None; nearly 21_01", "rollback of stage 21_01c"),
        ("- **Duration**: ", "- Duration: ", "**Duration**"),
        ("- **Validated by**: nobody yet", "- **Validated by**: ", "**Validated by**"),
        ("2025-11-29", "2025-11-22", "2025-11-29"),
        ("Stage 21_01c\n", "Stage 21_01a-b\n", "stage 21_01c"),
    ],
)
def test_entry_that_somebody_wrote_otherwise_is_told(was, becomes, told, record, tmp_path):
    text = deployment_log(record)
    assert was in text
    [found] = wrong(text.replace(was, becomes), record, tmp_path)
    assert told in found


@pytest.mark.parametrize("title", ["Stage 21_01a-d", "21_01b\u2013d", "21_01a, 21_01c", "21_01a-21_01d"])
def test_title_names_a_stage_in_any_usual_form(title, record, tmp_path):
    assert wrong(deployment_log(record).replace("Stage 21_01c\n", f"{title}\n", 1), record, tmp_path) == []


def test_terminal_that_lacks_a_character_gets_the_rest(reports, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    done = script("record.py", "log", reports / OWN, "--text", "post")
    assert (done.returncode, "? Epic 21" in done.stdout) == (0, True), done.stderr


def test_log_command_appends_the_entry(reports, tmp_path):
    log = tmp_path / "log.md"
    assert script("record.py", "log", reports / OWN, "--append", log).returncode == 2
    log.write_bytes(b"# Log of M\xfcller\n")  # as an editor of Windows writes it
    first, second = (script("record.py", "log", reports / OWN, "--append", log) for _ in range(2))
    assert ([first.returncode, second.returncode], "THERE ALREADY" in second.stderr) == ([0, 0], True)
    assert log.read_text(errors="replace").count("## ") == 1
    (reports / OWN / "record.html").write_text("GO")
    changed = script("record.py", "log", reports / OWN, "--append", tmp_path / "log.md")
    assert (changed.returncode, changed.stdout, "nothing was told" in changed.stderr) == (1, "", True)


def keep(reports, record, text, what="post"):
    receipts.keep_receipt(reports, record, what, "posted to the webhook at chat", text, "olsen (sudo by root)")


def judged(reports):
    deployment = deployment_of(reports / OWN)
    found = receipts.receipt_of(reports, deployment, "post")
    return found and [each.kind for each in receipts.findings(found, deployment, build(deployment.as_one()))]


def test_receipt_of_this_deployment_alone_counts(reports, record):
    assert judged(reports) is None
    keep(reports, record, "mail", what="email")
    with run(reports / "other-1", checks=[], ticket="CHG-2025-11-043", run_id="other"):
        pass
    keep(reports, load(reports / "other-1"), ops_post(record))
    assert judged(reports) is None
    keep(reports, record, ops_post(record))
    assert judged(reports) == []


def test_post_that_is_silent_about_a_rollback_or_older_than_a_stage_is_told(reports, record, monkeypatch):
    keep(reports, record, "Deployment Complete")
    assert judged(reports) == ["silent text"]
    monkeypatch.setattr(Deployment, "stages_over", lambda _: "2999-01-01T00:00:00+00:00")
    assert judged(reports) == ["old text", "silent text"]


def test_receipts_that_were_changed_are_believed_by_nobody(reports, record):
    keep(reports, record, "Deployment Complete")
    path = reports / receipts.RECEIPTS
    path.write_text(path.read_text().replace("Complete", json.dumps(ops_post(record))[1:-1]))
    with pytest.raises(TamperedLog):
        judged(reports)


def awaiting(folder, item, reason):
    """A production run that lacks nothing but this item."""
    name = ("documentation", "test_text", [item], "A text")
    good = ("validation", "test_good", ["post.validation.2"], "Good")
    with run(folder, checks=[name, good], target_kind="production", run_id=folder.name) as writer:
        writer.say("stage.started", stage="post_deployment", title="After")
        writer.check(*name, verdict="SKIPPED", reason=reason, stage="post_deployment")
        writer.check(*good, stage="post_deployment")
        writer.say("stage.finished", stage="post_deployment", verdict="PASS")
        closing = "sign-offs missing: 1; a production GO needs them all"
        writer.say("run.finished", outcome="INCONCLUSIVE", reasons=[closing], exit_code=10, pytest_status=0)


@pytest.mark.parametrize(
    ("item", "outcome"), [("post.documentation.2", "GO"), ("post48.retrospective.1", "INCONCLUSIVE")]
)
def test_texts_do_not_wait_for_themselves_and_for_nothing_else(item, outcome, tmp_path):
    awaiting(tmp_path / OWN, item, "AWAITING sign-off")
    log = list(read_events(tmp_path / OWN / "events.jsonl"))
    assert build(log).outcome == "INCONCLUSIVE"
    assert build(before_the_documents(log)).outcome == outcome
