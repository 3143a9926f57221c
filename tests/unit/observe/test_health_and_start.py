"""A service tells its health and its start in other ways than ours: by redirect, another path or body, no metric."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from served import answering
from small_target import small_target

from acceptance.observe.health import health_fault
from acceptance.observe.started import shown_by, starts
from acceptance.polling import poll
from acceptance.probes.clients import Clients
from acceptance.probes.health import PARTS
from acceptance.stages.readiness import _answers
from acceptance.target.file import TargetError
from acceptance.verdict import Inconclusive

RESTART = Path(__file__).parents[3] / "docs" / "restart.md"
PAGES = {
    "/slash": (307, "/slash/"),
    "/slash/": (200, "ok"),
    "/guarded": (302, "/login?next=/guarded"),
    "/login": (200, "Log in"),
    "/elsewhere": (307, "http://localhost:1/elsewhere"),
    "/round": (307, "/round/"),
    "/round/": (307, "/round"),
    "/ready": (204, ""),
    "/health": (200, '{"status":"DOWN"}'),
    "/sick": (200, '{"healthy": false, "checks": {}}'),
    "/text": (200, "not ready\n"),
    "/page": (200, "<!DOCTYPE html><title>Down for maintenance</title>"),
    "/well": (200, '{"status": "UP", "checks": {"tracing": {"status": "DOWN"}}, "error": null}'),
}


def pages():
    def page(asked):
        status, said = PAGES[asked.path.partition("?")[0]]
        return status, said if status == 200 else "", {"Location": said} if 300 <= status < 400 else {}

    return answering(page)


@pytest.mark.parametrize(
    ("declared", "fault"),
    [
        ("/slash", ""),
        ("/ready 204", ""),
        ("/ready", "204"),
        ("/guarded", "302, which leads to /login?next=/guarded"),
        ("/elsewhere", "307, which leads to http://localhost:1/elsewhere"),
        ("/round", "307, which leads to /round"),
        ("/health", "200 with 'DOWN' in its body"),
        ("/sick", "200 with False in its body"),
        ("/text", "200 with 'not ready"),
        ("/page", "200 with a page"),
        ("/well", ""),
        ('/health 200 {"status":"DOWN"}', ""),
        ("/page 200 maintenance", ""),
        ('/health 200 {"status":"UP"}', '200 without \'{"status":"UP"}\''),
    ],
)
def test_health_is_what_the_target_file_says(tmp_path, declared, fault):
    with pages() as url:
        found = health_fault(small_target(tmp_path, API_URL=url, API_HEALTH=f"'{declared}'").services["api"], 1)
    assert found.startswith(fault) if fault else found == ""


@pytest.mark.parametrize(
    ("variable", "straight", "named"),
    [("HTTP_PROXY", "", True), ("all_proxy", "", True), ("HTTP_PROXY", "127.0.0.1", False), ("HTTPS_PROXY", "", False)],
)
def test_a_proxy_of_our_own_environment_is_named(tmp_path, monkeypatch, variable, straight, named):
    """Else its answer looks like the service's, whose address is right."""
    monkeypatch.setenv(variable, "http://ann:secret@127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", straight)
    target = small_target(tmp_path)
    [found] = _answers(target.services["api"], target)
    assert (f"{variable.upper()} of this environment" in found.next_step, "secret" in str(found)) == (named, False)


def started(tmp_path, proof):
    target = small_target(tmp_path, HTTP_TIMEOUT_SECONDS="10", API_STARTED=f"'{proof}'")
    return starts(target.services["api"], target, None)


def test_a_health_that_hides_that_the_database_is_away_is_named_where_it_is_found_away(tmp_path):
    """A survey takes no database away to ask; where it is away, each service's health is held to it."""
    with pages() as url:
        hides = small_target(tmp_path, API_URL=url, API_HEALTH="/ready 204", BOT_URL=url, BOT_HEALTH="/ready")
        found = PARTS["mongodb"](Clients(hides))
    assert [(each.kind, each.subject) for each in found] == [("not well", "MongoDB"), ("health hides it", "butler-api")]


