"""Production safety over a real lab whose target file says production: what may not begin, stay, or be seen."""

import pytest
from held_lab import retold
from production_lab import GOOD, planned, production, run_at
from small_project import Project

from acceptance.observe.mongo import database

LOOKS = "def test_looks(target): assert target.kind == 'production'\n"


@pytest.fixture
def project(tmp_path, lab):
    """An empty project; the lab's flags must be off after it, and its journal closed if there is one."""
    made = Project(tmp_path, lab)
    yield made
    assert (made.flags(), made.journal_is_closed()) == ([], True)


def nothing_was_changed(project, done, env_before):
    untouched = project.target.env_file.read_bytes() == env_before
    return untouched and not {"flag.changing", "service.restarting", "run.started"} & set(done.kinds())


@pytest.mark.parametrize(
    ("now", "zone"),
    [
        ("2026-11-28T00:00:00+00:00", "UTC"),
        ("2026-11-28T01:59:00+00:00", "UTC"),
        ("2026-11-28T05:30:00+00:00", "UTC"),
        ("2026-10-24T03:30:00+02:00", "Europe/Berlin"),  # 03:30 there, 01:30 UTC
    ],
)
def test_outside_the_window_a_run_is_refused_with_the_next_one(project, now, zone):
    production(project).stage("21_01c", flag_on=GOOD)
    planned(project, "21_01c", 45)
    before = project.target.env_file.read_bytes()
    done = run_at(project, now, zone=zone)
    assert done.code == 13, done.output
    assert "the next window is Sat" in done.output
    assert nothing_was_changed(project, done, before)


def test_the_window_opens_at_two(project):
    production(project).stage("21_01c", flag_on=GOOD)
    planned(project, "21_01c", 45)
    done = run_at(project, "2026-11-28T02:00:00+00:00")
    assert (done.code, done.verdicts()) == (10, {"test_good": "PASS"}), done.output


def test_refused_under_xdist_too(project):
    production(project).stage("21_01c", flag_on=GOOD)
    before = project.target.env_file.read_bytes()
    done = run_at(project, "2026-11-24T12:00:00+00:00", "-n", "1")
    assert done.code == 13, done.output
    assert nothing_was_changed(project, done, before)


def test_stage_that_outlasts_the_window_is_not_accepted_and_its_delay_is_told(project):
    wait = "    pathlib.Path('clock/jump').touch(); time.sleep(1)  # each process looks by itself\n"
    accepts = f"def test_accepted(flag_on, stage_work):\n{wait}    stage_work.conductor.accept('21_01c')\n"
    production(project).stage("21_01c", flag_on=GOOD, exit_gate=accepts)
    done = run_at(project, "2026-11-28T05:10:00+00:00")
    assert (done.outcome, done.verdicts()["test_accepted"]) == ("INCONCLUSIVE", "INCONCLUSIVE"), done.output
    assert ("runs late: it is Sat" in done.output, project.flags()) == (True, []), done.output
    [notice] = project.folder.glob("out/*/delay.txt")
    assert "Rescheduled: stage 21_01c for Sat 2026-12-05 02:00 UTC" in notice.read_text()


def test_the_watchdog_refuses_by_itself(project):
    """The second net: were the run's own question removed, the process that makes the changes asks again."""
    production(project).stage("21_01c", flag_on=GOOD)
    (project.folder / "conftest.py").write_text(
        (project.folder / "conftest.py").read_text()
        + "\nimport fixtures.plan\nfixtures.plan.refusal = lambda *_: None\n"
        "fixtures.plan.overrun = lambda *_: None\n"
    )
    done = run_at(project, "2026-11-24T12:00:00+00:00")
    assert (done.code, done.verdicts()) == (13, {"test_good": "INCONCLUSIVE"}), done.output
    assert "flag.changing" not in done.kinds()


