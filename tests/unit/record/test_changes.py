"""The auditor's index: every run with its exceptions, from verified records alone; what is not believed comes first."""

import os
import shutil
from pathlib import Path

import pytest
import record_samples as samples
from record_writer import FLAG, STAGE, run

from acceptance.commands import record
from acceptance.events import EventLog
from acceptance.kinds import MessageSent, RunRefused
from acceptance.record.changes import audit, missing
from acceptance.record.changes_page import by_change, page
from acceptance.record.exceptions import exceptions
from acceptance.record.publish import load, manifest, publish
from acceptance.run_folder import hold

MADE = "2025-12-01T00:00:00+00:00"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("made")
    for name in ("go", "no_go", "inconclusive", "rollback_failed"):
        publish(samples.SAMPLES[name](root / name))
    return root


@pytest.fixture
def reports(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "reports"))


def found_in(folder, *events, **facts):
    """The kinds of exception of a made-up run."""
    with run(folder, checks=[], **facts) as writer:
        for kind, data in events:
            writer.say(kind, **data)
    return {each.kind: str(each) for each in exceptions(load(folder))}


IN, AFTER = {"start": "2025-11-29T02:00:00+00:00", "end": "2025-11-29T06:00:00+00:00"}, "2025-11-29T02:04:00+00:00"
SWITCH = ("flag.changed", {"stage": "21_01c", "flag": FLAG, "before": "false", "after": "true", "file": "x"})
OFF = ("flag.changed", {"stage": "21_01c", "flag": FLAG, "before": "true", "after": "false", "file": "x"})
PRODUCTION = {"target_kind": "production", "mode": "deploy"}


@pytest.mark.parametrize(
    ("facts", "kinds"),
    [
        ({"mode": "rehearse"}, set()),
        ({**PRODUCTION, "window": IN}, set()),
        ({**PRODUCTION, "window": None}, {"outside the window"}),
        ({**PRODUCTION, "window": IN | {"end": AFTER}}, {"outside the window"}),
        ({**PRODUCTION, "window": IN, "outside_window": "extended"}, {"outside the window"}),
        ({"mode": "rehearse", "window": None}, set()),
        ({**PRODUCTION, "window": IN, "ticket": ""}, {"missing approval"}),
        ({**PRODUCTION, "window": IN, "operator": ""}, {"missing approval"}),
    ],
)
def test_changes_outside_the_window_and_without_approval_are_exceptions(facts, kinds, tmp_path):
    assert set(found_in(tmp_path / "run", SWITCH, OFF, **facts)) == kinds


def test_each_sort_of_exception_is_told_with_its_words(reports, tmp_path):
    told = {each.folder: [f"{found.kind}: {found}" for found in each.exceptions] for each in audit(reports)}
    assert any("waiver: 21_01c.preflight.3" in each and "EP21 Tech Lead" in each for each in told["inconclusive"])
    assert any("rolled back: stage 21_01c" in each and "3.4 %" in each for each in told["no_go"])
    assert told["rollback_failed"][0].startswith("rollback failed: stage 21_01c")
    left = found_in(tmp_path / "on", SWITCH, mode="rehearse")
    assert "expected it off" in left["flag on"]
    begun = ("rollback.started", {"stage": "21_01c", "reason": "Soak: HTTPConnectionPool(a); see that it runs"})
    back = found_in(tmp_path / "back", begun, ("rollback.finished", {"stage": "21_01c", "ok": True}), mode="rehearse")
    assert back["rolled back"].endswith("found Soak (the error itself stands at the check); see that it runs")


def test_missing_sign_offs_of_a_deployment_are_told_by_line(made, tmp_path):
    with run(tmp_path / "run", mode="deploy") as writer:
        writer.say("stage.started", **STAGE)
    [found] = [each for each in exceptions(load(tmp_path / "run")) if each.kind == "missing approval"]
    assert "21_01c.deploy.1" in found.subject


def test_refused_run_is_an_exception_with_target_and_reason(reports):
    folder = reports / "prod-20251129T020411Z-7c1e"
    folder.mkdir()
    log = EventLog(folder / "events.jsonl")
    RunRefused(reason="outside the window", target={"name": "prod"}, mode="deploy", ticket="CHG-9").tell(log)
    publish(folder)
    [each] = [each for each in audit(reports) if each.folder == folder.name]
    assert (each.change, each.exceptions[0].kind) == (("CHG-9", "prod", "deploy"), "refused")
    assert "outside the window" in each.exceptions[0].found