def test_start_is_read_from_proc_and_is_newer_after_a_restart(tmp_path):
    mark = f"mark-{os.getpid()}"
    looks = []
    for _ in range(2):
        with subprocess.Popen([sys.executable, "-c", "input()", mark], stdin=subprocess.PIPE) as process:
            looks.append(poll(lambda: started(tmp_path, f"process:input.*{mark}$"), bool, 5))
            assert looks[-1] == started(tmp_path, f"process:input.*{mark}$")
            process.kill()
        next_tick = looks[-1][0] + 2 / os.sysconf("SC_CLK_TCK")  # `/proc` tells hundredths of a second
        poll(time.time, next_tick.__lt__, 5)
    assert [len(look) for look in looks] == [1, 1]
    assert looks[0] < looks[1]
    assert started(tmp_path, f"process:input.*{mark}$") == []


@pytest.mark.parametrize(
    ("program", "said", "times"),
    [
        # Docker 26.1.5 and Podman 5.4.2, of which the second runs nothing; Docker drops zeros at the end.
        ("docker", '"2026-11-30T00:01:01.66421488Z"\\n\\n', [1795996861.664214]),
        ("docker", '"2026-11-30T01:01:08.874509938+01:00"\\n\\n', [1795996868.874509]),
        ("docker", "", []),
        ("kubectl", "2026-03-01T11:00:00+01:00 1772359205", [1772359200.0, 1772359205.0]),
        # kubectl 1.20.0, 1.27.16 and 1.33.1 in a rollout: the old pod terminates.
        ("kubectl", "2026-11-30T03:13:22Z 2026-11-30T02:13:20Z", [1796004800.0, 1796008402.0]),
    ],
)
def test_start_is_what_a_program_tells(tmp_path, monkeypatch, program, said, times):
    stub(tmp_path, monkeypatch, program, f"echo a warning >&2; printf '{said}'")
    (recipe,) = re.findall("`(command:kubectl [^`]*)`", RESTART.read_text())
    proof = {"docker": "docker:one two", "kubectl": recipe}[program]
    assert started(tmp_path, proof) == times


# As systemd 252 and 257 show it.
UNITS = {
    "runs": ("active", 124, 17392376259, 1),
    "ended, and is to remain": ("active", 0, 17398664232, 0),
    "failed": ("failed", 0, 17399868186, 0),
    "waits to be started again": ("activating", 0, 14970618967, 0),
    "not found": ("inactive", 0, 0, 0),
}


@pytest.mark.parametrize("state, main, at, count", UNITS.values(), ids=UNITS)
def test_start_of_a_unit_counts_only_while_its_process_runs(tmp_path, monkeypatch, state, main, at, count):
    shown = f"MainPID={main}\\nExecMainStartTimestampMonotonic={at}\\nActiveState={state}\\n"
    stub(tmp_path, monkeypatch, "systemctl", f"printf '{shown}'")
    assert len(started(tmp_path, r"systemd:butler@1.service butler\x20api")) == count


@pytest.mark.parametrize("line", ["echo soon", "echo 2026-03-01T10:00:00", "echo broken >&2; exit 3"])
def test_what_tells_no_time_is_no_data(tmp_path, monkeypatch, line):
    stub(tmp_path, monkeypatch, "kubectl", line)
    with pytest.raises(Inconclusive, match="kubectl"):
        started(tmp_path, "command:kubectl get pods")


@pytest.mark.parametrize(
    "key, value",
    [
        ("API_STARTED", "docker"),
        ("API_STARTED", "metric:used"),
        ("API_STARTED", "process:("),
        ("API_HEALTH", "up"),
        ("API_URL", "http://ann:secret@127.0.0.1"),
    ],
)
def test_other_forms_are_refused(tmp_path, key, value):
    with pytest.raises(TargetError, match=key):
        small_target(tmp_path, **{key: value})


def test_what_shows_the_start_is_told(tmp_path):
    api = small_target(tmp_path, API_STARTED="systemd:butler-api").services["api"]
    assert shown_by(api) == "«systemd:butler-api»"


def stub(folder, monkeypatch, name, line):
    program = folder / name
    program.write_text(f"#!/bin/sh\n{line}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
