"""The commands for a person: bash runs each form of them on real files, and the flag is off afterwards."""

import ast
import os
import re
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from record_samples import interrupted
from small_target import FLAG, small_target

from acceptance.conduct import recovery
from acceptance.conduct.journal import Entry
from acceptance.conduct.lock import LockHeld, Owner, TargetLock
from acceptance.conduct.manual_recovery import by_hand_commands
from acceptance.envfile.file import EnvFile, EnvFileError
from acceptance.envfile.flock import flocked
from acceptance.envfile.obstacles import obstacles
from acceptance.record.first_screen import commands
from acceptance.record.publish import load
from acceptance.target import by_hand

ROOT = Path(__file__).parents[3]
OTHER = "TELEGRAM_BOT_TOKEN"
CONTENTS = {
    "no newline at the end": f"{FLAG}=true\n{OTHER}=abc",
    "the flag itself ends the file": f"{OTHER}=abc\n{FLAG}=true",
    "on twice": f"{FLAG}=true\n{OTHER}=abc\n{FLAG}=true\n",
    "off above, on below": f"{FLAG}=false\n{OTHER}=abc\nexport {FLAG}=true # on\n",
    "another flag's name ends as this one's": f"{FLAG}=true\nOLD_{FLAG}=false\n{OTHER}=abc\n",
    "only a comment says false": f"{OTHER}=abc\n{FLAG}=true\n# {FLAG}=false\n",
    "CRLF": f"{OTHER}=abc\r\n{FLAG}=true\r\n",
    "a Latin-1 byte": f"# \xe9\n{OTHER}=abc\n{FLAG}=true\n",
    "off already": f"{OTHER}=abc\n{FLAG}=false\n",
}


def odd_target(tmp_path, name="two words"):
    folder = tmp_path / name
    folder.mkdir()
    script = folder / "restart it.sh"
    script.write_text('echo "$PWD" "$@" >> restarted\n')
    made = small_target(folder)
    api = replace(made.services["api"], restart=f"{shlex.join(['sh', str(script)])} 'a;b' *")
    return replace(made, services={**made.services, "api": api})


