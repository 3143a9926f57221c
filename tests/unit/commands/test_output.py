"""A command whose output nobody reads any more ends quietly, and what it says by then is no verdict."""

import os
import subprocess
import sys

import pytest
import record_samples as samples
from record_scripts import SCRIPTS
from small_target import small_target

from acceptance.commands import cli
from acceptance.commands.cli import Answer
from acceptance.finding import Finding
from acceptance.record.publish import publish
from acceptance.verdict import RollbackFailed


@pytest.fixture
def closed():
    """The writing end of a pipe whose reader is gone."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as stream:
        yield stream


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["record.py index", "record.py verify", "record.py log", "watch.py --once"])
def test_command_ends_as_by_the_pipe(command, unbuffered, tmp_path, closed):
    publish(samples.go(tmp_path / "run"))
    name, *words = command.split()
    argv = [sys.executable, SCRIPTS / name, *words, tmp_path if words == ["index"] else tmp_path / "run"]
    env = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(argv, stdout=closed, stderr=subprocess.PIPE, text=True, check=False, env=env)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(
    ("ends", "code"),
    [(Answer([], "good"), 141), (Answer([Finding("a", "b", "c", "d")], ""), 1), (RollbackFailed("x"), 12)],
)
def test_trouble_keeps_its_code_though_nobody_reads_the_words(ends, code, tmp_path, closed, monkeypatch):
    def act(*_):
        if isinstance(ends, Exception):
            raise ends
        return ends

    argv = ["--target", str(small_target(tmp_path).source)]
    monkeypatch.setattr(sys, "stdout", closed)
    monkeypatch.setattr(sys, "stderr", closed)
    assert cli.main("Try it.", act, argv=argv) == code
