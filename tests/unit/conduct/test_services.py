"""Commands of a target: what they say, and that they end."""

import os
import pty
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from dependencies.faulty import server
from small_target import small_target

from acceptance import process
from acceptance.conduct.services import Restarter
from acceptance.observe.prometheus import Sample
from acceptance.polling import poll
from acceptance.verdict import Inconclusive, MutationFailed, NothingRestarted


class BlindPrometheus:
    """A Prometheus that is out of reach."""

    def process_starts(self, job, at=None):
        raise Inconclusive("Prometheus does not answer")


class OldProcess:
    """A Prometheus that sees one process, whatever is restarted; as another service's it may scrape the new one."""

    def __init__(self, **others):
        self.others = others

    def process_starts(self, job, at=None):
        return [self.others.get(job.replace("-", "_"), 7.0)]


class OneOfTwo:
    """A Prometheus that sees two instances, of which a restart reaches one, or of which one does not come back."""

    def __init__(self, *after, unit=1.0):
        self.looks = [[each * unit for each in look] for look in ([7.0, 8.0], after)]

    def process_starts(self, job, at=None):
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]


@pytest.fixture
def target(tmp_path):
    return small_target(tmp_path, RESTART_TIMEOUT_SECONDS="1")


def alive(pid):
    with suppress(OSError):
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return False


def test_command_gives_code_and_output(target):
    assert process.run("sh -c 'echo out; echo err >&2; exit 3'", target.infra_dir, 1) == (3, "out\nerr\n")


def test_command_that_cannot_run_is_127(target):
    assert process.run("no-such-command-here", target.infra_dir, 1)[0] == 127
    assert process.run("'unbalanced", target.infra_dir, 1)[0] == 127


def test_command_that_does_not_end_is_killed_with_all_that_it_started(target, tmp_path):
    begin = time.monotonic()
    code, said = process.run("sh -c 'sleep 60 & echo $! > child; wait'", target.infra_dir, 1)
    assert (code, time.monotonic() - begin < 10) == (124, True), said
    child = int((tmp_path / "child").read_text())
    assert not poll(lambda: alive(child), lambda there: not there, 5)


def test_command_that_may_not_be_killed_is_told_and_not_waited_for(target, monkeypatch):
    """As one that runs by sudo: its process is root's. What it asked for is told too."""
    pids = []

    def forbidden(pid, _):
        pids.append(pid)
        raise PermissionError("not permitted")

    with monkeypatch.context() as patch:
        patch.setattr("os.killpg", forbidden)
        code, said = process.run("sh -c 'echo name a host; exec sleep 60'", target.infra_dir, 1)
    os.kill(pids[0], 9)
    told = "could not be killed (not permitted), so it may still be at work" in said, "name a host" in said
    assert (code, told) == (124, (True, True)), said


def test_command_that_asks_at_the_terminal_gets_no_answer_and_does_not_wait(target):
    """A password of sudo or ssh, in a recovery that somebody started by hand."""
    code = f"from acceptance.process import run; print(run('sh -c \"read x < /dev/tty\"', '{target.infra_dir}', 9))"
    pid, terminal = pty.fork()
    if not pid:
        os.execv(sys.executable, [sys.executable, "-c", code])
    said = b""
    with suppress(OSError):  # how a terminal ends
        while part := os.read(terminal, 4096):
            said += part
    os.waitpid(pid, 0)
    assert (b"/dev/tty" in said, b"(124" in said) == (True, False), said


def test_command_that_leaves_a_daemon_behind_is_not_waited_for(target, tmp_path):
    code, said = process.run("sh -c 'sleep 30 & echo $! > child; echo started'", target.infra_dir, 1)
    os.kill(int((tmp_path / "child").read_text()), 9)
    assert (code, said) == (0, "started\n")


@pytest.mark.parametrize(
    ("command", "told"), [("sh -c 'echo no rule; exit 2'", "ended with 2.*no rule"), ("true", "200 of .*/health")]
)
def test_restart_that_does_not_take_says_so_in_time(tmp_path, command, told):
    target = small_target(tmp_path, RESTART_API=command, API_URL="http://127.0.0.1:1", RESTART_TIMEOUT_SECONDS="1")
    begin = time.monotonic()
    with pytest.raises(MutationFailed, match=told):
        Restarter(target, BlindPrometheus()).restart("api", need_proof=False)
    assert time.monotonic() - begin < 10


@pytest.fixture
def healthy(tmp_path):
    """A target whose API answers, and whose restart does nothing."""
    with server(lambda _: (200, "application/json", b"{}")) as url:
        # Long enough for one slow look at /health on a busy machine: only what Prometheus sees may be missing.
        yield small_target(tmp_path, RESTART_API="true", API_URL=url, RESTART_TIMEOUT_SECONDS="5")


@pytest.mark.parametrize(
    ("others", "told"), [({}, r"log$"), ({"butler_bot": 9e9}, "as job butler-bot: a process began there since$")]
)
def test_restart_that_leaves_the_old_process_running_is_none(healthy, others, told):
    with pytest.raises(NothingRestarted, match=rf"newer than 1970-01-01 00:00:07 UTC; .*{told}"):
        Restarter(healthy, OldProcess(**others)).restart("api")


