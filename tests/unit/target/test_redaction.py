"""One factory for every program: what a target's redactor hides, and which secrets are too weak for it."""

import json

import pytest
from small_target import BEFORE, FLAG, small_target

from acceptance.commands import cli
from acceptance.conduct.manual_recovery import by_hand_commands
from acceptance.finding import Finding
from acceptance.target.by_hand import recover
from acceptance.target.redaction import redactor, weak_secrets

STRONG = "q7Fz-unbroken-0815"


def with_secrets(folder, **secrets):
    return small_target(folder, BEFORE + "".join(f"{key}={value}\n" for key, value in secrets.items()))


def test_secrets_of_target_file_env_file_and_environment_are_hidden(tmp_path, monkeypatch):
    monkeypatch.setenv("SMTP_PASSWORD", "of-the-environment")
    hide = redactor(with_secrets(tmp_path, PG_PASS=STRONG))
    assert set(hide.text(f"{STRONG} grafana-pw of-the-environment").split()) == {"[redacted]"}


@pytest.mark.parametrize(
    "weak", ["butler", "21", "production", "api", "restart", "here", "store", "{folder}", "printf", "recover"]
)
def test_a_weak_secret_spoils_no_name_path_or_command_and_is_told(tmp_path, weak):
    """It is a part of a service's name, a stage, a path or a make target; beside its own name it is hidden still."""
    weak = weak.format(folder=tmp_path.name)
    target = with_secrets(tmp_path, PG_PASS=weak, OTHER_TOKEN=STRONG)
    hide = redactor(target)
    commands = [*by_hand_commands(target, "api", FLAG), recover(target.source)]
    told = [*commands, "stage 21_01c of butler-api in production", str(target.source)]
    assert [hide.text(each) for each in told] == told
    assert hide.text(f"PG_PASS={weak} {STRONG}") == "PG_PASS=[redacted] [redacted]"
    [finding] = weak_secrets(target)
    assert finding.subject == "PG_PASS"


def test_a_secret_in_a_command_is_not_taken_for_a_common_word(tmp_path):
    target = small_target(tmp_path, f"{BEFORE}PG_PASS={STRONG}\n", RESTART_API=f"curl -u admin:{STRONG} http://h/r")
    assert weak_secrets(target) == []
    assert STRONG not in redactor(target).text(target.services["api"].restart)


def test_scripts_hide_the_env_files_secrets(tmp_path, capsys):
    target = with_secrets(tmp_path, PG_PASS=STRONG)

    def act(target, _):
        return cli.Answer([Finding("leak", "the log", "no secret", STRONG)], "", {"log": STRONG})

    for form in ([], ["--json"]):
        assert cli.main("doc", act, argv=["--target", str(target.source), *form]) == 1
    said = "".join(capsys.readouterr())
    assert (STRONG in said, said.count("[redacted]")) == (False, 4)
    assert json.loads(said.splitlines()[0])["verdict"] == "FAIL"
