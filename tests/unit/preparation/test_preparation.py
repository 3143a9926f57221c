"""What pre-deployment and stage 21_00 look at: flags, infrastructure, error levels, staging, tickets, the code scan."""

import json
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from served import answering
from small_target import small_target

from acceptance.finding import Finding, summary
from acceptance.observe.alerting import own_alerts
from acceptance.observe.grafana import slo_dashboard
from acceptance.preparation.codescan import can_scan, vulnerabilities
from acceptance.preparation.flagcheck import flag_findings, flag_states, new_paths_at_work, ticket_fault
from acceptance.preparation.staging import Staging, staging_runs
from acceptance.probes.clients import Clients
from acceptance.probes.health import PARTS, mongo_findings
from acceptance.record.history import Unreadable
from acceptance.verdict import Inconclusive, Outcome, Verdict
from ops_tests.pre_deployment import test_validation as validation

NOW = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
FALSE = (
    "USE_NEW_DIALOG_CONTEXT_REPO=false\nUSE_NEW_HOMEWORK_REVIEW_SERVICE=false\n"
    "USE_NEW_STORAGE_ADAPTER=false\nUSE_DECOMPOSED_USE_CASE=false\n"
)


@pytest.fixture
def target(tmp_path):
    return small_target(tmp_path, FALSE, MONGODB_URL="mongodb://u:pw-1234@127.0.0.1:1/")


@pytest.fixture
def site():
    """A web server that gives one answer to everything; gives its address."""
    answer: Any = [200, "", {}]

    def say(body, status=200):
        answer[:2] = status, body
        return url

    with answering(lambda _: answer) as url:
        yield say


def test_flags_that_are_all_false_have_no_fault(target):
    assert flag_findings(target) == []
    assert set(flag_states(target).values()) == {"false"}


def test_flags_may_all_be_missing_before_they_are_added_but_not_some_of_them(target):
    target.env_file.write_text("OTHER=1\n")
    assert flag_findings(target, may_be_missing=True) == []
    assert len(flag_findings(target)) == 4
    target.env_file.write_text("USE_NEW_STORAGE_ADAPTER: true\n")
    assert "line 1: USE_NEW_STORAGE_ADAPTER: expected" in summary(flag_findings(target, may_be_missing=True))
    target.env_file.write_text(FALSE.partition("\n")[2])
    assert "USE_NEW_DIALOG_CONTEXT_REPO: expected the plain line" in summary(flag_findings(target, may_be_missing=True))


def test_a_flag_spelt_another_way_is_named_although_none_of_ours_is_there(target):
    target.env_file.write_text("USE_NEW_STORAGE_SERVICE=false\n")
    assert "found USE_NEW_STORAGE_SERVICE; the same flag?" in summary(flag_findings(target, may_be_missing=True))


def test_another_key_that_resembles_a_flag_is_no_fault_while_the_flag_is_there(target):
    target.env_file.write_text(FALSE + "USE_NEW_STORAGE_SERVICE=true\n")
    assert flag_findings(target) == []


class Exporting:
    """Stands in for Prometheus: the names that jobs export; all of them run."""

    def __init__(self, **names):
        self._names = names

    def names(self, job, prefix, *, used=False):
        return {name for name in self._names.get(job.replace("-", "_"), ()) if name.startswith(prefix)}

    def is_up(self, job):
        return True


def test_a_running_service_that_exports_what_only_a_flag_brings_is_found(target):
    running = Exporting(butler_api=["review_archive_storage_operations_total"], butler_bot=["butler_messages_total"])
    assert new_paths_at_work(target, running) == {
        "USE_NEW_STORAGE_ADAPTER": {"review_archive_storage_operations_total"}
    }
    assert new_paths_at_work(target, Exporting()) == {}


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ('{"database": "ok", "version": "11"}', 200, []),
        ('{"database": "failing"}', 200, "expected {'database': 'ok'}"),
        ("<html>Log in</html>", 200, "expected JSON from"),
        ("[]", 200, "expected {'database': 'ok'}"),
        ("no", 503, "expected 200 from"),
    ],
)
def test_grafana_is_well_only_with_its_own_answer(target, site, body, status, said):
    there = replace(target, grafana=replace(target.grafana, url=site(body, status)))
    found = PARTS["grafana"](Clients(there))
    assert found == said or said in str(found[0])


def test_prometheus_that_scrapes_others_only_is_not_well(target, site):
    node = {"labels": {"job": "node"}, "health": "up", "scrapeUrl": "http://node", "lastError": ""}
    url = site(json.dumps({"status": "success", "data": {"activeTargets": [node]}}), 200)
    [found] = PARTS["prometheus"](Clients(replace(target, prometheus_url=url, scrape_interval_s=0.01)))
    assert "scrapes no target of job butler-api, butler-bot, butler-worker" in found.found