@pytest.mark.parametrize("after", [(7.0, 9.0), (8.0, 9.0), (9.0,)], ids=["left-out", "equal", "one-is-gone"])
def test_restart_of_one_instance_of_two_is_none(healthy, after):
    seen = ", ".join(f"1970-01-01 00:00:0{each:g} UTC" for each in after)
    with pytest.raises(
        MutationFailed, match=rf"job butler-api\) shows 2 processes newer than .* 00:00:08 UTC; found {seen}; look"
    ) as failed:
        Restarter(healthy, OneOfTwo(*after)).restart("api")
    assert failed.type is MutationFailed  # and not that nothing was restarted


@pytest.mark.parametrize("unit", [1.0, 1e12], ids=["seconds", "later-than-any-clock"])
def test_restart_of_both_instances_is_one(healthy, unit):
    done = Restarter(healthy, OneOfTwo(9.0, 10.0, unit=unit)).restart("api")
    assert [(one.started_before, one.started_after, one.proved) for one in done] == [(8 * unit, 9 * unit, True)]


def test_rollback_needs_no_prometheus_and_a_change_does(healthy):
    restarter = Restarter(healthy, BlindPrometheus())
    assert [one.proved for one in restarter.restart("api", need_proof=False)] == [False]
    with pytest.raises(MutationFailed, match=r"shows a process; found no answer: Prometheus does not answer; look"):
        restarter.restart("api")


class Unscraped:
    """A Prometheus that does not answer."""

    def clock(self):
        raise Inconclusive("Prometheus does not answer")

    instant = process_starts = lambda self, *_: self.clock()


def test_a_restart_shown_by_a_command_needs_a_scrape_too_and_a_rollback_does_not(tmp_path):
    with server(lambda _: (200, "application/json", b"{}")) as url:
        told = tmp_path / "starts"
        told.write_text("7.0\n")
        settings = {"API_STARTED": f"'command:cat {told}'", "RESTART_API": f"'cp {tmp_path}/new {told}'"}
        restarter = Restarter(small_target(tmp_path, API_URL=url, RESTART_TIMEOUT_SECONDS="5", **settings), Unscraped())
        (tmp_path / "new").write_text("9.0\n")
        assert [one.proved for one in restarter.restart("api", need_proof=False)] == [True]
        (tmp_path / "new").write_text("11.0\n")
        with pytest.raises(Inconclusive, match="Prometheus"):
            restarter.restart("api")
        (tmp_path / "new").write_text("11.0\n")
        with pytest.raises(MutationFailed, match=r"shows a process newer than .* 00:00:11 UTC"):
            restarter.restart("api", need_proof=False)


class GoneSince:
    """A Prometheus that saw the process and its scrapes before a restart, and nothing new since."""

    def __init__(self, scrapes, starts=(7.0,)):
        self.scrapes, self.starts = list(scrapes), [[7.0], list(starts)]

    def process_starts(self, job, at=None):
        return self.starts[at is None]

    def instant(self, query, at=None):
        found = self.scrapes[at is None]
        if found is None:
            raise Inconclusive("Prometheus does not answer")
        return [Sample({}, found, found)]


@pytest.fixture
def quick(target, monkeypatch):
    """One healthy service, whose restart does nothing but to note when it was."""
    monkeypatch.setattr("acceptance.conduct.services.is_healthy", lambda *_: True)
    api = replace(target.services["api"], restart=f"touch {target.infra_dir}/restarted")
    return replace(target, services={"api": api}, restart_timeout_s=0.3)


@pytest.mark.parametrize(
    ("prometheus", "known"),
    [
        (GoneSince((5.0, 5.0)), False),
        (GoneSince((5.0, None)), False),
        (GoneSince((5.0, 9.0), starts=()), False),  # it scrapes, and without success: the service answers all the same
        (GoneSince((5.0, 9.0)), True),
    ],
    ids=["stale", "gone", "scrapes in vain", "sees the old process"],
)
def test_rollback_is_done_where_prometheus_sees_nothing_and_not_where_it_sees_the_old_process(quick, prometheus, known):
    restarter = Restarter(quick, prometheus)
    if known:
        with pytest.raises(MutationFailed, match=r"Prometheus .* shows a process"):
            restarter.restart("api", need_proof=False)
    else:
        assert restarter.restart("api", need_proof=False)[0].started_after is None


def test_rollback_restarts_at_once_and_takes_the_late_answer_of_a_slow_prometheus(quick, monkeypatch):
    """The answer comes once the new process was scraped, and must be of the moment before."""
    monkeypatch.setattr("acceptance.conduct.services._GLANCE_S", 0.01)
    restarted = quick.infra_dir / "restarted"

    class Slow(GoneSince):
        def process_starts(self, job, at=None):
            assert at is None or poll(restarted.exists, bool, 5), "the restart waits for Prometheus"
            return super().process_starts(job, at)

    done = Restarter(quick, Slow((5.0, 9.0), starts=(9.0,))).restart("api", need_proof=False)[0]
    assert (done.started_before, done.started_after, done.proved) == (7.0, 9.0, True)
