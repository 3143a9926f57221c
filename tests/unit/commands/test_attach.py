"""A record is attached to its ticket once, by the recipes of the docs with real curl, and the receipt is kept."""

import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import record_samples as samples
from served import answering

from acceptance.commands import attach as attaching
from acceptance.commands import record
from acceptance.disk import sha256_of
from acceptance.events import EventLog
from acceptance.kinds import RecordAttaching
from acceptance.record.attachments import attempts
from acceptance.record.publish import publish, render
from acceptance.record.verify import verify

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "docs" / "examples" / "attach"
TICKET = "CHG-2025-11-042"
ISSUES = f'[{{"iid": 1, "title": "{TICKET}1: another"}}, {{"iid": 7, "title": "Change {TICKET}, storage"}}]'
ANSWERS = {
    ("GET", "/api/now/table/change_request"): f'{{"result": [{{"sys_id": "{"a" * 32}"}}]}}',
    ("POST", "/api/now/attachment/file"): '{"result": {"sys_id": "b1", "file_name": "x.html"}}',
    ("GET", "/search/issues"): f'{{"items": {ISSUES.replace("iid", "number")}}}',
    ("PUT", "/repos/butler/ops/contents/records/"): '{"content": {"path": "x"}}',
    ("POST", "/repos/butler/ops/issues/7/comments"): '{"id": 3, "body": "x"}',
    ("GET", "/api/v4/projects/5/issues"): ISSUES,
    ("POST", "/api/v4/projects/5/uploads"): '{"alt": "x", "markdown": "[x](/uploads/1/x.html)"}',
    ("POST", "/api/v4/projects/5/issues/7/notes"): '{"id": 302, "body": "x"}',
    ("POST", f"/rest/api/2/issue/{TICKET}/attachments"): '[{"id": "10000", "filename": "x.html"}]',
}


@pytest.fixture
def tracker():
    """Be the four ticket systems, as each answers to who logs in; keeps what it got."""
    own = SimpleNamespace(asks_for_login=False, got=[])

    def answer(asked):
        known = [
            text for (verb, path), text in ANSWERS.items() if verb == asked.command and asked.path.startswith(path)
        ]
        secret = asked.headers["Authorization"] or asked.headers["PRIVATE-TOKEN"]
        own.got.append((asked.command, asked.path, asked.body))
        if own.asks_for_login:
            return 302, "<html>log in</html>", {}
        return (200, known[0], {}) if known and secret else (404 if secret else 401, '{"message": "no"}', {})

    with answering(answer) as own.url:
        yield own


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = samples.go(tmp_path_factory.mktemp("made") / "run")
    publish(folder)
    return folder


@pytest.fixture
def folder(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "run"))


