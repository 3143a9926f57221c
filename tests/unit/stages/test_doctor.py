"""The doctor: asks everything at once, tells what is wrong by key, and takes no silence for good."""

import contextlib
import json
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from record_scripts import script
from small_target import STAGE, small_target

from acceptance.conduct.lock import Owner, TargetLock
from acceptance.finding import Finding
from acceptance.gates.measures import Gate
from acceptance.stages import declared, doctor, doctor_questions
from acceptance.target.window import DAYS
from acceptance.verdict import Inconclusive, NotApplicable


@pytest.fixture
def examined(monkeypatch):
    """Examine with these questions in place of a target's."""

    def examine(limit_s=5.0, **asked):
        monkeypatch.setattr(doctor, "asked_of", lambda *_: asked.items())
        return doctor.examine(None, [], limit_s)

    return examine


def test_questions_are_asked_side_by_side(examined):
    """Each waits for all the others."""
    together = threading.Barrier(3, timeout=5)

    def ask():
        together.wait()
        return []

    assert examined(A=ask, B=ask, C=ask).findings == ()


def raising(error):
    def ask():
        raise error

    return ask


@pytest.mark.parametrize(
    ("ask", "kind", "found"),
    [
        (raising(Inconclusive("expected PONG, found nothing; start clamd")), "not known", "nothing"),
        (raising(Inconclusive("/a/log: expected to read it, found: no right")), "not known", "no right"),
        (raising(ZeroDivisionError("ours")), "not known", "ZeroDivisionError: ours"),
        (lambda: time.sleep(3) or [], "not known", "none within 0.3 s"),
        (lambda: [Finding("disk", "/x", "room", "none")], "disk", "none"),
    ],
    ids=["not seen", "a file", "a fault of ours", "no answer in time", "a finding"],
)
def test_what_is_wrong_or_not_known_is_told_by_its_key(examined, ask, kind, found):
    [finding] = examined(0.3, CLAMD=ask, GOOD=lambda: []).findings
    assert (finding.kind, finding.subject.partition(":")[0], finding.found) == (kind, "CLAMD", found)


def test_what_is_declared_absent_is_neither_good_nor_bad(examined):
    done = examined(LOKI_URL=raising(NotApplicable("loki is declared absent")), GOOD=lambda: [])
    assert (done.asked, done.absent, done.findings) == (("GOOD",), ("LOKI_URL",), ())


def test_a_prometheus_that_is_away_is_told_once_for_all_gates(examined):
    away = raising(Inconclusive("Prometheus did not answer"))
    gates = {f"stage_a/stage.toml: gate-{n}": away for n in range(9)}
    found = examined(PROMETHEUS_URL=away, **gates).findings
    assert [each.subject.partition(",")[0] for each in found] == ["PROMETHEUS_URL", "9 gates and triggers"]


@pytest.mark.parametrize(
    ("series", "measure", "kinds"),
    [
        ([], Gate("a", "a", (), "count", "new_total", "== 0"), []),
        ([], Gate("a", "a", (), "value", 'up{job="api"}', "== 1"), ["no data"]),
        (["sample"], Gate("a", "a", (), "value", 'up{job="api"}', "== 1"), []),
    ],
    ids=["comes with the flag", "must be there before", "is there"],
)
def test_promql_of_a_gate_is_evaluated(series, measure, kinds):
    asked = []
    prometheus = SimpleNamespace(instant=lambda query: asked.append(query) or series, own=str)
    assert [each.kind for each in doctor_questions._promql(prometheus, measure, new="new_")] == kinds
    assert asked == [f"count({measure.query})"]


@pytest.mark.parametrize(
    ("index", "kinds"),
    [([["session_id"]], []), ([], ["no index"]), ([["_id"], ["session_id", "user_id"]], ["no index"])],
)
def test_two_dialog_contexts_may_not_have_one_session(monkeypatch, index, kinds):
    collection = SimpleNamespace(unique=lambda: index, name="butler.dialog_contexts")
    connected = contextlib.nullcontext({"dialog_contexts": collection})
    monkeypatch.setattr(doctor_questions, "database", lambda _: connected)
    assert [each.kind for each in doctor_questions._unique_index(None)] == kinds


@pytest.mark.parametrize(("kind", "found"), [("production", []), ("staging", ["silent"])])
def test_a_silence_of_today_matters_where_the_target_may_be_changed_today(tmp_path, monkeypatch, kind, found):
    def silent(_, __, window):
        return [Finding("silent", "alerts", "", "")] * (window.start <= datetime.now(UTC))

    asked = SimpleNamespace(silence_findings=silent, delivery_findings=list)
    monkeypatch.setattr("acceptance.stages.doctor_questions.Alerting.of", lambda _: asked)
    other_day = DAYS[(datetime.now(UTC).weekday() + 3) % 7]
    target = replace(small_target(tmp_path, WINDOW=f"'{other_day} 02:00-06:00'"), kind=kind)
    assert [each.kind for each in doctor_questions._alerts(target)] == found