def test_what_does_not_answer_is_a_fault_by_name(target):
    away = replace(target, prometheus_url="http://127.0.0.1:1", hw_checker_url="http://127.0.0.1:1")
    service = replace(target.services["api"], url="http://127.0.0.1:1")
    away = replace(away, services={**target.services, "api": service})
    found = [finding for part in ("prometheus", "hw-checker", "api-health") for finding in PARTS[part](Clients(away))]
    assert [finding.subject for finding in found] == ["Prometheus", "HW checker", "butler-api"]


def test_a_mongodb_that_does_not_answer_is_a_fault_without_its_password(target):
    (found,) = mongo_findings(target, "ops1234abcd-probe-1")
    assert str(found).startswith("MongoDB: expected to write and read a document in 1 s")
    assert "pw-1234" not in str(found)


def test_a_dashboard_is_kept_and_a_login_page_is_not(target, site):
    def at(body, status=200):
        return replace(target, grafana=replace(target.grafana, url=site(body, status)))

    good = {"dashboard": {"uid": "slo", "panels": [{}]}, "meta": {}}
    assert slo_dashboard(at(json.dumps(good))) == good
    for body, status in (("<html>", 200), ('{"dashboard": {"uid": "slo"}}', 200), ("{}", 200), ("{}", 404)):
        with pytest.raises(Inconclusive, match="dashboard") as told:
            slo_dashboard(at(body, status))
        assert "grafana-pw" not in str(told.value)


def test_alerts_of_other_jobs_are_not_ours(target):
    alerts = {"A{job=butler-api,x=1}", "B{job=node}", "C{severity=critical}"}
    assert own_alerts(alerts, target) == ["A{job=butler-api,x=1}", "C{severity=critical}"]


BOTH = {"21_01a": Verdict.PASS, "21_01b": Verdict.PASS}


def record(folder, number, outcome, hours, target="staging"):
    """A record's folder as the suite leaves it, as far as a history reads it."""
    from acceptance.record.history import Run

    started = (NOW - timedelta(hours=hours)).isoformat()
    empty = {"seconds": 1.0, "mode": "rehearse", "commit": "c", "ticket": "", "operator": "o", "counts": {}}
    rest = {"reason": "", "rollbacks": (), "gates": (), "verdicts": {}, "page": True}
    return Run(folder=f"{folder}-{number}", outcome=outcome, started_at=started, target=target, **empty, **rest)


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ([(Outcome.GO, 50), (Outcome.GO, 1)], []),
        ([(Outcome.NO_GO, 90), (Outcome.GO, 60), (Outcome.GO, 1)], []),
        ([(Outcome.GO, 47)], "good for 48 hours, found 47.0"),
        ([(Outcome.GO, 90), (Outcome.NO_GO, 60), (Outcome.GO, 20)], "found 20.0"),
        ([(Outcome.GO, 90), (Outcome.NO_GO, 1)], "expected GO, found NO-GO (r-1)"),
        ([(Outcome.GO, 90), (Outcome.INCONCLUSIVE, 1)], "found INCONCLUSIVE"),
    ],
)
def test_staging_is_good_after_48_hours_without_a_run_that_was_no_go(monkeypatch, tmp_path, outcomes, said):
    runs = [record("r", number, outcome, hours) for number, (outcome, hours) in enumerate(outcomes)]
    other = record("lab", 9, Outcome.NO_GO, 0, target="lab")
    refused = replace(record("r", 8, Outcome.INCONCLUSIVE, 0), refused=True)
    monkeypatch.setattr("acceptance.preparation.staging.read_runs", lambda _: ([*runs, other, refused], []))
    faults = staging_runs(tmp_path).findings(NOW)
    assert faults == said or said in str(faults[0])


@pytest.mark.parametrize("later", [[], [-8760]], ids=["none since", "one of a clock that was a year ahead"])
def test_a_go_since_which_nobody_looked_is_no_48_hours_without_an_issue(monkeypatch, tmp_path, later):
    runs = [record("r", number, Outcome.GO, hours) for number, hours in enumerate([49, *later])]
    monkeypatch.setattr("acceptance.preparation.staging.read_runs", lambda _: (runs, []))
    with pytest.raises(Inconclusive, match="nobody has looked since"):
        staging_runs(tmp_path).findings(NOW)


def test_a_later_run_of_staging_whose_record_cannot_be_read_may_have_ended_badly(monkeypatch, tmp_path):
    def judged(folder, besides=""):
        runs = [record("r", 0, Outcome.GO, 50), record("r", 1, Outcome.GO, 1)]
        seen = runs, [Unreadable(f"2026/{folder}", "no record.json")]
        monkeypatch.setattr("acceptance.preparation.staging.read_runs", lambda _: seen)
        return staging_runs(tmp_path, besides=besides).findings(NOW)

    later, earlier = "staging-20261120T060000Z-0a1b", "staging-20261118T060000Z-0a1b"
    with pytest.raises(Inconclusive, match=rf"every staging run since .*{later} \(no record\.json\)"):
        judged(later)
    assert [judged(later, besides=later), judged(earlier), judged(f"pre-{later}"), judged("notes")] == [[]] * 4