def bash(text, folder):
    return subprocess.run(["bash", "-c", text], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_commands_end_with_the_flag_false_and_all_else_as_it_was(tmp_path, content):
    target = odd_target(tmp_path)
    target.env_file.write_bytes(content.encode("latin-1"))
    program = "\n".join(by_hand_commands(target, "api", FLAG))
    done = bash(program, tmp_path)
    after = target.env_file.read_bytes()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.rstrip().endswith(f":{FLAG}=false")
    assert (EnvFile(target.env_file).flag(FLAG), EnvFile(target.env_file).read()[OTHER]) == (False, "abc")
    assert (target.infra_dir / "restarted").read_text() == f"{target.infra_dir} a;b *\n"
    bash(program, tmp_path)
    assert target.env_file.read_bytes() == after, "a second time changes nothing"


def test_a_file_that_is_gone_is_told_and_not_made_anew(tmp_path):
    target = odd_target(tmp_path)
    target.env_file.unlink()
    done = bash(by_hand.switch_off(target, FLAG), tmp_path)
    assert (done.returncode != 0, "No such file" in done.stderr, target.env_file.exists()) == (True, True, False)


def test_commands_end_with_the_flag_false_in_a_secret_too(tmp_path, monkeypatch):
    """kubectl refuses a file with two lines of one key; the script of the page gives it the last."""
    (script,) = re.findall(r"^```sh\n(.*?)^```", (ROOT / "docs" / "restart.md").read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "restart-api.sh").write_text(script)
    (tmp_path / "kubectl").write_text("#!/bin/sh\ncase $1 in create) sort > made ;; esac\n")
    (tmp_path / "kubectl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    target = small_target(tmp_path, f"{OTHER}=a=b\n{FLAG}=true", RESTART_API="sh restart-api.sh")
    done = bash("\n".join(by_hand_commands(target, "api", FLAG)), tmp_path)
    assert (tmp_path / "made").read_text().split() == [f"{OTHER}=a=b", f"{FLAG}=false"], done.stderr


@pytest.mark.parametrize(("join", "name"), [("\n", "plain"), ("; ", "it's here"), (" && ", "`touch x`;")], ids=repr)
def test_commands_run_in_each_form_in_which_they_are_told(tmp_path, name, join):
    target = odd_target(tmp_path, name)
    target.env_file.write_text(f"{FLAG}=true")
    program = join.join([*by_hand_commands(target, "api", FLAG), by_hand.recover(target.source)])
    done = bash(program, tmp_path)
    told = done.stderr.splitlines()
    # recover.py: no service runs here
    assert (len(told), [line for line in told if "/health, found" not in line]) == (4, ["FAIL: 3 service"])
    assert (EnvFile(target.env_file).flag(FLAG), (target.infra_dir / "restarted").exists()) == (False, True)


def test_what_recovery_gives_for_each_kind_of_change_runs(tmp_path):
    target = odd_target(tmp_path)
    target.env_file.write_text(f"{FLAG}=true")
    undo = {"flag": {"change": {"keys": [FLAG]}, "service": "api"}, "restart": {"service": "api"}, "data": {}}
    entries = [Entry("intend", "run-1", "", undo={"kind": kind, **facts}) for kind, facts in undo.items()]
    recover_it = by_hand.recover(target.source)
    given = [line for entry in entries for line in recovery.by_hand(target, entry)]
    done = bash("set -e\n" + "\n".join(line.replace(recover_it, "echo recover") for line in given), tmp_path)
    told = [line for line in done.stdout.splitlines() if line == "recover"]  # which runs: see above
    assert (done.returncode, done.stderr, told) == (0, "", ["recover"] * 2)
    assert not EnvFile(target.env_file).flag(FLAG)
    assert len((target.infra_dir / "restarted").read_text().splitlines()) == 2


def test_commands_within_messages_run_too(tmp_path, monkeypatch):
    """Who holds a lock, and what makes a file immutable; the path has a space."""
    target = odd_target(tmp_path)
    lock, other = (TargetLock(target.journal_dir, Owner.here("one"), target.env_file) for _ in range(2))
    with lock:
        lock.file.write_text("")
        with pytest.raises(LockHeld) as held:
            other.acquire()
    own_lock = target.env_file.with_name(f"{target.env_file.name}.lock")
    with flocked(own_lock, 0), pytest.raises(EnvFileError) as waited:
        EnvFile(target.env_file, lock_timeout_s=0).set(FLAG, "true")
    monkeypatch.setattr("acceptance.envfile.obstacles._fixed", lambda path: "immutable" * (path == target.env_file))
    ((_, lift),) = obstacles(target.env_file)
    told = [re.search("(fuser|chattr) .*", str(each))[0] for each in (held.value, waited.value, lift)]
    said = [bash(f'fuser() {{ printf \'%s|\' "$@"; }}; chattr() {{ fuser "$@"; }}; {each}', tmp_path) for each in told]
    wanted = [f"{lock.file}|", f"{own_lock}|", f"-ia|{target.env_file}|"]
    assert [(each.returncode, each.stdout) for each in said] == [(0, each) for each in wanted]


def test_the_command_of_the_page_runs_in_the_checkout(tmp_path):
    """By its own first line: a machine need not have a `python`."""
    target = odd_target(tmp_path)
    target.env_file.write_text(f"{FLAG}=true")
    record = load(interrupted(tmp_path / "run"))
    (command,) = commands(replace(record, facts=replace(record.facts, target={"source": str(target.source)})))
    done = bash(f"python() {{ return 127; }}; {command} --dry-run", ROOT)
    assert (done.returncode, f"{FLAG} in {target.env_file}" in done.stderr) == (1, True), done


def test_no_message_names_the_script_as_a_command_that_would_be_refused():
    """Without `--target`, or from another folder, it does nothing; `by_hand.recover` writes what does."""
    found = []
    for module in [*ROOT.glob("acceptance/**/*.py"), *ROOT.glob("fixtures/*.py")]:
        nodes = list(ast.walk(ast.parse(module.read_text())))
        docs = {id(each.value) for each in nodes if isinstance(each, ast.Expr)}
        texts = [str(each.value) for each in nodes if isinstance(each, ast.Constant) and id(each) not in docs]
        found += [f"{module.name}: {text}" for text in texts if "scripts/ops/recover.py" in text]
    assert found == ["first_screen.py: scripts/ops/recover.py"]