def kept(target):
    """What the doctor says where the container's environment has the flags, and nothing where it has none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(declared, "answer", lambda *_: '["PATH=/bin"]')
        assert list(declared.kept_environments(target)) == []
        patch.setattr(declared, "answer", lambda asked, *_: f'["USE_NEW_STORAGE_ADAPTER=false", "{asked[-1]}=1"]')
        return doctor_questions._commands(target)


@pytest.mark.parametrize(
    ("settings", "ask", "key"),
    [
        ({}, lambda it: doctor._answer("", lambda: doctor_questions._said_who_may_call(it)), "required or none:"),
        (
            {"METRIC_NAMES": "butler_=helper_"},
            lambda it: doctor_questions._always_there(
                it, SimpleNamespace(announces=lambda *_: False, own=it.metrics.query)
            ),
            "metrics helper_* of job butler-bot",
        ),
        (
            {"ABSENT": "'bot worker-resources'"},
            lambda it: doctor_questions._resources(it, SimpleNamespace(names=lambda *_: set())),
            "api-resources",
        ),
        (
            {"PROMETHEUS_CONFIG": "/nowhere.yml"},
            lambda it: doctor_questions._readable(it.prometheus_config),
            "/nowhere.yml",
        ),
        ({"MIN_FREE_BYTES": 10**17}, doctor_questions._storage, "free"),
        ({"STORAGE_MODE": "751"}, doctor_questions._storage, "751"),
        ({"INFRA_DIR": "/nowhere"}, doctor_questions._commands, "/nowhere"),
        ({"RESTART_API": "no-such-program api"}, doctor_questions._commands, "no-such-program"),
        ({"RESTART_API": "'docker compose restart api'"}, kept, "keeps USE_NEW_STORAGE_ADAPTER as butler-api was"),
        ({"JOURNAL_DIR": "/etc/hostname/x"}, doctor_questions._journal, "/etc/hostname"),
    ],
)
def test_disk_folders_and_commands_are_looked_at(tmp_path, settings, ask, key):
    target = small_target(tmp_path, **settings)
    assert any(key in str(finding) for finding in ask(target))


def test_a_run_at_work_is_named_and_what_it_will_undo_is_left_to_it(tmp_path):
    target = small_target(tmp_path)
    with TargetLock(target.journal_dir, Owner.here("run-7"), target.env_file):
        [found] = doctor_questions._journal(target)
        assert "expected no run at work, found target in use: run run-7 of" in str(found)
        assert doctor_questions._journal(target, "run-7") == [], "it is the run that asks"
    assert doctor_questions._journal(target) == []


def test_logs_that_show_no_request_are_named_for_nothing_proves_them(tmp_path):
    target = small_target(tmp_path, ABSENT="worker", LOG_SHOWS="events", API_LOG_SHOWS="requests")
    assert doctor.unproved_logs(target) == ["BOT_LOGS"]


def test_a_level_that_no_table_has_is_told(tmp_path):
    (tmp_path / "api.log").write_text('{"timestamp": "2026-11-28T12:00:00Z", "level": "KRITISCH"}\n')
    target = small_target(tmp_path, ABSENT="'bot worker'", API_LOGS=f"file://{tmp_path}/api.log")
    assert ["level:error=KRITISCH" in str(each) for each in doctor_questions._unknown_levels(target)] == [True]


def test_a_scanner_that_the_env_file_asks_for_must_have_an_address(tmp_path):
    target = replace(small_target(tmp_path, before="STORAGE_AV_SCAN_ENABLED=true\n"), clamd=None)
    assert [finding.kind for finding in doctor_questions._scanner(target)] == ["no scanner"]


def test_every_part_and_every_gate_of_a_stage_is_asked_about(tmp_path):
    stage = replace(STAGE, metrics="new_", gates=(Gate("errors", "e", (), "count", "new_total", "== 0"),))
    keys = dict(doctor_questions.asked_of(small_target(tmp_path), [stage], ""))
    wanted = {"API_LOGS", "PROMETHEUS_URL, API_JOB, API_STARTED", "CLAMD", "BACKUP_DIR"}
    wanted |= {*doctor_questions.KEYS.values()}
    assert wanted - set(keys) == set()
    assert "stage_21_01c/stage.toml: errors" in keys


def test_a_target_of_which_nothing_answers_is_told_whole_in_time_and_changes_nothing(tmp_path):
    """No mutations are allowed, and none is needed."""
    target = small_target(tmp_path, ALLOW_MUTATIONS="false", BOT_URL="http://127.0.0.1:1", API_URL="http://127.0.0.1:1")
    before = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))
    done = script("doctor.py", "--target", str(target.source), "--json")
    facts = json.loads(done.stdout)["facts"]
    subjects = " ".join(each["subject"] for each in facts["findings"])
    assert done.returncode == 1
    wanted = ["BOT_URL", "API_URL", "PROMETHEUS_URL", "MONGODB_URL", "GRAFANA_PASSWORD", "API_LOGS", "CODE_DIR"]
    assert [key for key in wanted if key not in subjects] == []
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*")) == before
