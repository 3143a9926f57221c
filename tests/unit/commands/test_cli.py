"""What a command says first, and its exit code, for each way in which it can end."""

import json
import signal

import pytest
from small_target import small_target

import acceptance.commands.cli
from acceptance.commands.cli import Answer, main
from acceptance.finding import Finding
from acceptance.verdict import Inconclusive, MutationFailed, RecoveryNeeded, Refused, RollbackFailed

FOUND = Finding("unlike", "archives", "none", "3")


@pytest.fixture
def command(tmp_path, capsys):
    """Run a command that ends in a given way; gives exit code, standard output and standard error."""
    source = small_target(tmp_path).source

    def run(ends, *arguments):
        def act(*_):
            if isinstance(ends, Exception):
                raise ends
            return ends

        code = main("Try it.", act, argv=["--target", str(source), *arguments])
        return code, *capsys.readouterr()

    return run


@pytest.mark.parametrize(
    ("ends", "code", "word"),
    [
        (Answer([FOUND], ""), 1, "FAIL"),
        (MutationFailed("did not come back"), 1, "FAIL"),
        (Inconclusive("no samples"), 2, "INCONCLUSIVE"),
        (Refused("target in use"), 2, "REFUSED"),
        (RecoveryNeeded("journal is open"), 2, "REFUSED"),
        (PermissionError("not yours"), 2, "REFUSED"),
        (RollbackFailed("still on"), 12, "ROLLBACK FAILED"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_ending_that_is_not_good_has_its_word_and_code(command, ends, code, word):
    text = ends.findings[0] if isinstance(ends, Answer) else str(ends)
    assert command(ends) == (code, "", f"{word}: {text}\n")


@pytest.mark.parametrize(("ends", "code"), [(Answer([], "good"), 0), (RollbackFailed("still on"), 12)])
def test_a_signal_while_the_verdict_is_said_changes_nothing(command, monkeypatch, ends, code):
    """Pressed a moment too late: the commands to finish by hand are said all the same."""
    say = acceptance.commands.cli._say
    told = lambda *args: signal.raise_signal(signal.SIGINT) or say(*args)  # noqa: E731
    monkeypatch.setattr(acceptance.commands.cli, "_say", told)
    try:
        assert command(ends)[0] == code
    except KeyboardInterrupt:
        pytest.fail("the verdict was not said")


def test_good_ending_goes_to_standard_output(command):
    assert command(Answer([], "2 archives")) == (0, "PASS: 2 archives\n", "")


def test_failed_rollback_is_told_to_machines_without_secrets(command):
    code, out, _ = command(RollbackFailed("mongodb://u:pw-1234@host did not answer"), "--json")
    said = json.loads(out)
    assert (code, said["verdict"], "pw-1234" in out) == (12, "ROLLBACK FAILED", False)
