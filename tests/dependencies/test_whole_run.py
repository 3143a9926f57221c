"""A whole run while what it depends on fails: it ends in time, not with GO, says why, and nothing is left switched."""

import resource
import shlex
import subprocess
import sys
from datetime import datetime
from urllib.parse import urlsplit

import pytest
from held_lab import ROOT, SHORT, broken, control, control_command, held_lab, retold
from interruption.aftermath import MARK, leftovers, processes
from power.stage_run import left_over, run_stage

from acceptance.conduct.journal import Journal
from acceptance.observe.new_path import new_path
from acceptance.observe.prometheus import Prometheus
from acceptance.polling import poll
from acceptance.target.loading import load_target
from dependencies.disturbed import SOAK, awaited, flap, front, restored, running, settable_clock
from dependencies.dropping import dropping
from dependencies.faulty import expired_tls, server

NO_GO, INCONCLUSIVE = 1, 10
SLOW_S = 6
NO_HOST = "no-such-host.invalid"
NOT_JSON = 200, "text/html", b"<html>Grafana log in</html>"
FAULTY = 500, "text/plain", b"internal"


@pytest.fixture(scope="module")
def lab():
    with held_lab() as target_file:
        yield target_file


@pytest.fixture
def short(lab):
    """Its target file with a soak long enough to be disturbed, also where it takes seconds to tell supervisord."""
    return retold(lab, "disturbed", **SHORT | {"SOAK_SECONDS": "12", "HTTP_TIMEOUT_SECONDS": "2"})


def wrong_with(run, code, *words):
    """Name what of a run's end is not as it must be: its code, no GO, these words as the reason of its first red."""
    missing = [f"{word!r} is not in {run.reason!r}" for word in words if word not in run.reason]
    as_told = run.code == code and run.outcome in ("NO-GO", "INCONCLUSIVE")
    return missing if as_told else [*missing, run.outcome, run.explain()]


def was_undone(run):
    """Tell whether the flag was on in this run and its rollback was a good one."""
    changes = [data["after"] for data in run.of("flag.changed")]
    return "true" in changes and [data["ok"] for data in run.of("rollback.finished")] == [True]


def test_prometheus_restarts_in_the_soak(lab, short, tmp_path):
    with restored(lab, "infra:prometheus"), running(short, tmp_path, SOAK) as run:
        run.soaking()
        control(lab, "restart", "infra:prometheus")
        done = run.finish()
    assert wrong_with(done, INCONCLUSIVE, "Prometheus at http", "was restarted at", "soak again") == []
    assert (was_undone(done), left_over(short)) == (True, [])
    gates = [piece["data"]["verdict"] for data in done.of("check.finished") for piece in data["evidence"]]
    assert gates, "the record does not say how the gates stood"
    assert "PASS" not in gates


def test_prometheus_stops_for_good_in_the_soak(lab, short, tmp_path):
    with restored(lab, "infra:prometheus"), running(short, tmp_path, SOAK) as run:
        run.soaking()
        control(lab, "stop", "infra:prometheus")
        done = run.finish()
    assert wrong_with(done, INCONCLUSIVE, "Prometheus at http", "did not answer", "PROMETHEUS_URL") == []
    assert (was_undone(done), left_over(short)) == (True, [])
    # Nobody told it meanwhile that the new path's series had ended: what it still answers with is no sign of that path.
    target = load_target(short)
    prometheus = Prometheus(target.prometheus_url)
    assert prometheus.instant('{__name__=~"review_archive_storage_.*"}') != []
    assert new_path(target, "21_01c", prometheus).after_use() == set()


def test_prometheus_is_slow_when_a_trigger_fires(lab, short, tmp_path):
    """By 6 s an answer: the flag is off and the service restarts at once, which came up to two minutes later."""
    slow = tmp_path / "slow"
    with server(front(load_target(short).prometheus_url, late=lambda: SLOW_S * slow.exists())) as url:
        target = retold(short, "slow", PROMETHEUS_URL=url, HTTP_TIMEOUT_SECONDS="20", SOAK_SECONDS="90")
        with running(target, tmp_path, SOAK) as run:
            run.soaking()
            slow.touch()
            with broken(lab, "alert-firing"):
                assert poll(lambda: "has restarted; looking" in run.output, bool, 120), run.output
                slow.unlink()  # what comes after would only take long
                done = run.finish()
    assert (done.code, was_undone(done)) == (NO_GO, True), done.explain()
    fired = next(event.at for event in done.events if event.kind == "trigger.fired")
    back = done.of("service.restarted")[-1]["started_after"]
    assert back - datetime.fromisoformat(fired).timestamp() < 1.5 * SLOW_S, done.explain()


