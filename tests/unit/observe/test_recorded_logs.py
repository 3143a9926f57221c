"""What Docker, Podman and journald really printed of one service; `recorded/` has it with long runs
shortened, and in UTF-8."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from acceptance.observe.logs import Logs
from acceptance.verdict import Inconclusive

RECORDED = Path(__file__).parent / "recorded"
SAID = [
    "up",
    "ERROR in colour",
    "not UTF-8: \ufffd\ufffd",
    "a name with \u2028 ERROR and \x85 in it",
    "a name with \u2028 ERROR alone in it",
    "m" * 50_000,
    "to the other output",
    "ends with a carriage return",
    "50 %\r100 %",
]
SINCE = datetime(2026, 11, 29, 12, tzinfo=UTC)
SOURCES = {
    "docker-26.1.5": ("docker", "docker://api"),
    "podman-5.4.2": ("docker", "docker://api"),
    "journalctl-257": ("journalctl", "journald://api"),
}


@pytest.fixture(params=SOURCES)
def logs(request, tmp_path, monkeypatch):
    program, source = SOURCES[request.param]
    for number, output in enumerate(("out", "err"), start=1):
        file = RECORDED / f"{request.param}.{output}"
        text = file.read_bytes() if file.exists() else b""
        whole = re.sub(rb"\{(.)\*(\d+)\}", lambda run: run[1] * int(run[2]), text).replace(b"{ff fe}", b"\xff\xfe")
        (tmp_path / str(number)).write_bytes(whole)
    stub(tmp_path, monkeypatch, program, f"cat {tmp_path}/1; cat {tmp_path}/2 >&2")
    return Logs(source)


def stub(folder, monkeypatch, name, line):
    (folder / name).write_text(f"#!/bin/sh\n{line}\n")
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_lines_are_read_as_the_service_wrote_them(logs):
    lines = logs.read(SINCE).lines
    assert {each for each in SAID if not any(line.message.startswith(each) for line in lines)} == set()
    (long,) = [line for line in lines if line.event == "long"]
    assert (long.level, long.message) == ("ERROR", "m" * 50_000)
    assert all(line.at for line in lines)


def test_what_systemd_says_of_a_unit_is_no_error_for_its_description_has_the_word(tmp_path, monkeypatch):
    stub(tmp_path, monkeypatch, "journalctl", f"cat '{RECORDED / 'journalctl-257.out'}'")
    told = [line for line in Logs("journald://api").read(SINCE).lines if "butler-rec" in line.message]
    assert [(line.level, line.is_error) for line in told] == [("INFO", False)] * 5 + [("WARNING", False)] * 2


def test_a_journal_that_an_account_may_not_see_is_no_empty_one(tmp_path, monkeypatch):
    hint = "Hint: You are currently not seeing messages from other users and the system."
    stub(tmp_path, monkeypatch, "journalctl", f"echo '{hint}' >&2")
    with pytest.raises(Inconclusive, match="not seeing messages from other users"):
        Logs("journald://api").read(SINCE)


def test_a_time_that_a_service_wrote_itself_stays_in_its_line(tmp_path, monkeypatch):
    wrote = (
        "2026-11-30T00:01:01.751913442Z started 2026-11-30T00:01:01.740000000Z until 2026-12-30T00:00:00.000000000Z ok"
    )
    stub(tmp_path, monkeypatch, "docker", f"echo '{wrote}'")
    (line,) = Logs("docker://api").read(SINCE).lines
    assert line.message == wrote.partition(" ")[2]