def test_a_reason_without_a_name_is_refused_before_anything(project):
    done = production(project).stage("21_01c", flag_on=GOOD).run("--outside-window", "a reason")
    assert (done.code, done.events) == (4, []), done.output
    assert "--outside-window is an approval and needs --operator NAME" in done.output


def test_without_leave_nothing_is_changed(project):
    production(project, ALLOW_MUTATIONS="false").stage("21_01c", flag_on=GOOD)
    before = project.target.env_file.read_bytes()
    done = project.run("--operator", "M. Olsen", "--outside-window", "a reason does not replace the leave")
    assert done.code == 13, done.output
    assert "ALLOW_MUTATIONS is not true" in done.output
    assert nothing_was_changed(project, done, before)


def test_what_only_looks_needs_no_leave(project):
    production(project, ALLOW_MUTATIONS="false").stage("21_01c", preflight=LOOKS)
    done = project.run()
    assert done.verdicts() == {"test_looks": "PASS"}, done.output


DATA = """
from acceptance.probes.archives.archives import good
from acceptance.probes.storage.uploads import Upload

def test_uploads(uploader, new_id, run):
    ours = new_id("user")
    almost = run.prefix[:-1] + ("0" if run.prefix[-1] != "0" else "1")
    students = {"ours": ours, "almost": almost, "short": run.prefix[:-2]}
    for student in students.values():
        assert uploader.send(Upload(student, "hw01", good())).status == 201
    assert ours.startswith(run.prefix)
    pathlib.Path("students").write_text(repr(students))
"""


def test_only_the_runs_own_data_is_removed(project):
    """A foreign student whose id differs in one letter, or is the beginning of ours, keeps archive and document."""
    project.stage("21_01c", flag_on=DATA.replace("(uploader,", "(flag_on, uploader,"))
    done = project.run()
    assert done.code == 10, done.output
    students = eval((project.folder / "students").read_text())
    paths = [str(path) for path in project.target.storage.root.rglob("*") if path.is_file()]
    with database(project.target) as mongo:
        kept = {name: mongo["review_archives"].count_documents({"student_id": one}) for name, one in students.items()}
        mongo["review_archives"].delete_many({"student_id": {"$in": [students["almost"], students["short"]]}})
    files = {name: sum(f"{one}_" in path or f"{one}/" in path for path in paths) for name, one in students.items()}
    assert (kept, files) == ({"ours": 0, "almost": 1, "short": 1}, {"ours": 0, "almost": 1, "short": 1}), paths


SOAK = """
def test_volume(flag_on, stage_work):
    calls = []
    report = stage_work.soak(lambda: calls.append(time.time()) or [])
    assert (len(calls), report.sent) == (6, 6)
"""


def test_request_volume_is_the_target_files(project):
    """Three seconds at 120 a minute are six requests, however quick the service is."""
    project.lab = retold(project.lab, "slow", SOAK_SECONDS="3", TRAFFIC_PER_MINUTE="120")
    done = project.stage("21_01c", soak=SOAK).run()
    assert done.verdicts() == {"test_volume": "PASS"}, done.output


