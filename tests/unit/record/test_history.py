"""The index over runs: what it counts, what it names as unreadable, and that it is rendered fast and whole."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
import record_samples as samples
from record_writer import CHECKS, nodeid, run

from acceptance.commands import record
from acceptance.events import EventLog
from acceptance.kinds import RunRefused
from acceptance.record.changes import audit
from acceptance.record.history import read_runs
from acceptance.record.history_page import history, spark
from acceptance.record.publish import manifest, publish
from acceptance.record.trends import flaky, last_passes, trends, undone
from acceptance.verdict import Outcome, Verdict

SCRIPT = Path(__file__).parents[3] / "scripts" / "ops" / "record.py"
KINDS = ("go", "no_go", "inconclusive", "rollback_failed")


def seal(folder, **facts):
    """Change facts of a sealed record, so that it looks like another night's run."""
    raw = json.loads((folder / "record.json").read_text())
    raw["facts"] |= facts
    (folder / "record.json").write_text(json.dumps(raw))
    (folder / "MANIFEST.sha256").write_text(manifest(folder))
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Sealed records of several kinds; copy them, do not change them."""
    root = tmp_path_factory.mktemp("made")
    for name in KINDS:
        publish(samples.SAMPLES[name](root / name))
    return root


@pytest.fixture
def reports(made, tmp_path):
    """Four nights: go, no_go, go again, inconclusive; all of one commit."""
    for night, name in enumerate(("go", "no_go", "go", "inconclusive"), 1):
        folder = Path(shutil.copytree(made / name, tmp_path / f"night-{night}"))
        seal(folder, started_at=f"2025-11-{night:02}T02:04:11+00:00")
    return tmp_path


def test_runs_are_read_oldest_first(reports):
    runs, broken = read_runs(reports)
    assert [run.outcome for run in runs] == [Outcome.GO, Outcome.NO_GO, Outcome.GO, Outcome.INCONCLUSIVE]
    assert broken == []


def test_a_failed_rollback_is_louder_than_its_no_go(made):
    runs, _ = read_runs(made)
    assert [run.word for run in runs if run.rollback_failed] == ["ROLLBACK FAILED"]
    assert 'v-ROLLBACK_FAILED"><a href="rollback_failed/' in history(runs, [])


def test_a_survey_is_no_try_and_flips_nothing(reports):
    runs, _ = read_runs(reports)
    asked = replace(runs[1], mode="survey", rollbacks=(), folder="asked")
    pages = [history(each, []).partition('id="passed"')[2].partition('id="runs"')[0] for each in (runs, [*runs, asked])]
    assert pages[0] == pages[1]


def test_a_rollback_that_was_tried_twice_is_one(made, tmp_path):
    folder = Path(shutil.copytree(made / "rollback_failed", tmp_path / "run"))
    raw = json.loads((folder / "record.json").read_text())
    (folder / "record.json").write_text(json.dumps(raw | {"rollbacks": raw["rollbacks"] * 2}))
    (folder / "MANIFEST.sha256").write_text(manifest(folder))
    [run] = read_runs(tmp_path)[0]
    assert (len(run.rollbacks), run.rollback_failed) == (1, True)


def test_a_gate_is_followed_over_the_runs_with_its_gaps(reports):
    [errors] = [trend for trend in trends(read_runs(reports)[0]) if trend.id == "write_errors"]
    nights = [(0.0, "PASS"), (14.0, "FAIL"), (0.0, "PASS"), (None, "INCONCLUSIVE")]
    assert [(point.value, point.verdict.value) for point in errors.points] == nights


def test_the_drawing_has_the_bound_the_gap_and_a_mark_for_each_that_did_not_pass(reports):
    [errors] = [trend for trend in trends(read_runs(reports)[0]) if trend.id == "write_errors"]
    svg = ElementTree.fromstring(spark(errors))
    assert [each.get("class") for each in svg] == ["c-threshold", "c-line", "h-FAIL", "h-INCONCLUSIVE", *["c-num"] * 4]
    assert [each.text for each in svg.iter("text")] == ["2025-11-01", "2025-11-04", "14", "0"]
    assert len(svg.find("polyline").get("points").split()) == 3
    assert svg.get("aria-label").startswith("write_errors over 4 runs: 2 PASS, 1 FAIL, 1 INCONCLUSIVE")


def test_runs_stand_at_their_dates_and_thresholds_as_they_were_then(reports):
    seal(reports / "night-4", started_at="2025-11-21T02:04:11+00:00")
    [errors] = [trend for trend in trends(read_runs(reports)[0]) if trend.id == "write_errors"]
    strict, loose = (replace(errors.points[0], threshold=f"< {limit}") for limit in (1, 20))
    svg = ElementTree.fromstring(spark(replace(errors, points=(strict, strict, loose, *errors.points[3:]))))
    xs = [float(each.get("cx")) for each in svg.iter("circle")]
    assert xs == [316.0]
    assert len({step.partition("V")[2] for step in svg.find("path").get("d").split("H")[1:-1]}) == 3, (
        "strict, loose, and now"
    )
    [line] = [each.get("points").split() for each in svg.iter("polyline")]
    assert [round(float(point.split(",")[0])) for point in line] == [46, 46, 46]
    svg = ElementTree.fromstring(spark(errors))
    [line] = [each.get("points").split() for each in svg.iter("polyline")]
    assert [round(float(point.split(",")[0])) for point in line] == [46, 60, 73]


def test_a_good_run_between_two_without_data_is_a_dot(reports):
    [errors] = [trend for trend in trends(read_runs(reports)[0]) if trend.id == "write_errors"]
    good, *_, blind = errors.points
    svg = ElementTree.fromstring(spark(replace(errors, points=(blind, good, blind))))
    assert [each.get("class") for each in svg.iter("circle")] == ["h-INCONCLUSIVE", "h-PASS", "h-INCONCLUSIVE"]


def test_zeros_that_were_all_good_take_one_line(reports):
    [errors] = [trend for trend in trends(read_runs(reports)[0]) if trend.id == "write_errors"]
    zero = errors.points[0]
    assert "0 in each of 2 runs" in spark(replace(errors, points=(zero, zero)))
    doubted = replace(zero, verdict=Verdict.INCONCLUSIVE)
    assert ElementTree.fromstring(spark(replace(errors, points=(zero, doubted)))).find("circle") is not None


def test_the_last_go_of_a_stage_is_marked_with_its_commit(reports):
    runs, _ = read_runs(reports)
    [last] = last_passes(runs)
    assert (last.stage, last.run.folder, last.since) == ("21_01c", "night-3", 1)
    page = history(runs, [])
    assert page.count("last GO.") == 1
    assert 'href="night-3/record.html"' in page.partition('id="passed"')[2].partition("</section>")[0]


def test_a_refused_run_is_told_with_its_target_and_its_reason(reports):
    folder = reports / "prod-20251129T020411Z-7c1e"
    folder.mkdir()
    why = "outside the window"
    RunRefused(reason=why, target={"name": "prod"}, mode="deploy", ticket="CHG-9").tell(
        EventLog(folder / "events.jsonl")
    )
    publish(folder)
    runs, broken = read_runs(reports)
    page = history(runs, broken)
    told = page.partition('id="refused"')[2].partition("</section>")[0]
    assert all(word in told for word in ("prod, deploy", "CHG-9", why))
    assert ("REFUSED</span> 1" in page, "INCONCLUSIVE</span> 1" in page) == (True, True), "it is counted apart"
    assert "1 run was refused" in " ".join(page.replace("<strong>", "").replace("</strong>", "").split())


def test_a_scaled_soak_is_shown(reports):
    raw = json.loads((reports / "night-1" / "record.json").read_text())
    seal(reports / "night-1", target=raw["facts"]["target"] | {"soak_seconds": "60.0"})
    assert "soak scaled to 60 s" in history(*read_runs(reports))


def test_a_check_that_flips_on_the_same_commit_is_named(reports):
    found = {each.nodeid: each for each in flaky(read_runs(reports)[0])}
    gate = found[nodeid("soak", "test_gate[write_errors]")]
    assert (gate.changes, len(gate.seen)) == (3, 4)
    assert nodeid("exit_gate", "test_disk_usage_is_normal") not in found, "NOT RUN is no verdict on it"


@pytest.mark.parametrize("commits", [("a1", "b2", "c3", "d4"), ("a1-dirty",) * 4, ("not a git checkout",) * 4])
def test_what_is_not_the_same_code_is_not_flaky(reports, commits):
    for folder, commit in zip(sorted(reports.iterdir()), commits, strict=True):
        seal(folder, commit=commit)
    assert flaky(read_runs(reports)[0]) == []


def test_time_to_rollback_counts_failures_apart(made, reports):
    shutil.copytree(made / "rollback_failed", reports / "worst")
    found = [each for each in undone(read_runs(reports)[0]) if not each.routine]
    assert [(each.stage, each.count, each.failed, each.slowest) for each in found] == [("21_01c", 3, 1, 11.2)]
    assert found[0].median == pytest.approx((11.2 + 9) / 2)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda folder: [(folder / name).unlink() for name in ("record.json", "events.jsonl")], "and no event log"),
        (lambda folder: (folder / "record.json").unlink(), "render it with scripts/ops/record.py render"),
        (lambda folder: (folder / "MANIFEST.sha256").unlink(), "the run could not finish its record"),
        (lambda folder: (folder / "record.json").write_text("{}"), "changed after the run"),
        (lambda folder: seal(folder, target=None), "AttributeError"),
    ],
)
def test_a_broken_folder_is_listed_and_not_hidden(reports, damage, why):
    damage(reports / "night-2")
    runs, [broken] = read_runs(reports)
    assert (len(runs), broken.folder) == (3, "night-2")
    assert why in broken.why
    page = history(runs, [broken])
    assert "1 folder could not be read" in " ".join(page.replace("<strong>", "").replace("</strong>", "").split())
    assert 'href="night-2/"' in page


def test_a_record_of_another_schema_is_unreadable(reports):
    record = reports / "night-1" / "record.json"
    record.write_text(record.read_text().replace("butler-acceptance/record/1", "butler-acceptance/record/9"))
    (reports / "night-1" / "MANIFEST.sha256").write_text(manifest(reports / "night-1"))
    assert "expected schema butler-acceptance/record/1, found" in read_runs(reports)[1][0].why


def test_folders_of_folders_are_looked_into(reports):
    (reports / "2025").mkdir()
    (reports / "night-1").rename(reports / "2025" / "night 1")
    (reports / "night-2").rename(reports / os.fsdecode(b"\xed\xee\xf7\xfc"))  # of a machine with another encoding
    (reports / "2025" / "index.html").write_text("the history of 2025")
    runs, broken = read_runs(reports)
    assert (runs[0].folder, len(runs), broken) == ("2025/night 1", 4, [])
    assert record.run(["history", str(reports)], reports) == 0
    page = (reports / "index.html").read_text(errors="replace")
    assert ('href="2025/night%201/record.html"' in page, 'href="%ED%EE%F7%FC/record.html"' in page) == (True, True)


@pytest.mark.parametrize(("environment", "alarm"), [("staging", False), ("production", True)])
def test_what_is_no_record_is_named_and_a_drill_of_production_alarms(environment, alarm, tmp_path, monkeypatch):
    closed, drill = tmp_path / "lost+found", tmp_path / "a-20251129T020411Z-7c1e"
    closed.mkdir()
    drill.mkdir()
    (drill / "events.jsonl").touch()
    (drill / "rollback_drill.json").write_text(json.dumps({"environment": environment}))
    (tmp_path / "b").symlink_to(drill)
    listed = Path.iterdir

    def iterdir(path):
        if path == closed:
            raise PermissionError(path)
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)  # root may read everything
    monkeypatch.setattr(os, "access", lambda path, _: path != closed)
    found = {each.folder: each for each in read_runs(tmp_path)[1]}
    assert [each.record for each in found.values()] == [alarm, False, False]
    assert f"ask for {drill} itself" in found["b"].why
    assert found["lost+found"].why == "this user may not read it"
    counted = [each.folder for each in audit(tmp_path) if not each.aside]
    assert counted == [*([drill.name] if alarm else []), "lost+found"]


class Scripts(HTMLParser):
    """Counts what a page without scripts and network must not have."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        names = dict(attrs)
        if tag in ("script", "link", "img", "iframe") or any(name.startswith("on") for name in names):
            self.found.append((tag, names))


