"""What an env file's lines mean to whom: compared with bash, python-dotenv and the docker command themselves."""

import json
import os
import re
import shutil
import subprocess

import pytest
from dotenv import dotenv_values
from served import answering

from acceptance.envfile.file import EnvFile, EnvFileError
from acceptance.envfile.readers import ABSENT, REFUSED, compose, docker_run, open_quote, readings, shell, systemd
from acceptance.envfile.text import occurrences
from acceptance.finding import Severity

KEY = "USE_NEW_STORAGE_ADAPTER"
CANARY = "canary-of-another-key"
REFUSE, TELL = Severity.HIGH, Severity.LOW


@pytest.fixture
def env(tmp_path):
    return EnvFile(tmp_path / ".env.infra")


def diagnosis(env, content):
    env.path.write_bytes(content.encode() if isinstance(content, str) else content)
    findings = env.diagnose([KEY])
    assert all(str(env.path) in str(finding) for finding in findings)
    assert CANARY not in repr(findings)
    return {str(finding).removeprefix(f"{env.path}: "): finding.severity for finding in findings}


def test_a_plain_file_gives_no_finding(env):
    content = f"# it's a comment\\\\\nMONGO_PASSWORD={CANARY}\r\nNOTE='see {KEY}'\nA=\"it's\"\n{KEY}=false\nB=it's\n"
    assert diagnosis(env, content) == {}


@pytest.mark.parametrize(
    "content, severity, says",
    [
        ("A=1\n", REFUSE, "{k}: .*found no line of it; stage 21_00 adds it"),
        ("A='x\n{k}=false\ny'\n", REFUSE, "{k}: .*only inside another key's quotes"),
        ("{k}=maybe-or-maybe-not-now\n", REFUSE, "line 1: {k}: expected true or false, found 'maybe-or-maybe-not-n'"),
        ("{k}=\n", REFUSE, "line 1: {k}: expected true or false, found nothing"),
        ("{k}\n", REFUSE, "line 1: {k}: .*found no '='"),
        ("A=1\0\n{k}=false\n", REFUSE, "expected text, found zero bytes"),
        ('A=1\n{k}="false\n', REFUSE, "line 2: {k}: .*cannot be read"),
        ("{k}=false\r\n", REFUSE, "line 1: {k}: .*carriage return"),
        ("\ufeff{k}=false\n", REFUSE, "line 1: {k}: .*byte order mark"),
        ("A=1\n{k}: true\n", REFUSE, "line 2: {k}: .*cannot be read as KEY=value.*Compose also reads"),
        ("{k}=false\n{k}: true\n", REFUSE, "line 2: {k}: .*cannot be read"),
        ("{k}:true\n", REFUSE, "line 1: {k}: .*cannot be read"),
        ("{k}=false\n- {k}=true\n", REFUSE, "line 2: {k}: .*cannot be read"),
        ("declare -x {k}=true\n", REFUSE, "line 1: {k}: .*cannot be read"),
        ("A=1 {k}=true\n{k}=false\n", REFUSE, "line 1: {k}: .*cannot be read"),
        ("A=1\u2028{k}=true\n{k}=false\n", REFUSE, "line 1: {k}: .*cannot be read"),
        ("set {k} true\n", REFUSE, "line 1: {k}: .*cannot be read"),
        ('{k}=false\n"{k}"=true\n', REFUSE, "line 2: {k}: .*cannot be read"),
        (
            "{k}=false\n\n{k}=FALSE\n",
            TELL,
            "line 3: {k}: expected one line, found lines 1, 3, of which line 3 wins; the suite changes all",
        ),
        ("{k}=true\n{k}=false\n", TELL, "they differ: line 1 holds 'true', line 2 holds 'false'"),
        ("export {k}=false\n", TELL, "docker run --env-file reads an error"),
        ("{k}='false'\n", TELL, "docker run --env-file reads \"'false'\""),
        ("{k} = false\n", TELL, "line 1: {k}: .*a shell reads nothing, Compose reads 'false'"),
        ("{k}=false", TELL, "expected a newline at its end"),
        ("{k}=false\t# x\n", TELL, r"a shell reads 'false', Compose reads 'false\\t# x'"),
        ("{k}=false\u00a0\n", TELL, r"a shell reads 'false\\xa0', Compose reads 'false'"),
        ('{k}="false"#x\n', TELL, "a shell reads 'false#x', Compose reads 'false'"),
        ("A=1\nNAME=it's\n{k}=false\n", TELL, "a shell reads nothing, for the quotation mark on line 2 is still open"),
        ("A=1 \\\n{k}=false\n", TELL, "systemd reads nothing, for the line above ends with a backslash"),
        ("# C:\\\n{k}=false\n", TELL, "systemd reads nothing, for the line above ends with a backslash"),
        ("'{k}'=false\n", TELL, "a shell reads nothing, Compose reads an error, for the whole file"),
        ("A=1 \\\\\\\n{k}=false\n", TELL, "systemd reads nothing, for the line above ends with a backslash"),
        (b"\n# \xe9\nUSE_NEW_STORAGE_ADAPTER=false\n", TELL, "expected UTF-8, found another encoding on line 2"),
    ],
)
def test_diagnosis(env, content, severity, says):
    found = diagnosis(env, content.format(k=KEY) if isinstance(content, str) else content)
    assert [sev for message, sev in found.items() if re.search(says.format(k=KEY), message)] == [severity], found