CANARIES = {
    "MONGO_PASSWORD": "canary-mongo-5Gk2",
    "TELEGRAM_BOT_TOKEN": "7712345:canary-telegram-AAH9",
    "GRAFANA_PASSWORD": "canary-grafana-8Wq1",
    "URL": "canary-in-url-3Zt7",
}
LEAKS = """
import json, logging, warnings
from acceptance.envfile.file import EnvFile
from acceptance.evidence import Evidence

@pytest.fixture
def secrets(target):
    env = EnvFile(target.env_file).read()
    return [env["MONGO_PASSWORD"], env["TELEGRAM_BOT_TOKEN"], target.grafana.password, target.mongo.url]

@pytest.fixture
def spills(secrets):
    print("set-up", secrets)
    yield
    raise RuntimeError(f"teardown {secrets}")

def test_output_and_assertion(secrets):
    print("on stdout", secrets)
    print("on stderr", secrets, file=__import__("sys").stderr)
    logging.getLogger("x").error("logged %s", secrets)
    warnings.warn(f"warned {secrets}")
    assert secrets == ["expected"]

def test_exception_and_cause(secrets):
    try:
        raise ValueError(f"inner {secrets}")
    except ValueError as error:
        raise ConnectionError(f"cannot connect to {secrets[3]}") from error

def test_log_of_the_service(api_logs, secrets):
    lines = pathlib.Path(api_logs.source.removeprefix("file://")).read_text().splitlines()
    found = [line for line in lines if any(secret in line for secret in secrets)]
    assert found == [], "the service wrote a secret"

def test_http_body(evidence, secrets):
    body = {"detail": f"auth failed with {secrets[0]}", "headers": {"Authorization": f"Bearer {secrets[1]}"}}
    evidence.add(Evidence("http", "an answer", {"response": json.dumps(body), "url": secrets[3]}))
    assert not body, body

@pytest.mark.parametrize("secret", ["canary-mongo-5Gk2"], ids=["one"])
def test_parameter(secret, spills):
    local_variable = secret
    raise KeyError(local_variable)

def test_skipped(secrets):
    pytest.skip(f"no {secrets}")
"""


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["plain", "xdist"])
def test_secrets_are_nowhere(project, workers):
    """Secrets planted in env file, target file, service log, answers and tracebacks: none is in anything written."""
    env_file = project.target.env_file
    before = env_file.read_text()
    log = project.target.env_file.parent.parent / "logs" / "butler-api.log"
    copy = project.lab.with_name("canary.env")
    kept = [each for each in project.lab.read_text().splitlines() if not each.startswith(("GRAFANA_P", "MONGODB_URL"))]
    url = f"mongodb://ops:{CANARIES['URL']}@127.0.0.1:1/?authSource=admin"
    copy.write_text("\n".join([*kept, f"GRAFANA_PASSWORD={CANARIES['GRAFANA_PASSWORD']}", f"MONGODB_URL={url}", ""]))
    project.lab = copy
    project.stage("21_01a", preflight=LEAKS).stage("21_01c", flag_on=GOOD)
    stage_file = project.folder / "ops_tests" / "stage_21_01a" / "stage.toml"
    stage_file.write_text(stage_file.read_text().replace("flag = ", "summary = "))
    planted = "".join(f"{key}={CANARIES[key]}\n" for key in ("MONGO_PASSWORD", "TELEGRAM_BOT_TOKEN"))
    try:
        env_file.write_text(before + planted)
        with log.open("a") as stream:
            stream.write(f'{{"level":"ERROR","event":"x","message":"{CANARIES["MONGO_PASSWORD"]}"}}\n')
        done = project.run("-rA", "-l", *workers)
    finally:
        env_file.write_text(before)
    folder = next(project.folder.glob("out/*/events.jsonl")).parent
    files = {path.name: path.read_text(errors="replace") for path in folder.iterdir() if path.is_file()}
    files |= {path.name: path.read_text() for path in project.target.journal_dir.iterdir() if path.is_file()}
    files["terminal"] = done.output
    wanted = {"record.html", "record.json", "junit.xml", "events.jsonl", "watchdog.log", "undo.journal"}
    assert wanted <= set(files)
    assert {"test_good": "PASS", "test_http_body": "FAIL", "test_skipped": "SKIPPED"}.items() <= done.verdicts().items()
    assert "[redacted]" in done.output
    assert [(name, key) for name, text in files.items() for key, value in CANARIES.items() if value in text] == []


def test_the_journal_holds_the_flags_line_and_no_other(project):
    project.stage("21_01c", flag_on=GOOD).run()
    text = (project.target.journal_file).read_text()
    others = [it for it in project.target.env_file.read_text().splitlines() if "=" in it and "STORAGE_AD" not in it]
    assert "USE_NEW_STORAGE_ADAPTER=false" in text
    assert others
    assert [line for line in others if line in text] == []
