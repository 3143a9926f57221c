"""Sign-offs in a run: small projects against a held lab, also as a production target, and a person at a terminal."""

import fcntl
import json
import os
import pty
import subprocess
import sys
import termios
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from small_project import attentive

from acceptance.polling import poll
from acceptance.target.window import Window
from fixtures.signoff import deadline_of, typed

NOW = datetime.now(UTC)
ROOT = Path(__file__).resolve().parents[2]
ITEM, WORDS = "21_01c.preflight.2", "Checksum validation tested in staging"
ASKS = f"""
@pytest.mark.signoff
@pytest.mark.checklist("{ITEM}")
def test_asks(signoff): assert signoff("{ITEM}").name
"""
GATE = """
@pytest.mark.checklist("21_01c.exit.4")
def test_asks_for_the_gate(signoff): assert signoff("21_01c.exit.4").name
"""
ACCEPTS = "def test_accepted(flag_on, stage_work): stage_work.conductor.accept('21_01c')\n"
TICKET = "CHG-2026-11-042"
DEPLOY = ("--mode=deploy", "--operator=M. Olsen", "--outside-window=a test", f"--ticket={TICKET}")


@pytest.fixture
def production(project):
    """The same lab, told to be production. Its times are those of production, so nothing here soaks."""
    kept = [line for line in project.lab.read_text().splitlines() if not line.startswith(("TARGET_KIND=", "SOAK_"))]
    file = project.lab.with_name("production.env")
    file.write_text("\n".join([*kept, "TARGET_KIND=production"]) + "\n")
    lab, project.lab = project.lab, file
    yield project
    project.lab = lab
    env = project.target.env_file
    env.write_text(env.read_text().replace("USE_NEW_STORAGE_ADAPTER=true", "USE_NEW_STORAGE_ADAPTER=false"))


def signs(project, text):
    (project.folder / "signs.toml").write_text(text)
    return "--sign-offs", "signs.toml"


def signed(item=ITEM, name="K. Adeyemi"):
    return f'[[signoff]]\nitem = "{item}"\nname = "{name}"\nat = {NOW:%Y-%m-%dT%H:%M:%SZ}\nnote = "seen"\n'


def waived(item=ITEM, expires="2999-01-01"):
    return f'[[waiver]]\nitem = "{item}"\nreason = "vendor away"\napprover = "T. Lead"\nexpires = {expires}\n'


def record(project):
    [page] = project.folder.glob("out/*/record.json")
    return json.loads(page.read_text())


def state(project, item=ITEM):
    return next(line["state"] for line in record(project)["lines"] if line["id"] == item)


def test_in_a_rehearsal_a_missing_sign_off_is_awaited(project):
    done = project.stage("21_01c", preflight=ASKS + "def test_good(): pass\n").run()
    assert done.verdicts() == {"test_asks": "SKIPPED", "test_good": "PASS"}, done.output
    assert (state(project), ITEM in record(project)["awaiting"]) == ("AWAITING", True)


def test_a_production_deployment_without_its_sign_off_is_rolled_back_and_no_go(production):
    """The stage's own check that asks is INCONCLUSIVE and ends the stage, whatever else passed."""
    production.stage("21_01c", flag_on="def test_good(flag_on): pass\n" + ASKS, exit_gate=ACCEPTS)
    done = production.run(*DEPLOY)
    assert (done.code, done.outcome, record(production)["outcome"]) == (10, "INCONCLUSIVE", "INCONCLUSIVE"), done.output
    assert (production.flags(), "rollback.finished" in done.kinds()) == ([], True)
    [asked] = [check for check in done.of("check.finished") if check["nodeid"].endswith("test_asks")]
    assert asked["reason"].startswith(f"AWAITING sign-off of {ITEM}: {WORDS}")


def test_a_production_deployment_whose_checks_never_asked_is_no_go_either(production):
    """Every check passed; run, record and exit code say by the same rule that sign-offs are missing."""
    production.stage("21_01c", preflight="def test_good(): pass\n", exit_gate=ACCEPTS)
    done = production.run(*DEPLOY)
    assert (done.code, done.outcome, record(production)["outcome"]) == (10, "INCONCLUSIVE", "INCONCLUSIVE"), done.output
    assert "a production GO needs them all" in done.output
    [accepts] = [check for check in done.of("check.finished") if check["nodeid"].endswith("test_accepted")]
    assert "stage 21_01c is not accepted: sign-offs missing: 21_01c.preflight.2, 21_01c.deploy.1" in accepts["reason"]
    assert (production.flags(), "rollback.finished" in done.kinds()) == ([], True)