def test_prometheus_is_gone_when_the_flag_goes_back(lab, short, tmp_path):
    """One restart, and what only Prometheus shows is not known: it was a restart after another of a sound service."""
    armed, restarts, script = tmp_path / "armed", tmp_path / "restarts", tmp_path / "restart.sh"
    stop = shlex.join(control_command(lab, "stop", "infra:prometheus"))
    script.write_text(f"echo >> {restarts}\n[ ! -e {armed} ] || {stop}\nmake day-12-restart-api\n")
    target = retold(short, "gone", RESTART_API=f"'sh {script}'", SOAK_SECONDS="60")
    with restored(lab, "infra:prometheus"), running(target, tmp_path, SOAK) as run:
        run.soaking()
        armed.touch()
        with broken(lab, "alert-firing"):
            done = run.finish()
    assert (done.code, was_undone(done), left_over(target)) == (NO_GO, True, []), done.explain()
    assert len(restarts.read_text()) == 2, done.explain()  # for the flag, and back
    assert "left the new path is not known" in done.of("rollback.finished")[0]["account"]


def test_database_restarts_in_the_soak(lab, short, tmp_path):
    """What students send meanwhile is refused: that is no good release, whoever is to blame."""
    with restored(lab, "infra:mongo"), running(short, tmp_path, SOAK) as run:
        run.soaking()
        with awaited(load_target(short), "records_error"):
            control(lab, "stop", "infra:mongo")
        control(lab, "start", "infra:mongo")
        done = run.finish()
    assert wrong_with(done, NO_GO, "records are unavailable") == []
    assert (was_undone(done), left_over(short), leftovers(load_target(short))) == (True, [], [])


def test_database_stops_for_good_in_the_soak(lab, short, tmp_path):
    """The flag is rolled back, and the test data stays in the journal until MongoDB is there again.

    The health of the service stays green without MongoDB, as the real one's does (target contract).
    """
    with restored(lab, "infra:mongo"), broken(lab, "health-lies"):
        with running(short, tmp_path, SOAK) as run:
            run.soaking()
            control(lab, "stop", "infra:mongo")
            done = run.finish()
        assert wrong_with(done, NO_GO, "records are unavailable") == []
        assert any("LEFT TO THE NEXT START" in reason for reason in done.of("run.finished")[0]["reasons"])
        assert (was_undone(done), pending(short)) == (True, ["data"])
    assert recover(short) == 0
    assert (left_over(short), leftovers(load_target(short))) == ([], [])


def reads_over(short, reports, lost):
    """Run the phase that reads documents; the first reads cost their connections. Gives the run and the way."""
    url = load_target(short).mongo.url
    port = urlsplit(url).port
    with dropping(port, b"review_archives", lost) as way:
        target = retold(short, "dropped", MONGODB_URL=url.replace(f":{port}", f":{way.port}"))
        return run_stage(target, reports, "ops_tests/stage_21_01c/test_flag_on.py"), way


def test_database_drops_a_connection_in_a_read(short, tmp_path):
    """The driver asks once more, so the run goes on, and its verdict is of the answer. In part it is no GO."""
    run, way = reads_over(short, tmp_path, lost=1)
    assert (run.code, run.outcome, run.first_red) == (11, "INCONCLUSIVE", "nothing"), run.explain()
    assert (way.lost, way.asked > way.lost) == (1, True), f"asked {way.asked} times, {way.lost} of them lost"
    assert left_over(short) == []


def test_database_drops_every_connection_in_a_read(short, tmp_path):
    run, way = reads_over(short, tmp_path, lost=2)
    assert wrong_with(run, INCONCLUSIVE, "AutoReconnect") == []
    assert (run.first_red, way.lost) == ("test_checksum_is_recorded", 2)
    assert (was_undone(run), left_over(short), leftovers(load_target(short))) == (True, [], [])


def test_scrape_target_flaps(lab, short, tmp_path):
    """Half of the scrapes fail, too few in a row for a trigger; the uploads are late but all stored."""
    with running(short, tmp_path, SOAK) as run:
        run.soaking()
        flap(lab, "butler:butler-api", 4)
        done = run.finish()
    assert wrong_with(done, INCONCLUSIVE, "scrapes in the window, found") == []
    assert (was_undone(done), left_over(short)) == (True, [])