@pytest.mark.parametrize("line", [f"{KEY}: true", f"declare -x {KEY}=true", f'"{KEY}"=true', f"export A=1 {KEY}=true"])
def test_neither_set_nor_append_goes_past_a_line_that_another_reader_takes(env, line):
    env.path.write_text(f"{line}\n")
    with pytest.raises(EnvFileError, match=r"line 1 names .* cannot be read.*nothing was changed"):
        env.append({KEY: "false"}, "flags")
    env.path.write_text(f"{KEY}=false\n{line}\n")
    with pytest.raises(EnvFileError, match="line 2 names"):
        env.set(KEY, "true")
    env.path.write_text("A=1\n", encoding="utf-16")
    with pytest.raises(EnvFileError, match="zero bytes, as in UTF-16; nothing was changed"):
        env.append({KEY: "false"}, "flags")


def test_diagnosis_never_shows_values_of_other_keys(env):
    """`diagnosis` looks for the canary in every message."""
    assert len(diagnosis(env, f'X_TOKEN="{CANARY}\nexport {KEY}=maybe\r\n{KEY}=1\nY={CANARY}\n{CANARY}')) >= 4


@pytest.mark.timeout(5)
def test_a_missing_file_a_folder_a_pipe_and_a_dangling_link(env, tmp_path):
    assert "correct ENV_FILE" in str(*env.refusals([KEY]))
    env.path.symlink_to(tmp_path / "nowhere")
    assert "expected a file, found none" in str(*env.refusals([KEY]))
    assert "found Is a directory" in str(*EnvFile(tmp_path).refusals([KEY]))
    os.mkfifo(tmp_path / "nowhere")
    assert "no regular file" in str(*env.refusals([KEY]))
    with pytest.raises(EnvFileError, match="no regular file"):
        env.read()


def test_the_real_file_of_a_link_is_named(env, tmp_path):
    (tmp_path / "real.env").write_text(f"{KEY}=false\n")
    env.path.symlink_to("real.env")
    [finding] = env.diagnose([KEY])
    assert (finding.severity, str(tmp_path / "real.env") in str(finding)) == (TELL, True)


def test_an_unwritable_folder_refuses(env, monkeypatch):
    env.path.write_text(f"{KEY}=false\n")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "is not writable" in str(*env.refusals([KEY]))


# --- the readers, against the programs themselves

LINES = {
    "plain": f"{KEY}=false",
    "indented": f"  {KEY}=false",
    "exported": f"export {KEY}=false",
    "single quotes": f"{KEY}='false'",
    "double quotes": f'{KEY}="false"',
    "comment": f"{KEY}=false # x",
    "comment behind a tab": f"{KEY}=false\t# x",
    "no comment": f"{KEY}=false#x",
    "comment close to the quotes": f'{KEY}="false"#x',
    "no-break space behind": f"{KEY}=false\u00a0",
    "no-break space before": f"{KEY}=\u00a0false",
    "quoted key": f"'{KEY}'=false",
    "spaces": f"{KEY} = false",
    "space before the value": f"{KEY}= false",
    "two words": f"{KEY}=false true",
    "pieces": f"{KEY}=fa'ls'e",
}


def test_a_line_of_another_key_says_nothing_of_this_one():
    assert {read(key, "M=1") for key in "AZ" for read in (shell, compose, systemd, docker_run)} == {ABSENT}


OPENED = {"a'b\n": 1, "'a'": None, "# it's\n": None, "a#'\n": 2, r"\'": None, r'"a\"': 0, "'b' 'c": 4, " #'": None}