def test_a_production_deployment_with_all_its_sign_offs_is_go(production):
    production.stage("21_01c", preflight=ASKS, exit_gate=ACCEPTS)
    text = signed() + signed("21_01c.deploy.1", "M. Olsen")
    done = production.run(*DEPLOY, *signs(production, f'ticket = "{TICKET}"\n{text}'))
    assert record(production)["awaiting"] == ["21_01c.deploy.1"], "signed in the file, but no check asked for it"
    assert done.code == 10, done.output
    (production.folder / "ops_tests/stage_21_01c/test_deploy.py").write_text(
        'import pytest\n@pytest.mark.checklist("21_01c.deploy.1")\ndef test_pr(signoff): signoff("21_01c.deploy.1")\n'
    )
    assert production.flags() == []
    for folder in (production.folder / "out").iterdir():
        folder.rename(production.folder / folder.name)
    done = production.run(*DEPLOY, "--sign-offs", "signs.toml")
    assert (done.code, record(production)["outcome"]) == (0, "GO"), done.output


@pytest.mark.parametrize(
    ("command", "verdict", "code"),
    [
        ("bash -c 'echo PR 812 merged by $OPS_WHO'", "PASS", 0),
        ("bash -c 'echo PR 812 is open; exit 1'", "FAIL", 1),
        ("true", "INCONCLUSIVE", 10),
    ],
)
def test_a_command_of_the_target_file_answers_in_a_persons_place(command, verdict, code, project):
    file = project.lab.with_name("evidence.env")
    file.write_text(f'{project.lab.read_text()}\nEVIDENCE_21_01c_preflight_2="{command}"\n')
    project.stage("21_01c", preflight=ASKS, exit_gate=ACCEPTS)
    done = project.run(f"--target={file}")
    assert (done.verdicts()["test_asks"], done.code) == (verdict, code), done.output
    [asked] = [check for check in done.of("check.finished") if check["nodeid"].endswith("test_asks")]
    assert [piece["data"]["argv"] for piece in asked["evidence"] if piece["kind"] == "command"] == [command]


def test_a_waived_check_is_left_out_and_amber(project):
    body = f'@pytest.mark.checklist("{ITEM}")\ndef test_bad(flag_on): assert False\n'
    project.stage("21_01c", flag_on=body + "def test_good(flag_on): pass\n")
    done = project.run(*signs(project, waived()))
    assert done.verdicts() == {"test_bad": "SKIPPED", "test_good": "PASS"}, done.output
    assert state(project) == "WAIVED"
    assert [used["approver"] for used in done.of("waiver.used")] == ["T. Lead"]


def test_an_expired_waiver_is_none(project):
    done = project.stage("21_01c", preflight=ASKS).run(*signs(project, waived(expires="2020-01-01")), "-rs")
    assert (state(project), done.of("waiver.used")) == ("AWAITING", [])
    assert "the waiver of T. Lead expired on 2020-01-01" in done.output


def test_the_operator_accepts_nothing_and_is_told_before_anything_is_changed(project):
    project.stage("21_01c", exit_gate=GATE)
    done = project.run("--operator", "M. Olsen", *signs(project, signed("21_01c.exit.4", "M. Olsen")))
    assert (done.code, done.events) == (4, []), done.output
    assert "M. Olsen runs this deployment and cannot accept it" in done.output


def test_file_without_a_signature_is_refused_where_the_target_file_names_signers(project):
    file = project.lab.with_name("signers.env")
    file.write_text(f"{project.lab.read_text()}\nSIGN_OFF_SIGNERS=/nowhere/leads\n")
    done = project.stage("21_01c", preflight=ASKS).run(f"--target={file}", *signs(project, signed()))
    assert (done.code, done.events, "expected its signature beside it" in done.output) == (4, [], True), done.output


