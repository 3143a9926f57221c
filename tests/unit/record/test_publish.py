"""What lies beside the page: record.json and its schema, the manifest, and that any changed byte is found."""

from __future__ import annotations

import json
import random
import resource
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
import record_samples as samples
from record_scripts import script
from record_writer import STAGE, TARGET, run

from acceptance.events import EventLog, TamperedLog, read_events
from acceptance.record.panel import panel
from acceptance.record.publish import load, manifest, publish, render, to_text
from acceptance.record.verify import NoRecord, verify

SCHEMA = json.loads(files("acceptance").joinpath("data/record.schema.json").read_text())
EVENTS = json.loads(files("acceptance").joinpath("data/events.schema.json").read_text())


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    """A sealed folder; copy it before you damage it."""
    folder = samples.no_go(tmp_path_factory.mktemp("sealed") / "run")
    publish(folder)
    return folder


@pytest.fixture
def copy(sealed, tmp_path):
    return Path(shutil.copytree(sealed, tmp_path / "copy"))


@pytest.mark.parametrize("name", [name for name in samples.SAMPLES if name != "large"])
def test_record_and_log_fit_their_published_schemas(tmp_path, name):
    folder = samples.SAMPLES[name](tmp_path / name)
    publish(folder)
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads((folder / "record.json").read_text()))
    for event in read_events(folder / "events.jsonl"):
        jsonschema.Draft202012Validator(EVENTS["$defs"][event.kind]).validate(event.data)


def test_a_window_that_was_not_enough_leaves_its_notice_and_the_new_date_by_itself(tmp_path):
    """Stage 21_01c ran late, and 21_01d depends on it; nobody asked for a notice."""
    late = "stage 21_01c runs late: it is Sat 2025-11-29 05:30:00 UTC; 20 min planned do not fit before 06:00 UTC"
    why = {"21_01c": late, "21_01d": f"stage 21_01c, on which it depends, is not good: {late}"}
    target = TARGET | {"window.day": "5", "window.opens": "02:00:00+00:00"}
    with run(tmp_path, checks=[], target_kind="production", target=target) as writer:
        for stage, reason in why.items():
            writer.say("stage.started", **STAGE | {"stage": stage})
            writer.say("stage.finished", stage=stage, verdict="NOT RUN", reason=reason, kept=False)
        writer.say("run.finished", outcome="INCONCLUSIVE", reasons=[late], exit_code=13)
    record = publish(tmp_path)
    new_date = "stage 21_01c, 21_01d rescheduled for Sat 2025-12-06 02:00 UTC"
    assert "- Rescheduled: stage 21_01c, 21_01d for Sat 2025-12-06 02:00 UTC" in (tmp_path / "delay.txt").read_text()
    assert json.loads((tmp_path / "record.json").read_text())["delay"]["rescheduled"] == "2025-12-06T02:00:00+00:00"
    assert new_date in (tmp_path / "record.html").read_text()
    assert new_date in " ".join(row.text.strip() for row in panel(record, tmp_path / "record.html", 13, 200, list, ""))
    assert (verify(tmp_path), "delay.txt" in (tmp_path / "MANIFEST.sha256").read_text()) == ([], True)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda record: record.pop("delay"), ""),
        (lambda record: record["rollbacks"][0].pop("state_found"), ""),
        (lambda record: record["facts"].pop("follows"), ""),
        (lambda record: record["facts"].pop("host"), "the suite that made it (1234567)"),
        (lambda record: record.update(outcome="GO"), "the suite that made it (1234567)"),
    ],
    ids=["a field of later", "one within a list", "one of the facts", "a field of always", "another outcome"],
)
def test_a_record_of_an_older_version_is_intact_or_told_as_that(tmp_path, edit, said):
    with run(tmp_path, checks=[], commit="1234567") as writer:
        writer.say("rollback.started", stage="21_01c", reason="r")
        writer.say("run.finished", outcome="INCONCLUSIVE", reasons=[], exit_code=11)
    publish(tmp_path)
    path = tmp_path / "record.json"
    record = json.loads(path.read_text())
    edit(record)
    path.write_text(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")
    (tmp_path / "MANIFEST.sha256").write_text(manifest(tmp_path))
    found = [each for each in map(str, verify(tmp_path)) if each.startswith("record.json")]
    assert (len(found), said in "".join(found)) == (bool(said), True), found


def test_the_schema_refuses_what_is_no_record(sealed):
    record = json.loads((sealed / "record.json").read_text())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(record | {"outcome": "FINE"})


def test_a_number_that_json_does_not_have_is_text(tmp_path):
    log = EventLog(tmp_path / "events.jsonl")
    gate = {"kind": "gate", "title": "g", "data": {"id": "g", "value": float("nan")}}
    log.append("check.finished", nodeid="a.py::t", stage="21_01c", verdict="INCONCLUSIVE", evidence=[gate])
    record = json.loads(to_text(load(tmp_path)), parse_constant=pytest.fail)
    assert record["stages"][0]["gates"][0]["value"] == "nan"


def test_an_untouched_folder_is_intact(sealed):
    assert verify(sealed) == []


def test_any_changed_byte_is_found(sealed, tmp_path):
    """Ten random bytes of each file, each changed alone: every one is found."""
    dice = random.Random(7)
    names = sorted(path.name for path in sealed.iterdir())
    for name in 10 * names:
        whole = bytearray((sealed / name).read_bytes())
        place = dice.randrange(len(whole))
        before = bytes(whole)
        whole[place] ^= dice.randrange(1, 256)
        (sealed / name).write_bytes(whole)
        try:
            assert verify(sealed) != [], f"{name}, byte {place}"
        finally:
            (sealed / name).write_bytes(before)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (
            lambda folder: (folder / "junit.xml").unlink(),
            "junit.xml: expected the file, as MANIFEST.sha256 lists it, found none",
        ),
        (
            lambda folder: (folder / "more.txt").write_text("x"),
            "more.txt: expected only files that MANIFEST.sha256 lists",
        ),
        (lambda folder: (folder / "junit.xml").write_text("x"), "junit.xml: expected the digest "),
        (lambda folder: (folder / "record.json").unlink(), "record.json: expected the file"),
    ],
)
def test_damage_is_named(copy, damage, said):
    damage(copy)
    assert any(str(each).startswith(said) for each in verify(copy))


