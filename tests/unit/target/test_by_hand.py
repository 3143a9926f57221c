"""The commands for a person: bash runs each form of them on real files, and the flag is off afterwards."""

import shlex
import subprocess
from dataclasses import replace

import pytest
from small_target import FLAG, small_target

from acceptance.conduct.manual_recovery import by_hand_commands
from acceptance.envfile.file import EnvFile
from acceptance.target import by_hand

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


@pytest.mark.parametrize("join", ["\n", "; ", " && "], ids=repr)
@pytest.mark.parametrize("name", ["plain", "it's here", "`touch x`;"])
def test_commands_run_in_each_form_in_which_they_are_told(tmp_path, name, join):
    target = odd_target(tmp_path, name)
    target.env_file.write_text(f"{FLAG}=true")
    program = join.join([*by_hand_commands(target, "api", FLAG), by_hand.recover(target.source)])
    done = bash(program, tmp_path)
    told = done.stderr.splitlines()
    # recover.py: no service runs here
    assert (len(told), [line for line in told if "/health, found" not in line]) == (4, ["FAIL: 3 service"])
    assert (EnvFile(target.env_file).flag(FLAG), (target.infra_dir / "restarted").exists()) == (False, True)