@pytest.fixture
def attach(folder, tmp_path, tracker, monkeypatch, capsys):
    """Attaches the record by a command of the target file."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password word\n")
    (tmp_path / "headers").write_text("Authorization: Bearer word\nPRIVATE-TOKEN: word\n")
    variables = {"HOME": tmp_path, "GITHUB_REPOSITORY": "butler/ops", "GITLAB_PROJECT": "5", "OPS_TARGET": ""}
    variables |= dict.fromkeys(("SERVICENOW", "GITHUB_API_URL", "GITLAB"), tracker.url)
    variables |= dict.fromkeys(("GITHUB_HEADERS", "GITLAB_HEADERS"), tmp_path / "headers")
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))

    def act(command, *args, name="staging", more=""):
        target = tmp_path / "some.env"
        needed = f"TARGET_NAME={name}\nTARGET_KIND=staging\nMONGODB_URL=mongodb://x\nGRAFANA_PASSWORD=s3cretword\n"
        target.write_text(f"{needed}{more}" + (f'ATTACH_COMMAND="{command}"\n' if command else ""))
        code = record.run(["attach", str(folder), "--target", str(target), *args], folder.parent)
        said = capsys.readouterr()
        return SimpleNamespace(returncode=code, stdout=said.out, stderr=said.err)

    return act


def jira(tracker):
    """The recipe of the docs, for the server of the test."""
    [recipe] = re.findall(r'^ATTACH_COMMAND="(curl .*)"$', (ROOT / "docs" / "ticket.md").read_text(), re.MULTILINE)
    return recipe.replace("https://jira.example.com", tracker.url)


@pytest.mark.parametrize(
    ("system", "receipt", "last"),
    [
        ("jira", '"id": "10000', f"/rest/api/2/issue/{TICKET}/attachments"),
        ("servicenow", '"sys_id": "b1', "/api/now/attachment/file?table_name=change_request&table_sys_id=" + "a" * 32),
        ("github", '"id": 3', "/repos/butler/ops/issues/7/comments"),
        ("gitlab", '"id": 302', "/api/v4/projects/5/issues/7/notes"),
    ],
)
def test_recipe_attaches_the_page_and_keeps_the_receipt(system, receipt, last, attach, folder, tracker):
    done = attach(jira(tracker) if system == "jira" else str(EXAMPLES / f"{system}.sh"))
    assert done.returncode == 0, done.stderr + str(tracker.got)[-600:]
    assert f"attached to {TICKET}" in done.stdout
    assert receipt in done.stdout
    assert tracker.got[-1][1].startswith(last)
    page = (folder / "record.html").read_bytes()
    sent = b"".join(body for *_, body in tracker.got)
    assert page in sent or system == "github", "the page itself arrives"
    assert sha256_of(folder / "record.html").encode() in sent or system in ("jira", "servicenow")
    assert verify(folder) == []


def test_every_recipe_of_the_docs_is_tried():
    names = re.findall(r"examples/attach/(\w+)\.sh", (ROOT / "docs" / "ticket.md").read_text())
    assert sorted(names) == sorted(path.stem for path in EXAMPLES.iterdir()) == ["github", "gitlab", "servicenow"]


def test_page_is_attached_once_unless_it_is_told_to(attach, folder, tracker, capsys):
    first, second, third = (attach(jira(tracker), *args) for args in ((), (), ("--again",)))
    assert (first.returncode, second.returncode, third.returncode) == (0, 1, 0)
    assert f"attached to {TICKET}" in second.stderr
    assert "--again" in second.stderr
    assert len(tracker.got) == 2
    assert record.run(["verify", str(folder)], folder) == 0
    assert capsys.readouterr().out.count(f"attached to {TICKET}") == 2


@pytest.mark.parametrize("system", ["refuses", "asks for a login", "is not there", "prints nothing"])
def test_what_gave_no_receipt_is_not_attached_and_may_have_arrived(system, attach, folder, tracker):
    command = {"is not there": "no-such-command {page}", "prints nothing": "true"}.get(system, jira(tracker))
    tracker.asks_for_login = system == "asks for a login"
    done = attach(command.replace("--netrc", "") if system == "refuses" else command)
    assert (done.returncode, "NOT ATTACHED: expected exit code 0" in done.stderr) == (1, True), done.stderr
    again = attach(jira(tracker))
    assert (again.returncode, "the ticket may have it" in again.stderr) == (1, True), again.stderr


@pytest.mark.parametrize("meanwhile", [False, True])
def test_attempt_that_nobody_ended_may_have_arrived(meanwhile, attach, folder, tracker, monkeypatch):
    begun = RecordAttaching(ticket=TICKET, digest=sha256_of(folder / "record.html"), by="me")

    def begin(*_):
        begun.tell(EventLog(folder / "attached.jsonl"))

    if meanwhile:
        monkeypatch.setattr(attaching, "fcntl", SimpleNamespace(flock=begin, LOCK_EX=0, LOCK_NB=0))
    else:
        begin()
    done = attach(jira(tracker))
    assert (done.returncode, tracker.got) == (1, [])
    assert "nobody wrote down how it ended" in done.stderr


def test_receipt_that_the_disk_does_not_take_is_told_with_what_came_of_the_attempt(attach, folder):
    done = attach("sh -c 'cd run && rm attached.jsonl && mkdir attached.jsonl && echo taken'")
    assert (done.returncode, "exit code 0, 'taken" in done.stderr) == (1, True)
    assert "look at the ticket" in done.stderr


def test_without_a_command_it_prints_what_to_attach(attach, folder):
    done = attach("")
    assert done.returncode == 2
    for told in (str(folder / "record.html"), sha256_of(folder / "record.html"), "GO", TICKET):
        assert told in done.stdout
    assert "attach these files by hand" in done.stderr


def test_dry_run_attaches_nothing(attach, folder, tracker):
    assert (attach(jira(tracker), "--dry-run").returncode, tracker.got, attempts(folder)) == (0, [], [])


def test_target_file_of_another_target_attaches_nothing(attach, tracker):
    done = attach(jira(tracker), name="production")
    assert (done.returncode, tracker.got) == (2, [])
    assert "expected the target file of staging, found production" in done.stderr


def test_changed_record_is_not_attached(attach, folder, tracker):
    (folder / "record.html").write_text("GO")
    assert (attach(jira(tracker)).returncode, tracker.got) == (1, [])


def test_secret_that_the_ticket_system_echoes_is_not_kept(attach, folder, tracker):
    done = attach("echo '\\\"id\\\":4' s3cretword {ticket} {unknown}")
    assert done.returncode == 0, done.stderr
    kept = (folder / "attached.jsonl").read_text()
    assert ("s3cretword" in kept + done.stdout, f"{TICKET} {{unknown}}" in kept) == (False, True)


def test_page_that_is_another_one_than_the_ticket_has_is_told(attach, folder, tracker):
    attach(jira(tracker))
    render(folder)
    [found] = verify(folder)
    assert (found.subject, "attach it again" in found.next_step) == ("record.html", True)
    assert attach(jira(tracker), "--again").returncode == 1, "and the record counts as changed"


def test_changed_receipts_are_told(attach, folder, tracker):
    attach(jira(tracker))
    log = folder / "attached.jsonl"
    log.write_text(log.read_text().replace("10000", "20000"))
    [found] = verify(folder)
    assert found.subject == "attached.jsonl"