def rewrite(folder):
    """Change the record so that only its log tells: the manifest is made again."""
    text = (folder / "record.json").read_text()
    (folder / "record.json").write_text(text.replace("NO-GO", "GO"))
    (folder / "MANIFEST.sha256").write_text(manifest(folder))


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "record.html").write_text("GO"),
        lambda folder: (folder / "MANIFEST.sha256").unlink(),
        lambda folder: (folder / "record.json").unlink(),
        lambda folder: (folder / "events.jsonl").write_text("{}\n"),
        rewrite,
    ],
    ids=["page", "manifest gone", "record gone", "log", "record and manifest"],
)
def test_changed_record_is_told_first_and_not_counted(damage, reports, capsys):
    damage(reports / "no_go")
    assert record.run(["index", str(reports)], reports) == 1
    said = capsys.readouterr().out
    assert "NOT BELIEVED  no_go" in said
    assert "4 runs, 2 with exceptions, 1 not believed" in said
    told = (reports / "changes.html").read_text()
    assert "1 record is not as its run left it" in told.replace("<strong>", "")
    assert "no_go" in told.partition('id="unbelieved"')[2].partition("</section>")[0]
    assert "no_go" not in told.partition('id="unbelieved"')[2].partition("</section>")[2]


def test_record_that_was_removed_is_missed_where_a_text_of_it_was_sent(reports, capsys):
    MessageSent(what="post", run_id="gone-1", ticket="CHG-9").tell(EventLog(reports / "receipts.jsonl"))
    MessageSent(what="post", run_id=load(reports / "go").facts.run_id).tell(EventLog(reports / "receipts.jsonl"))
    seen = list(audit(reports))
    assert [each.subject for each in missing(reports, seen)] == ["run gone-1"]
    assert record.run(["index", str(reports)], reports) == 1
    assert "MISSING: run gone-1" in capsys.readouterr().out


def test_run_in_progress_is_believed_neither_way(reports, capsys):
    folder = samples.interrupted(reports / "prod-20251129T020411Z-7c1e")
    held = hold(folder)
    try:
        codes = [record.run([name, str(reports)], reports) for name in ("index", "history")]
        refused = [record.run([name, str(folder)], reports) for name in ("verify", "render", "log")]
    finally:
        os.close(held)
    said = capsys.readouterr()
    assert (codes, refused) == ([0, 0], [2, 2, 2])
    assert f"NOT COUNTED  {folder.name}: in progress since 2025-11-29 02:04:11 UTC\n" in said.out
    assert said.err.count("in progress since 2025-11-29 02:04:11 UTC") == 4
    assert all(f"{folder.name}</code> (in progress" in page.read_text() for page in reports.glob("*.html"))
    assert record.run(["index", str(reports)], reports) == 1, "it was killed"


def test_every_folder_is_accounted_for_and_a_copy_counts_once(reports, capsys):
    shutil.copytree(reports / "go", reports / "go of Ops")
    (reports / "latest").symlink_to(reports / "go")
    (reports / "notes").mkdir()
    assert record.run(["index", str(reports)], reports) == 0
    said = capsys.readouterr().out
    assert [line.split("  ")[1].partition(":")[0] for line in said.splitlines() if line.startswith("NOT C")] == [
        "go of Ops", "latest", "notes"
    ]  # fmt: skip
    assert "a copy of go\n" in said
    assert "\n4 runs, " in said


def test_index_is_made_of_whole_records_at_any_depth(reports, capsys):
    (reports / "2025").mkdir()
    (reports / "go").rename(reports / "2025" / "go")
    assert record.run(["index", str(reports)], reports) == 0
    assert "2025/go" in capsys.readouterr().out
    told = (reports / "changes.html").read_text()
    assert 'href="2025/go/record.html"' in told
    assert "<script" not in told


def test_deployments_of_production_come_first(tmp_path):
    for number, facts in enumerate(({"mode": "rehearse"}, PRODUCTION)):
        with run(tmp_path / f"r-{number}", checks=[], ticket=f"CHG-{number}", **facts):
            pass
        publish(tmp_path / f"r-{number}")
    assert [change[0][0] for change in by_change(list(audit(tmp_path)))] == ["CHG-1", "CHG-0"]


def test_no_record_at_all_is_a_page_too(tmp_path):
    assert "none is here yet" in page(list(audit(tmp_path)), [], MADE)