@pytest.mark.parametrize(("above", "at"), OPENED.items())
def test_a_quotation_mark_is_open_where_a_shell_takes_it_to_be(above, at):
    assert open_quote(f"{above}{KEY}=' # '", len(above)) == at


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_a_shell_reads_it_so(env, line):
    env.path.write_text(f"{line}\n")
    script = f'. "$0" 2>/dev/null; printf %s "${{{KEY}-{ABSENT}}}"'
    for program in ("bash", "sh"):
        done = subprocess.run([program, "-c", script, env.path], capture_output=True, check=True)
        assert done.stdout.decode() == shell(KEY, line)


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_python_dotenv_reads_it_so(env, line):
    env.path.write_text(f"{line}\n")
    [statement] = occurrences(f"{line}\n", KEY)
    assert dotenv_values(env.path)[KEY] == readings(statement)["python-dotenv"]


def test_compose_reads_them_so(env, tmp_path):
    if not shutil.which("docker") or subprocess.run(["docker", "compose", "version"], check=False).returncode:
        pytest.skip("docker compose is not here")
    file = tmp_path / "compose.yml"
    file.write_text(f"services: {{api: {{image: butler, env_file: {env.path.name}}}}}\n")

    def read(line):
        env.path.write_text(f"{line}\n")
        command = ["docker", "compose", "--file", file, "config", "--format", "json"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        return json.loads(done.stdout)["services"]["api"]["environment"].get(KEY) if done.stdout else REFUSED

    assert {line: read(line) for line in LINES.values()} == {line: compose(KEY, line) for line in LINES.values()}


BY_SYSTEMD = {
    "exported": ABSENT,
    "comment": "false # x",
    "comment behind a tab": "false\t# x",
    "no comment": "false#x",
    "comment close to the quotes": "false#x",
    "no-break space behind": "false\u00a0",
    "no-break space before": "\u00a0false",
    "quoted key": ABSENT,
    "two words": "false true",
    "pieces": "fa'ls'e",
}
"""What a unit's process had in its environment by `EnvironmentFile=`, in systemd 257; false for all others."""


@pytest.mark.parametrize("name", LINES)
def test_systemd_reads_it_so(name):
    assert systemd(KEY, LINES[name]) == BY_SYSTEMD.get(name, "false")
    assert systemd(KEY, f"{KEY}=fal\\se") == "false"


@pytest.fixture(scope="module")
def docker():
    """The docker command, before a stand-in for its daemon that notes the environment of what is created."""
    if not shutil.which("docker"):
        pytest.skip("the docker command is not here")

    created = []

    def daemon(asked):
        if post := asked.command == "POST":
            created.append(json.loads(asked.body)["Env"])
        body = '{"Id":"x","Warnings":[]}' if post else "" if asked.command == "HEAD" else "{}"
        return 201 if post else 200, body, {"Api-Version": "1.44", "Content-Type": "application/json"}

    with answering(daemon) as url:
        surroundings = {**os.environ, "DOCKER_HOST": url.replace("http", "tcp")}

        def create(path):
            created.clear()
            command = ["docker", "create", "--env-file", path, "image"]
            done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)
            if done.returncode:
                return done.stderr if created else REFUSED  # each version says so in other words
            return dict(each.partition("=")[::2] for each in created[0]).get(KEY, ABSENT)

        yield create


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_docker_run_reads_it_so(env, docker, line):
    env.path.write_text(f"{line}\n")
    assert docker(env.path) == docker_run(KEY, line)


def test_docker_run_refuses_a_file_of_another_encoding(env, docker):
    env.path.write_bytes(f"# \xe9\n{KEY}=false\n".encode("latin-1"))
    assert docker(env.path) == REFUSED
    with pytest.raises(UnicodeDecodeError):
        dotenv_values(env.path)


@pytest.mark.parametrize(
    "name, value",
    [
        ("plain", "false"),
        ("exported", "false"),
        ("single quotes", "false"),
        ("comment", "false"),
        ("comment behind a tab", "false\t# x"),
        ("no comment", "false#x"),
        ("comment close to the quotes", "false"),
        ("no-break space behind", "false"),
        ("quoted key", REFUSED),
        ("spaces", "false"),
    ],
)
def test_compose_reads_it_so_by_its_documentation_and_source(name, value):
    """Compose itself was not to be had; the lines of its page on env files, and its parser as it stands, were read."""
    assert compose(KEY, LINES[name]) == value


@pytest.mark.parametrize("line", [f"A='set {KEY}=true by hand'", f"A=1 # {KEY}=true later", f"A=x{KEY}=true"])
def test_a_value_that_speaks_of_a_flag_sets_none(env, line):
    assert diagnosis(env, f"{line}\n{KEY}=false\n") == {}