def test_clock_is_set_in_the_soak(short, tmp_path):
    """By an hour, and for every process of the run."""
    with running(short, tmp_path / "reports", SOAK, **settable_clock(tmp_path)) as run:
        run.soaking()
        (tmp_path / "jump").touch()
        done = run.finish()
    assert wrong_with(done, INCONCLUSIVE, "the clock was set by +3", "s in the soak", "chronyc tracking") == []
    assert (was_undone(done), left_over(short)) == (True, [])


def test_disk_of_the_reports_is_full(short, tmp_path):
    """No file of the run grows any more; only root can mount a small disk, anybody can forbid growth."""
    target = retold(short, "full", JOURNAL_DIR=str(tmp_path / "journal"))  # a short one: it must still be written
    with running(target, tmp_path, SOAK, **{MARK: str(tmp_path)}) as run:
        run.soaking()
        size = next(tmp_path.glob("*/events.jsonl")).stat().st_size
        for pid in processes(tmp_path):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, size))
        done = run.finish()
    assert done.code != 0
    assert done.outcome == "none", "the log could be written"
    assert "File too large" in done.output
    assert left_over(target) == []


ASKED = {
    "21_00-loki-500": ("21_00", "preflight", {"LOKI_URL": FAULTY}, "Loki: expected 200"),
    "21_00-grafana-html": ("21_00", "preflight", {"GRAFANA_URL": NOT_JSON}, "Grafana: expected JSON"),
    "post-loki-500": (
        "post_deployment",
        "validation",
        {"LOKI_URL": FAULTY},
        "did not answer «/loki/api/v1/label/service/values»: HTTP 500",
    ),
    "post-grafana-html": ("post_deployment", "validation", {"GRAFANA_URL": NOT_JSON}, " instead of JSON"),
}
"""Stage, phase, what answers wrongly, and what the first red says."""


@pytest.mark.parametrize(("stage", "phase", "wrong", "words"), ASKED.values(), ids=ASKED)
def test_loki_or_grafana_answers_wrongly(stage, phase, wrong, words, short, tmp_path):
    ((key, answer),) = wrong.items()
    with server(lambda _: answer) as url:
        target = retold(short, "wrong", **{key: url})
        run = run_stage(target, tmp_path, f"-k{phase} and (infrastructure or loki or grafana)", stage=stage)
    assert any(words in reason for _, reason in run.red), run.explain()
    assert (run.code in (NO_GO, INCONCLUSIVE), run.outcome in ("NO-GO", "INCONCLUSIVE")) == (True, True)
    assert left_over(short) == []


def refused_before_anything(target, reports, *words):
    """Run the whole stage; it must end at its first check, and nothing be changed."""
    before = load_target(target).env_file.read_bytes()
    run = run_stage(target, reports)
    changing = [event.kind for event in run.events if event.kind in ("flag.changing", "service.restarting")]
    assert wrong_with(run, INCONCLUSIVE, *words) == []
    assert (run.first_red, changing) == ("test_stage_can_be_switched_and_watched", [])
    assert (load_target(target).env_file.read_bytes() == before, left_over(target)) == (True, [])


@pytest.mark.parametrize(
    ("key", "url"), [("PROMETHEUS_URL", f"http://{NO_HOST}:9090"), ("MONGODB_URL", f"mongodb://{NO_HOST}/")]
)
def test_name_does_not_resolve(key, url, short, tmp_path):
    refused_before_anything(retold(short, "wrong", **{key: url}), tmp_path, key, "did not answer")


def test_certificate_of_prometheus_has_expired(short, tmp_path, monkeypatch):
    """Behind it all is well: who trusted it would see a good release."""
    certificate, context = expired_tls(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with server(front(load_target(short).prometheus_url), context) as url:
        refused_before_anything(retold(short, "wrong", PROMETHEUS_URL=url), tmp_path, "certificate has expired")


def test_clock_of_prometheus_is_ahead(short, tmp_path):
    """By four minutes: a soak would show what was before flag-on."""
    with server(front(load_target(short).prometheus_url, ahead=240)) as url:
        refused_before_anything(retold(short, "wrong", PROMETHEUS_URL=url), tmp_path, "240.0 s ahead of ours")


def pending(target_file):
    """Name what the journal still has to undo."""
    target = load_target(target_file)
    return sorted(entry.undo["kind"] for entry in Journal(target.journal_file, "look").pending())


def recover(target_file):
    """Have the documented command finish what is left; gives its exit code."""
    command = [sys.executable, str(ROOT / "scripts" / "ops" / "recover.py"), f"--target={target_file}"]
    return subprocess.run(command, timeout=120, check=False).returncode
