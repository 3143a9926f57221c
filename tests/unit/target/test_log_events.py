"""Events by other names are read by the contract's; of those that a service does not log, none is asked for."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from small_target import STAGE, small_target

from acceptance.gates.measures import Trigger
from acceptance.observe.logs import Logs
from acceptance.probes.archives.archives import truncated
from acceptance.probes.attacks.attacks import Attacks
from acceptance.probes.attacks.corpus import load_cases
from acceptance.probes.attacks.results import CaseResult, Results
from acceptance.probes.http.exchange import Exchange
from acceptance.probes.reviews.result import EFFECTS, Review, Submitted
from acceptance.probes.storage.rejection import ANY, try_upload
from acceptance.probes.storage.uploads import Upload
from acceptance.stages.expected_events import visible

REFUSED = Exchange("POST", "http://here", 413, "", {}, '{"detail": "too large"}', 0.1, 9, "t1")


class Refusing:
    """Stands in for an uploader whose every upload is refused."""

    def send_raw(self, upload, **how):
        return REFUSED


CASES = {case.id: case for case in load_cases()}


def logs(tmp_path, line, **events):
    (tmp_path / "log").write_text(line)
    declared = " ".join(f"{name}={theirs}" for name, theirs in events.items())
    target = small_target(tmp_path, API_LOGS=f"file://{tmp_path}/log", API_LOG_EVENTS=f"'{declared}'")
    return target, Logs.of(target.services["api"])


def line(event):
    at = datetime.now(UTC) + timedelta(seconds=5)
    return f'{{"timestamp": "{at.isoformat()}", "level": "INFO", "event": "{event}", "trace_id": "t1"}}\n'


@pytest.mark.parametrize(
    "written, declared, kinds",
    [
        ("size_limit", {}, []),
        ("too_big", {"size_limit": "too_big"}, []),
        ("request", {"size_limit": ""}, []),
        ("request", {}, ["not logged"]),
        ("request", {"checksum_failed": ""}, ["not logged"]),
    ],
)
def test_a_right_413_needs_its_event_only_where_it_is_logged(tmp_path, monkeypatch, written, declared, kinds):
    monkeypatch.setattr("acceptance.probes.storage.rejection.LOG_DELAY_S", 0.1)
    target, log = logs(tmp_path, line(written), **declared)
    upload = Upload("s1", "hw", truncated())
    found = try_upload(Refusing(), upload, target.storage.root, log, event="size_limit").findings("size_limit", 413)
    assert [finding.kind for finding in found] == kinds


@pytest.mark.parametrize(("level", "kinds"), [("WARNING", []), ("INFO", ["not logged"])])
def test_a_refusal_for_any_reason_is_logged_as_a_warning(tmp_path, monkeypatch, level, kinds):
    monkeypatch.setattr("acceptance.probes.storage.rejection.LOG_DELAY_S", 0.1)
    target, log = logs(tmp_path, line("bad_archive").replace("INFO", level))
    found = try_upload(Refusing(), Upload("s1", "hw", truncated()), target.storage.root, log, event=ANY)
    assert [finding.kind for finding in found.findings(ANY, 413)] == kinds


@pytest.mark.parametrize(
    ("case", "logged", "silent"),
    [
        ("student_id-dotdot-once", {"path_traversal": 1, "any": 1}, 0),
        ("student_id-dotdot-once", {"any": 1}, 1),
        ("student_id-fullwidth-whole", {"any": 1}, 0),
        ("zip-symlink-parent", {"any": 1}, 0),
        ("zip-symlink-parent", {}, 1),
    ],
)
@pytest.mark.parametrize("trace", ["t1", ""])
def test_only_a_plain_way_up_must_be_called_by_its_name(case, logged, silent, trace):
    results = Results({case: CaseResult(CASES[case], replace(REFUSED, status=422))})
    assert len(Attacks(results, {trace: Counter(logged)}, list).silent()) == silent


def test_attacks_and_reviews_do_not_ask_for_it_either():
    case = next(case for case in load_cases() if case.expect_event == "path_traversal")
    results = Results({case.id: CaseResult(case, replace(REFUSED, status=422))})
    assert len(Attacks(results, {"t1": Counter()}, list).silent()) == 1
    assert Attacks(results, {"t1": Counter()}, list, frozenset({"path_traversal"})).silent() == []
    effect, event = next(iter(EFFECTS.items()))
    review = Review(Submitted("s", REFUSED, "rev_1", datetime.now(UTC)), {"status": "succeeded"}, {}, {})
    assert "not logged" in [finding.kind for finding in review.lacks(effect)]
    assert "not logged" not in [finding.kind for finding in replace(review, unlogged=frozenset({event})).lacks(effect)]


def test_a_trigger_of_events_is_watched_where_any_of_them_is_logged(tmp_path):
    trigger = Trigger("t", "T", ("trigger.4",), "log_events", "path_traversal", "> 0")
    form = logs(tmp_path, "")[1].form
    assert visible([trigger], form) == (trigger,)
    assert visible([trigger], replace(form, events={"path_traversal": ""})) == ()
    assert STAGE.service == "api"