def test_the_page_has_no_script_and_escapes_what_it_shows(tmp_path):
    with run(tmp_path / "evil", operator="<script>alert(1)</script>", ticket='"><img src=x>') as writer:
        writer.check(*CHECKS[0], "FAIL", "<b onclick=x>")
    publish(tmp_path / "evil")
    parser = Scripts()
    parser.feed(history(*read_runs(tmp_path)))
    assert parser.found == []


def test_no_run_at_all_is_a_page_too(tmp_path):
    assert "No run is here yet." in history(*read_runs(tmp_path))


def test_five_hundred_runs_take_less_than_five_seconds(made, tmp_path):
    for number in range(500):
        shutil.copytree(made / KINDS[number % 3], tmp_path / f"{number:03}")
    begun = time.process_time()
    runs, broken = read_runs(tmp_path)
    page = history(runs, broken)
    assert time.process_time() - begun < 5
    assert (len(runs), broken, len(page) < 2_000_000) == (500, [], True)


def test_the_command_draws_the_index_and_tells_by_its_exit_code(reports):
    def draw(*args):
        return subprocess.run([sys.executable, SCRIPT, "history", *args], capture_output=True, text=True, check=False)

    done = draw(reports)
    assert (done.returncode, done.stdout) == (0, f"4 runs, 0 folders could not be read: {reports / 'index.html'}\n")
    (reports / "notes" / "of-may").mkdir(parents=True)
    harmless = draw(reports, "--json")
    assert (harmless.returncode, json.loads(harmless.stdout)["no_record"][0]["folder"]) == (0, "notes")
    (reports / "staging-20251129T020411Z-7c1e").mkdir()
    broken = draw(reports, "--json")
    assert (broken.returncode, json.loads(broken.stdout)["unreadable"][0]["folder"][:7]) == (1, "staging")
    assert draw(reports / "nowhere").returncode == 2


def test_every_verdict_has_a_colour_in_the_drawing():
    template = (Path(__file__).parents[3] / "acceptance/data/record_history.html.j2").read_text()
    assert [v for v in Verdict if f".h-{v.value.replace(' ', '_')}" not in template] == []