def test_a_record_that_does_not_follow_from_its_log_is_found_although_the_manifest_fits(copy):
    (copy / "record.json").write_text((copy / "record.json").read_text().replace("NO-GO", "GO"))
    (copy / "MANIFEST.sha256").write_text(manifest(copy))
    assert [str(each) for each in verify(copy)] == [
        "record.json: expected what the event log gives, found something else; verify it with the suite that made it "
        "(9f2c4e1a7b60): another may word it otherwise"
    ]


def test_sha256sum_reads_the_manifest(sealed):
    subprocess.run(["sha256sum", "-c", "MANIFEST.sha256"], cwd=sealed, capture_output=True, check=True)


def test_a_folder_without_a_record_is_no_verdict(tmp_path):
    with pytest.raises(NoRecord, match=r"expected a run's folder with MANIFEST\.sha256"):
        verify(tmp_path)


def test_a_killed_run_is_rendered_from_its_log_alone(tmp_path):
    page = render(samples.interrupted(tmp_path / "run"))
    assert "Rendered afterwards from the event log" in page.read_text()
    assert verify(page.parent) == []


def test_a_changed_log_draws_nothing(copy):
    log = copy / "events.jsonl"
    log.write_text(log.read_text().replace("M. Olsen", "N. Obody"))
    with pytest.raises(TamperedLog):
        render(copy)


@pytest.mark.parametrize("harm", ["cut short", "another file"])
def test_what_was_changed_is_not_sealed_by_rendering_it_again(harm, copy):
    if harm == "cut short":  # by who uploaded it: the chain of what is left is whole
        (copy / "events.jsonl").write_bytes((copy / "events.jsonl").read_bytes()[:9000])
    else:
        (copy / "baseline.json").write_text("{}")
    done = script("record.py", "render", copy)
    assert (done.returncode, "nothing was rendered" in done.stderr, verify(copy) != []) == (1, True, True)


def test_publishing_twice_changes_nothing(copy):
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    publish(copy, copy / "record.html")
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before


def test_scripts_answer_with_their_exit_codes(copy, tmp_path):
    intact = script("record.py", "verify", copy)
    assert (intact.returncode, intact.stdout) == (0, f"INTACT: {copy}: every file is as the run left it\n")
    (copy / "junit.xml").write_text("x")
    changed = script("record.py", "verify", copy, "--json")
    assert (changed.returncode, json.loads(changed.stdout)["intact"]) == (1, False)
    assert script("record.py", "verify", tmp_path).returncode == 2
    assert script("record.py", "render", tmp_path).returncode == 2
    rendered = script("record.py", "render", copy)
    assert (rendered.returncode, rendered.stdout) == (0, f"NO-GO: {copy / 'record.html'}\n")
    assert script("record.py", "verify", copy).returncode == 0


def test_disk_that_is_full_leaves_no_part_of_a_file_that_a_manifest_would_list(copy):
    limits, before = resource.getrlimit(resource.RLIMIT_FSIZE), (copy / "MANIFEST.sha256").read_text()
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            render(copy)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert manifest(copy) == before
