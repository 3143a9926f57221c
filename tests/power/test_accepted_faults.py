"""A stage that goes bad after its acceptance, when nobody watches it any more, is red when the run ends.

Its flag stays on, and the reason says how to roll it back.
"""

import shlex
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from dependencies.disturbed import running
from held_lab import SHORT, broken, held_lab, retold

from acceptance.envfile.file import EnvFile
from acceptance.events import read_events
from acceptance.polling import poll
from acceptance.probes.clients import Clients
from acceptance.target.loading import load_target
from lab.faults import switch
from power.stage_run import StageRun
from power.table import await_no_alerts, restart

STAGE = "21_01a"
WHOLE, EXIT = f"ops_tests/stage_{STAGE}", "ops_tests/post_deployment/test_exit_gate.py"
"""A whole stage that is deployed, and the checks that look back at it."""
PARTS = (WHOLE, EXIT, "--mode=deploy")
WITHIN_S = 400
TICKET = ("--mode=deploy", "--ticket=CHG-1")
SINCE = {
    "test_accepted_stage_shows_no_errors_since[21_01a]",
    "test_accepted_stage_is_within_its_slo_since[21_01a]",
    "test_trigger_did_not_hold_in_an_accepted_stage_since[error-rate]",
    "test_trigger_did_not_hold_in_an_accepted_stage_since[latency]",
}
RED = {f"post_deployment::{name}" for name in SINCE}
FAULTS = ("dialog-errors", "dialog-slow")


@pytest.fixture(scope="module")
def lab():
    with held_lab() as held:
        # A soak of few messages proves no increase afterwards.
        yield retold(held, "quick", **SHORT | {"SOAK_SECONDS": "20"})


@pytest.fixture
def target_file(lab):
    """The lab's target file; afterwards the services run as before."""
    target = load_target(lab)
    env_file, before = target.env_file, target.env_file.read_bytes()
    await_no_alerts(lab)
    yield lab
    for name in FAULTS:
        switch(lab.parent, name, on=False)
    env_file.write_bytes(before)
    restart(lab)


def users_write(target_file: Path, messages: int = 400) -> None:
    """Have users send messages: so many that twice the allowed share of errors cannot be chance."""
    butler = Clients(load_target(target_file), "").butler
    with ThreadPoolExecutor(16) as users:
        list(users.map(lambda number: butler.say(f"user-{number}", "Hello"), range(messages)))


def accepted_then(spoil: Callable[[], object], target_file: Path, reports: Path) -> StageRun:
    """Deploy the stage, and spoil the target once its flag is left enabled."""
    with running(target_file, reports, *PARTS) as run:
        assert poll(lambda: kept(reports), bool, 300), f"the stage was not accepted:\n{run.output}"
        spoil()
        return run.finish(WITHIN_S)


def kept(reports: Path) -> bool:
    logs = [read_events(path) for path in reports.glob("*/events.jsonl")]
    return any(event.kind == "stage.finished" and event.data["kept"] for log in logs for event in log)


def test_stage_that_is_not_used_any_more_in_spite_of_our_requests_is_not_good(target_file, tmp_path):
    env = EnvFile(load_target(target_file).env_file)

    def spoil():
        target = load_target(target_file)
        env.set(target.flags[STAGE], "false")
        # The bot alone: what is down for long is blind, and not unused.
        subprocess.run(shlex.split(target.service("bot").restart), cwd=target.infra_dir, check=True)

    run = accepted_then(spoil, target_file, tmp_path)
    found = {name: reason for name, reason in run.red if name.endswith(f"since[{STAGE}]")}
    assert len(found) == 2, run.explain()
    for reason in found.values():
        assert "INCONCLUSIVE: 21_01a, now: " in reason, reason
        assert "expected at least 1 event to judge by, found 0" in reason, reason
    # A restart that is none of the suite's is a trigger that held (5), if it was slow enough for its three looks.
    assert run.code in (1, 10), run.explain()


def test_stage_of_an_earlier_run_is_judged_by_its_ticket(target_file, tmp_path):
    """Each stage is a run of its own; the one that looks back at the end must not know less for it."""
    target = load_target(target_file)
    with running(target_file, tmp_path, WHOLE, *TICKET) as run:
        first = run.finish(WITHIN_S)
    assert (first.code, first.outcome) == (0, "GO"), first.explain()
    with broken(target_file, *FAULTS):
        users_write(target_file)
        with running(target_file, tmp_path, EXIT, *TICKET) as run:
            second = run.finish(WITHIN_S)
    assert second.failed.keys() >= SINCE, second.explain()
    EnvFile(target.env_file).set(target.flags[STAGE], "false")
    with running(target_file, tmp_path, EXIT, *TICKET, "-kflags_were_enabled") as run:
        third = run.finish(WITHIN_S)
    assert "21_01a, accepted: expected USE_NEW_DIALOG_CONTEXT_REPO on, found it off" in third.reason, third.explain()


def test_stage_that_fails_after_its_acceptance_is_red_at_the_end(target_file, tmp_path):
    target = load_target(target_file)

    def spoil():
        for name in FAULTS:
            switch(target_file.parent, name, on=True)
        users_write(target_file)

    run = accepted_then(spoil, target_file, tmp_path)
    red = dict(run.red)
    assert red.keys() >= SINCE, run.explain()
    flag = target.flags[STAGE]
    for name in SINCE:
        assert f"no longer good: {STAGE}, " in red[name], red[name]
        assert f"{flag} is on; roll it back by hand, now: " in red[name], red[name]
    assert {"acceptance.3", "acceptance.4", "trigger.1", "trigger.2"} <= run.red_items
    assert (run.code, run.outcome, EnvFile(target.env_file).flag(flag)) == (1, "NO-GO", True), run.explain()