def test_asking_without_a_terminal_is_refused(project):
    done = project.stage("21_01c", preflight=ASKS).run("--ask")
    assert (done.code, "--ask needs a terminal" in done.output) == (4, True), done.output


class Person:
    """Somebody at a terminal in front of a run."""

    def __init__(self, project, *args):
        self.project, self.text = project, ""
        self.mine, theirs = pty.openpty()
        self.process = subprocess.Popen(
            **project.process(*args, TERM="dumb"),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: (attentive(), fcntl.ioctl(0, termios.TIOCSCTTY, 0)),
        )
        os.close(theirs)
        os.set_blocking(self.mine, False)

    def read(self):
        with suppress(OSError):  # nothing there yet, or the run is over
            self.text += os.read(self.mine, 65536).decode(errors="replace")
        return self.text

    def sees(self, words):
        poll(self.read, lambda text: words in text, 120)
        assert words in self.text, self.text
        return self

    def types(self, text):
        self.text = ""
        os.write(self.mine, text.encode())
        return self

    def ends(self):
        def over():
            self.read()
            return self.process.poll()

        poll(over, lambda code: code is not None, 240)
        os.close(self.mine)
        done = self.project.finish(self.process)
        done.output = self.text
        return done


def test_a_person_is_asked_at_the_terminal_with_the_items_words(project):
    project.stage("21_01c", preflight=ASKS, exit_gate=GATE)
    person = Person(project, "--ask", "--operator", "M. Olsen")
    person.sees(f"{ITEM}: {WORDS}").sees("Your name").types("R. Rivera\n").sees("Note").types("run 7 of staging\n")
    person.sees("21_01c.exit.4: Disk usage normal").types("M. Olsen\n").sees("cannot accept it")
    done = person.types("K. Adeyemi\n").sees("Note").types("\n").ends()
    given = [(each["item"], each["name"], each["note"]) for each in done.of("signoff.given")]
    assert given == [(ITEM, "R. Rivera", "run 7 of staging"), ("21_01c.exit.4", "K. Adeyemi", "")]
    assert done.verdicts() == {"test_asks": "PASS", "test_asks_for_the_gate": "PASS"}


def test_end_of_input_is_not_signed_and_the_run_goes_on(project):
    person = Person(project.stage("21_01c", preflight=ASKS, soak="def test_next(): pass\n"), "--ask")
    done = person.sees("Your name").types("\x04").ends()
    assert done.verdicts() == {"test_asks": "SKIPPED", "test_next": "PASS"}, done.output
    assert state(project) == "AWAITING"


def test_ctrl_c_at_the_question_ends_the_run_and_rolls_back(project):
    person = Person(project.stage("21_01c", flag_on="def test_on(flag_on): pass\n" + ASKS), "--ask")
    done = person.sees("Your name").types("\x03").ends()
    assert (done.code, done.outcome) == (2, "INTERRUPTED"), done.output
    assert "rollback.finished" in done.kinds()


def held(started):
    return SimpleNamespace(run=SimpleNamespace(started=started), target=SimpleNamespace(window=Window()))


def test_the_deadline_is_the_windows_end_for_what_belongs_into_it():
    saturday = datetime(2025, 11, 29, 3, 10, tzinfo=UTC)
    end = datetime(2025, 11, 29, 6, tzinfo=UTC)
    assert [deadline_of(held(saturday), each) for each in ("21_01c.deploy.1", "pre.planning.2")] == [end, end]
    assert deadline_of(held(saturday), "post48.retrospective.1") is None
    assert deadline_of(held(saturday + timedelta(hours=4)), "21_01c.deploy.1") is None


def test_nobody_is_awaited_beyond_the_deadline(monkeypatch, capsys):
    reader, writer = os.pipe()
    with os.fdopen(reader) as silent, os.fdopen(writer, "w") as person:
        monkeypatch.setattr(sys, "stdin", silent)
        assert typed("Name? ", datetime.now(UTC) + timedelta(seconds=0.05)) is None
        assert "The window has ended: not signed." in capsys.readouterr().out
        person.write("K. Adeyemi\n")
        person.flush()
        assert typed("Name? ", datetime.now(UTC) + timedelta(seconds=30)) == "K. Adeyemi\n"
