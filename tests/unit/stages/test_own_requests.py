"""What earlier runs of the suite left in a log is ours too for who looks back; what users left is not."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
import record_samples as samples
from record_writer import START, TARGET, run
from small_target import small_target

from acceptance.conduct.testdata import trace_prefix
from acceptance.observe.log_comparison import compared
from acceptance.observe.log_lines import LogLine
from acceptance.record.publish import publish
from acceptance.stages.own_requests import OwnRequests
from acceptance.verdict import Verdict

EARLIER, OWN = "ops11111111", "ops22222222"
CHANGE, NOW = START + timedelta(seconds=-2), START + timedelta(minutes=5)


def error(seconds, event="unhandled_error", trace="", message="boom"):
    at = START + timedelta(seconds=seconds)
    return LogLine(at, event, "ERROR", trace, {"message": message}, message)


def of_run(prefix, seconds):
    return error(seconds, trace=trace_prefix(prefix) + "0" * 16)


def server(seconds):
    """The line of the web server, which knows of no trace id."""
    return error(seconds, "server", message="Exception in ASGI application")


def between(begin, end):
    """The same where the web server writes no time: its neighbours show when it was."""
    return replace(server(10), at=None, after=server(begin).at, before=server(end).at)


@pytest.fixture
def leave_out(tmp_path):
    """Makes a record of an earlier run, one request of which broke HTTP 10 s after its start."""

    def of(trace_header="traceparent", service="butler-api", harm="", **facts):
        folder = tmp_path / "staging-20251129T020411Z-7c1e"
        with run(folder, checks=[], prefix=EARLIER, ticket="", mode="rehearse", **facts) as writer:
            writer.say("http.broken", pause=9.8, service="butler-api", seconds=1.0)
            if harm != "killed":
                samples.end_run(writer, "GO", 0, "all passed")
        if harm != "killed":
            publish(folder)
        if harm == "cut":  # by who copied it
            log = folder / "events.jsonl"
            log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-1]))
        own = tmp_path / "staging-20251129T060000Z-0001"
        with run(own, checks=[]):
            pass
        target = small_target(tmp_path, TRACE_HEADER=trace_header)
        hand = SimpleNamespace(folder=own, prefix=OWN, events=own / "events.jsonl")
        return OwnRequests(target, hand).leave_out(SimpleNamespace(name=service))

    return of


PROVOKED = [of_run(EARLIER, 10), server(10), of_run(EARLIER, 40), of_run(OWN, 60), error(90, message=f"{EARLIER}-x")]
OF_USERS = {
    "traced": ([*PROVOKED, error(10, trace="ab" * 16), server(10)], 2),
    "of-the-same-kind": ([server(10), server(10)], 1),
    "a-moment-later": ([server(10), error(12, "server", message="cannot write")], 1),
    "of-a-kind-that-comes-at-other-times": ([server(10), server(50)], 2),
    "at-another-time": ([server(30)], 1),
    "perhaps-at-another-time": ([between(10, 30)], 1),
}


@pytest.mark.parametrize("harm", ["", "killed"])
@pytest.mark.parametrize("trace_header", ["traceparent", ""], ids=["traced", "no-trace-ids"])
def test_what_earlier_runs_provoked_is_left_out(trace_header, harm, leave_out):
    lines = PROVOKED if trace_header else [between(9, 11), error(10), *PROVOKED[4:]]
    found = compared("api", lines, CHANGE, CHANGE, NOW, foreign=leave_out(trace_header, harm=harm))
    assert (found.errors, found.judged().verdict) == ((), Verdict.PASS)


@pytest.mark.parametrize(("lines", "seen"), OF_USERS.values(), ids=OF_USERS)
def test_error_of_a_user_in_the_same_time_is_seen(lines, seen, leave_out):
    found = compared("api", lines, CHANGE, CHANGE, NOW, foreign=leave_out())
    assert (len(found.errors), found.judged().verdict) == (seen, Verdict.INCONCLUSIVE)


@pytest.mark.parametrize(
    "facts",
    [{"harm": "cut"}, {"target": TARGET | {"env_file": "/elsewhere/.env.infra"}}, {"service": "butler-bot"}],
    ids=["cut", "another-target", "another-service"],
)
def test_what_no_record_tells_of_counts_as_anybodys(facts, leave_out):
    left = leave_out(**facts)([of_run(EARLIER, 10), server(10)])
    assert server(10) in left
    assert (of_run(EARLIER, 10) in left) == ("service" not in facts)