@pytest.mark.parametrize(
    ("accepted", "missing"),
    [
        ([{"21_01a": Verdict.PASS}, {"21_01b": Verdict.PASS}], ()),
        ([{"21_01a": Verdict.PASS, "21_01b": Verdict.NOT_RUN}, {"21_01b": Verdict.PASS}], ()),
        ([{"21_01a": Verdict.PASS, "21_01b": Verdict.PASS}, {"21_01b": Verdict.FAIL}], ("21_01b",)),
        ([{}], ("21_01a", "21_01b")),
        ([BOTH, BOTH | {"soak": "60.0"}], ()),
        ([BOTH | {"soak": "60.0"}, {}], ("21_01a", "21_01b")),
        ([BOTH, {"21_01b": Verdict.FAIL, "soak": "60.0"}], ("21_01b",)),
    ],
)
def test_a_go_that_accepted_no_stage_is_no_deployment_of_staging(monkeypatch, tmp_path, accepted, missing):
    check = "ops_tests/stage_{}/test_exit_gate.py::test_stage_is_accepted"
    runs = [
        replace(
            record("r", number, Outcome.GO, 60 - 59 * number),
            verdicts={check.format(stage): verdict for stage, verdict in found.items() if stage != "soak"},
            soak_seconds=found.get("soak", ""),
        )
        for number, found in enumerate(accepted)
    ]
    monkeypatch.setattr("acceptance.preparation.staging.read_runs", lambda _: (runs, []))
    staging = staging_runs(tmp_path, stages=("21_01a", "21_01b"))
    assert staging.unaccepted == missing
    if missing:
        with pytest.raises(Inconclusive, match="expected every stage accepted in staging"):
            staging.findings(NOW)
    else:
        assert staging.findings(NOW) == []


def test_without_a_record_of_staging_nothing_is_claimed(tmp_path):
    assert staging_runs(tmp_path) is None
    assert Staging(1, None, "NO-GO (x)").findings(NOW) != []


@pytest.mark.parametrize("ticket", ["CHG-2025-11-042", "CHG-2025-11-1234", "OPS-77"])
def test_a_ticket_in_the_trackers_form_is_taken(ticket):
    assert ticket_fault(ticket, NOW) == ""


@pytest.mark.parametrize("ticket", ["CHG-1999-01-1", "CHG-0000-01-1", "CHG-2031-01-001"])
def test_a_ticket_of_another_time_is_refused(ticket):
    assert "expected a ticket of the last two years" in ticket_fault(ticket, NOW)


@pytest.mark.parametrize("ticket", ["", "CHG-2025-11-XXX", "CHG-2025-13-001", "chg-2025-11-001", "CHG", "see mail"])
def test_a_placeholder_or_anything_else_is_no_ticket(ticket):
    assert "give the real one with --ticket" in ticket_fault(ticket, NOW)


@pytest.fixture
def scanner(tmp_path, monkeypatch):
    """Puts the real bandit on PATH where it is installed, else skips."""
    if not Path(sys.executable).with_name("bandit").exists():
        pytest.skip("bandit is not installed here")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    (tmp_path / "code" / "src").mkdir(parents=True)
    return tmp_path / "code"


def test_the_code_scan_names_what_is_of_medium_severity_and_above(scanner):
    source = scanner / "src" / "a.py"
    source.write_text("x = 1\nassert x\n")
    assert (can_scan(scanner), vulnerabilities(scanner)) == (True, [])
    source.write_text("import subprocess\nsubprocess.call(input(), shell=True)\n")
    assert "B602 HIGH" in str(vulnerabilities(scanner)[0])


def test_a_command_that_compares_with_the_last_accepted_run_takes_the_scans_place(tmp_path, monkeypatch):
    monkeypatch.setattr(validation, "can_scan", lambda _: True)
    monkeypatch.setattr(validation, "vulnerabilities", lambda _: [Finding("old", "a.py", "nothing", "B602 HIGH")])
    target: Any = SimpleNamespace(code_dir=tmp_path, evidence={})
    signed: Any = SimpleNamespace(name="nothing new")
    with pytest.raises(AssertionError, match="B602 HIGH"):
        validation.test_security_scan_is_clean(target, lambda _: signed)
    target.evidence = {"pre.technical.7": "bandit -b"}
    validation.test_security_scan_is_clean(target, lambda _: signed)


def test_a_scan_that_read_nothing_or_not_all_is_inconclusive(scanner):
    with pytest.raises(Inconclusive, match="no line of code"):
        vulnerabilities(scanner)
    (scanner / "src" / "good.py").write_text("x = 1\n")
    (scanner / "src" / "broken.py").write_text("def (\n")
    with pytest.raises(Inconclusive, match=r"broken\.py"):
        vulnerabilities(scanner)


def test_a_scanner_that_gives_no_report_is_inconclusive(tmp_path, monkeypatch):
    (tmp_path / "bandit").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "bandit").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(Inconclusive, match="gave no report"):
        vulnerabilities(tmp_path)


def test_there_is_nothing_to_scan_without_code(tmp_path):
    assert not can_scan(tmp_path / "none")
