"""Logs: what is not seen is not "no errors"."""

import json
import os
from datetime import UTC, datetime, timedelta

import pytest

from acceptance.observe.logs import Logs
from acceptance.verdict import Inconclusive

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


def line(event, minutes=0, **fields):
    at = (NOON + timedelta(minutes=minutes)).isoformat()
    return json.dumps({"timestamp": at, "level": "INFO", "event": event, **fields}) + "\n"


@pytest.fixture
def logs(tmp_path):
    path = tmp_path / "api.log"

    def make(text):
        path.write_text(text)
        return Logs(f"file://{path}")

    return make


def events(found):
    return [entry.event for entry in found]


def test_lines_since_a_moment(logs):
    assert events(logs(line("before", -1) + line("at") + line("after", 1)).since(NOON)) == ["at", "after"]


def test_only_the_events_asked_for(logs):
    text = line("path_traversal") + line("archive_stored")
    assert events(logs(text).since(NOON, ["path_traversal"])) == ["path_traversal"]


def test_zone_of_the_service_does_not_matter(logs):
    local = json.dumps({"timestamp": "2026-11-28T13:30:00+01:00", "event": "half_past"}) + "\n"
    assert events(logs(local).since(NOON)) == ["half_past"]


def test_stack_trace_outside_the_logger_is_an_error_of_that_time(logs):
    crash = line("request", -1) + "Traceback (most recent call last):\n" + line("next", 1) + "  wrapped at 80 columns\n"
    assert events(logs(crash).since(NOON - timedelta(minutes=2))) == ["request", "unparsed", "next"]
    assert events(logs(crash).since(NOON)) == ["next"]


@pytest.mark.parametrize("text", ["", "not json at all\n"], ids=["empty", "no-json"])
def test_log_without_a_line_is_inconclusive(logs, text):
    with pytest.raises(Inconclusive, match="an empty log proves nothing"):
        logs(text).since(NOON)


def test_quiet_log_with_older_lines_is_really_quiet(logs):
    assert logs(line("before", -1)).since(NOON) == []


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("file:///nowhere/api.log", "cannot be read"),
        ("docker://no-such-container", "docker"),
        ("syslog://x", "expected file"),
    ],
)
def test_source_out_of_reach_is_inconclusive(source, told):
    with pytest.raises(Inconclusive, match=told):
        Logs(source).since(NOON)


def test_docker_is_asked_for_both_streams_in_utc(tmp_path, monkeypatch):
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\necho \'{line("args").strip()[:-1]}, "args": "\'"$*"\'"}}\' >&2\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = Logs("docker://butler-api").since(NOON)
    assert found[0].fields["args"] == "logs butler-api --since 2026-11-28T12:00:00Z"  # the real one logs to stderr
