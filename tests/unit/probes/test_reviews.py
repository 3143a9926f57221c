"""Reviews: each effect that is missing has a name, waiting ends, and time in the queue counts."""

import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import takewhile
from types import SimpleNamespace
from uuid import uuid4

import httpx
import pytest

from acceptance.finding import Finding, summary
from acceptance.gates.measures import Gate
from acceptance.observe.log_lines import LogLine
from acceptance.observe.moments import moment
from acceptance.probes.http.client import Called, Caller
from acceptance.probes.http.exchange import Exchange
from acceptance.probes.reviews.changed import changed, guessable, overtaken, redone, refused_now, told_early, unread
from acceptance.probes.reviews.over_restart import OverRestart, lost_now
from acceptance.probes.reviews.pipeline import Reviews, component_findings
from acceptance.probes.reviews.result import EFFECTS, Review, Submitted
from acceptance.probes.reviews.traffic import ReviewTraffic, end_to_end
from acceptance.probes.reviews.works import CLEAN_LOG, CRASH, FOLDER, LOG, NO_LOG, RAW_LOG, WORKS, submission
from acceptance.target.naming import HttpNames
from acceptance.verdict import NotApplicable, Verdict

NOW = datetime.now(UTC).replace(tzinfo=None)  # as MongoDB gives it
TASK = {"task_id": "rev_1", "status": "succeeded", "created_at": NOW, "finished_at": NOW + timedelta(seconds=2)}
ANALYSIS = {"status": "analysed", "lines": 3, "errors": 1}
REPORT = {"task_id": "rev_1", "report": "Good.", "log_analysis": ANALYSIS, "published_at": NOW}
GATE = Gate("latency-p95", "p95", (), "quantile", "x", "< 30", "y", "s")


def exchange(status=201, body='{"task_id": "rev_1"}'):
    return Exchange("POST", "http://api/api/v1/reviews", status, "", {}, body, 0.1, 10, "ab" * 16)


def submitted(task_id="rev_1", status=201, ago=0.0):
    at = datetime.now(UTC) - timedelta(seconds=ago) if ago else NOW.replace(tzinfo=UTC)
    return Submitted("student", exchange(status), task_id, at)


def line(event, task_id="rev_1", **fields):
    return LogLine(datetime.now(UTC), event, "INFO", "", {"event": event, "task_id": task_id, **fields})


def review(task=TASK, report=REPORT, without=(), **fields):
    lines = {event: line(event, **fields) for event in EFFECTS.values() if event not in without}
    return Review(submitted(), task, report, lines)


def test_good_review_has_no_findings():
    assert (review().findings(), review().seconds) == ([], 2.0)


ENDED = {"task_id": "rev_1", "status": "succeeded", "finished_at": NOW.isoformat(), "result": {}}


@pytest.mark.parametrize(
    "answer",
    [{"detail": "internal error"}, ENDED | {"status": "queued"}, ENDED | {"result": None}, ENDED | {"finished_at": ""}],
    ids=["an error", "not ended", "no result", "no end"],
)
def test_a_review_that_its_student_cannot_ask_for_is_found_out(answer):
    assert replace(review(), answer=ENDED).findings() == []
    numbered = replace(review(), submitted=submitted("7"), lines=None, answer=ENDED | {"task_id": 7})
    assert numbered.findings() == []
    (found,) = replace(review(), answer=answer).findings()
    assert (found.kind, str(answer) in found.found) == ("not told", True)


def test_what_no_answer_of_a_deployment_has_is_not_asked_for():
    told = {"task_id": "rev_1", "status": "succeeded"}
    assert replace(review(), answer=told, untellable=frozenset({"finished_at", "result"})).findings() == []


def counted(text, **counts):
    return review(report=REPORT | {"report": text, "log_analysis": {"status": "analysed", **counts}})


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ("3 lines, 1 errors.", "Lines: 3. Errors: 1.", []),
        ("3 lines, 1 errors.", "2 lines, 1 errors.", ["3 lines"]),
        ("3 lines, 1 errors.", "Your log has a mistake.", ["3 lines", "1 errors"]),
        ("1. Test more. 3. Log less.", "Good.", []),
    ],
)
def test_counts_that_reports_tell_must_be_the_counts(before, now, told):
    counts = {"lines": 3, "errors": 1}
    found = changed([counted(before, **counts), counted(before, **counts)], counted(now, **counts))
    assert [each.expected.partition(" in")[0] for each in found if each.kind == "told otherwise"] == told


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [(("of abc1", "of abc2"), "of HEAD", 1), (("of abc1", "of abc2"), "of abc3", 0), (("of abc1", "good"), "good", 0)],
)
def test_a_commit_that_each_report_named_is_named(before, now, told):
    def made(number, text):
        one = counted(text)
        return replace(one, submitted=replace(one.submitted, new_commit=f"abc{number}"))

    found = changed([made(number, text) for number, text in enumerate(before, 1)], made(3, now))
    assert sum("names the commit abc3" in each.expected for each in found) == told


@pytest.mark.parametrize(("before", "told"), [("Good.", ["/srv/rev_1"]), ("Read of /srv/rev_1/logs.zip", [])])
def test_a_report_tells_no_more_of_the_inside_than_by_the_old_path(before, told):
    task = TASK | {"metadata": {"archives": {"logs": "/srv/rev_1/logs.zip"}}}
    old, new = (review(task, REPORT | {"report": text}) for text in (before, "Read of /srv/rev_1/logs.zip, as /etc"))
    found = changed([old, old], new)
    assert [each.found for each in found if each.kind == "internals told"] == told


@pytest.mark.parametrize(("before", "told"), [(True, ["no such file"]), (False, [])])
def test_an_archive_is_there_after_its_review_as_by_the_old_path(tmp_path, before, told):
    old, new = (
        review(TASK | {"metadata": {"archives": {"logs": f"{tmp_path}/{name}.zip"}}}) for name in ("old", "new")
    )
    if before:
        (tmp_path / "old.zip").touch()
    assert [each.found for each in changed([old, old], new) if each.kind == "archive lost"] == told


@pytest.mark.parametrize(
    ("task", "report", "told"),
    [
        (TASK, REPORT, []),
        (TASK | {"status": "running"}, REPORT, ["status succeeded"]),
        (TASK | {"finished_at": NOW + timedelta(seconds=9)}, REPORT, ["finished_at"]),
        (TASK, REPORT | {"report": "Other."}, ["report Good."]),
        (TASK | {"read_at": NOW}, REPORT | {"seen": 1}, []),
        (TASK, None, ["report Good.", "published_at"]),
    ],
)
def test_a_review_that_had_ended_and_is_done_again_is_told(task, report, told):
    found = redone([review()], [review(task, report)])
    assert [each.expected.startswith(said) for each, said in zip(found, told, strict=True)] == [True] * len(told)
    assert redone([review(TASK | {"status": "running"})], [review(task, report)]) == []


def test_the_later_answer_is_compared_too():
    def asked(**headers):
        return replace(review(), asked=replace(exchange(200), headers=headers))

    assert [each.kind for each in changed([asked()], asked(**{"cache-control": "public"}))] == ["other header"]
    assert changed([review()], asked(**{"cache-control": "public"})) == []


RANDOM = [f"rev_{uuid4().hex}" for _ in range(5)]
IN_A_ROW = [f"rev_{10**18 + n * 10**8:032x}" for n in range(5)]
BY_TIME = [f"{'01935f1e'}-{n:04x}-7{str(uuid4())[15:]}" for n in range(5)]


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (RANDOM, RANDOM, False),
        (RANDOM, IN_A_ROW, True),
        (RANDOM, BY_TIME, False),
        (IN_A_ROW, IN_A_ROW, False),
        (IN_A_ROW, RANDOM, False),
        (RANDOM, IN_A_ROW[:2], False),
    ],
    ids=["as before", "in a row", "UUIDv7", "always in a row", "better", "too few"],
)
def test_ids_that_are_easier_to_guess_are_told(before, now, told):
    reviews = ([replace(review(), submitted=submitted(each)) for each in ids] for ids in (before, now))
    assert [each.kind for each in guessable(*reviews)] == ["easy to guess"] * told


def test_what_a_limit_refuses_now_is_counted():
    assert refused_now([review(), review()]) == []
    (found,) = refused_now([review(), review(allowed=False)])
    assert (found.expected, found.found) == ("2 submissions in a row taken, as by the old path", "1 refused")


def test_rules_that_changed_do_not_make_up_for_each_other():
    rules = (b"CRITICAL", b"FATAL", b"error in", b"Traceback", b"ValueError")
    assert [CRASH.count(rule) for rule in rules] == [1, 2, 4, 8, 16]


def test_a_task_of_another_type_is_told():
    old, new = (review(task=TASK | {"task_type": kind}) for kind in ("code_review", "review"))
    assert "task_type 'code_review', as by the old path, found 'review'" in summary(changed([old], new))
    assert changed([old], old) == []


def begun(*seconds):
    """Reviews in the order in which they were sent, begun after so many seconds."""
    logged = ({"rate_limit_check": replace(line("rate_limit_check"), at=NOW + timedelta(seconds=s))} for s in seconds)
    return [replace(review(), lines=lines) for lines in logged]


def test_submissions_are_begun_in_the_order_in_which_they_were_sent():
    in_order, newest_first, one_pair = begun(1, 2, 3, 4), begun(1, 4, 3, 2), begun(1, 3, 2, 4)
    (found,) = overtaken(in_order, newest_first)
    assert found.found == "3 of 6 pairs begun the other way round"
    assert overtaken(in_order, one_pair) == overtaken(newest_first, newest_first) == overtaken(in_order, in_order) == []
    assert overtaken(in_order, [replace(each, lines=None) for each in newest_first]) == []


def test_times_in_the_database_are_utc():
    assert moment(NOW) == moment(NOW.isoformat() + "+00:00")
    assert (moment(None), moment("soon"), moment(7)) == (None, None, None)


@pytest.mark.parametrize(
    "told",
    [
        "Sat, 15 Nov 2025 02:00:00 GMT",
        {"$date": "2025-11-15T02:00:00Z"},
        {"$date": 1763172000000},
        "1763172000",
        1763172000.0,
        1763172000000,
        1763172000000000,
        1763172000000000000,
    ],
    ids=str,
)
def test_a_time_is_known_however_it_is_told(told):
    assert moment(told) == datetime(2025, 11, 15, 2, tzinfo=UTC)


def test_submission_brings_a_log_to_analyse():
    [part] = submission("student", "hw03").extra
    archive = zipfile.ZipFile(BytesIO(b"".join(part.content.chunks())))
    assert (part.name, b"ERROR" in archive.read("test.log")) == (b"logs_zip", True)


@pytest.mark.parametrize(
    ("report", "effect"),
    [
        (REPORT | {"log_analysis": None}, "log analysis appended"),
        (REPORT | {"log_analysis": {}}, "log analysis appended"),
        (REPORT | {"log_analysis": {"status": "no_logs", "lines": 0}}, "log analysis appended"),
        (REPORT | {"log_analysis": ""}, "log analysis appended"),
        (REPORT | {"report": "  "}, "report persisted"),
        (REPORT | {"published_at": None}, "report published"),
    ],
)
def test_what_is_not_stored_is_named(report, effect):
    found = review(report=report).findings()
    assert len(found) == 1
    assert str(found[0]).startswith(f"rev_1: expected {effect}, found ")


@pytest.mark.parametrize("effect", EFFECTS)
def test_what_is_not_logged_is_named(effect):
    found = review(without=(EFFECTS[effect],)).lacks(effect)
    assert found
    assert EFFECTS[effect] in str(found[-1])


def test_text_is_an_analysis_too():
    assert review(report=REPORT | {"log_analysis": "one error in test_sum"}).findings() == []


def test_review_without_a_report_lacks_all_that_is_stored():
    lacking = [effect for effect in EFFECTS if review(report=None).lacks(effect)]
    assert lacking == ["log analysis appended", "report persisted", "report published"]


def test_failed_task_says_its_error():
    found = review(TASK | {"status": "failed", "error": "disk full"}).findings()
    assert "failed: disk full" in str(found[0])


@pytest.mark.parametrize(
    "limited", [review(allowed=False), Review(submitted("", 429))], ids=["in the pipeline", "at the door"]
)
def test_rate_limit_is_seen(limited):
    assert limited.limited
    assert limited.lacks("rate limit checked")


def test_a_failed_review_of_which_no_log_tells_shows_no_checked_rate_limit():
    """In a log without events the effect showed by its own absence: nobody had said that it refused."""
    failed = TASK | {"status": "failed", "error": "rate limit"}
    silent = replace(review(failed), lines=None)
    (found,) = silent.lacks("rate limit checked")
    assert found.found == "it refused, or what was before it failed: rate limit"
    assert [each.kind for each in silent.findings()] == ["review failed"]
    assert review(failed, allowed=True).lacks("rate limit checked") == []


def test_submission_that_is_not_taken_says_the_answer():
    assert "expected 201 with a task_id" in str(Review(submitted("", 500)).findings()[0])


class Database(dict):
    """Collections as lists of documents; reading one may change it."""

    def __getitem__(self, name):
        def find(wanted, _):
            docs = super(Database, self).get(name, [])
            docs = docs() if callable(docs) else docs
            ids = wanted["task_id"]["$in"] if isinstance(wanted["task_id"], dict) else [wanted["task_id"]]
            states = wanted.get("status", {"$in": None})["$in"]
            return [each for each in docs if each["task_id"] in ids and (states is None or each["status"] in states)]

        return SimpleNamespace(find=find)


class Log:
    names_events = True

    def tells(self, event):
        return True

    def since(self, start, events=()):
        return [line(event) for event in events] + [line("rate_limit_check", "rev_2", allowed=False)]


class Uploader:
    def __init__(self):
        self.sent = 0

    def send(self, upload):
        self.sent += 1
        return exchange(body=json.dumps({"task_id": f"rev_{self.sent}"}))

    def read(self, answer):
        return Called.of(answer, HttpNames(), answer.body)


def reviews(**collections):
    return Reviews(Uploader(), Database(collections), Log())


def test_review_is_followed_to_its_end():
    seen = iter([[TASK | {"status": "queued"}], [TASK | {"status": "running"}]])
    published = REPORT | {"published_at": datetime.now(UTC)}
    pipeline = reviews(long_tasks=lambda: next(seen, [TASK]), homework_reviews=[published])
    assert pipeline.follow(pipeline.submit("student", "hw03"), 5, 0).findings() == []


def test_lines_of_another_task_are_not_taken_for_ours():
    assert not reviews(long_tasks=[TASK], homework_reviews=[REPORT]).look(submitted()).limited


def test_review_that_does_not_end_is_given_up():
    pipeline = reviews(long_tasks=[TASK | {"status": "running"}])
    found = pipeline.follow(submitted(ago=90), 0.1, 0.1).findings()
    assert "after 90 s running" in str(found[0])


def test_published_a_moment_later_is_published():
    late = iter([[REPORT | {"published_at": None}]] * 4)
    pipeline = reviews(long_tasks=[TASK], homework_reviews=lambda: next(late, [REPORT]))
    followed = pipeline.follow(submitted(), 1, 2)
    assert (followed.findings(), followed.unpublished_s > 0.2) == ([], True)


@pytest.mark.parametrize(
    ("before", "now", "told"), [([0], [2, 2], 1), ([0], [2, 0], 0), ([3], [2, 2], 0), ([0], [0.5] * 9, 0)]
)
def test_success_that_is_told_before_the_report_is_published_is_too_early(before, now, told):
    old, new = ([replace(review(), unpublished_s=each) for each in seconds] for seconds in (before, now))
    assert len(told_early(old, new)) == told


@pytest.mark.parametrize(("work", "waits"), [(NO_LOG, False), (LOG, True)])
def test_an_analysis_is_waited_for_where_there_is_a_log(work, waits):
    looks = iter([[REPORT | {"log_analysis": None}]] * 2)
    pipeline = reviews(long_tasks=[TASK], homework_reviews=lambda: next(looks, [REPORT]))
    assert pipeline.follow(replace(submitted(), work=work), 1, 2).analysed == waits


def traffic(pipeline, patience_s=5.0, at_once=2):
    return ReviewTraffic(pipeline, lambda word: word, patience_s, 0.0, at_once)


def test_traffic_follows_each_submission_to_its_end():
    done = [TASK | {"task_id": f"rev_{number}"} for number in (1, 2, 3)]
    flow = traffic(reviews(long_tasks=done, homework_reviews=[REPORT | {"task_id": each["task_id"]} for each in done]))
    ended = [each.submitted.task_id for _ in range(3) for each in flow.send()]
    assert (ended, len(flow.finish())) == (["rev_1", "rev_2", "rev_3"], 3)


def test_traffic_gives_up_what_does_not_end():
    flow = traffic(reviews(), patience_s=0.1)
    flow.send()
    assert ["no task" in summary(each.findings()) for each in flow.finish()] == [True]


def test_traffic_waits_for_room():
    flow = traffic(reviews(), patience_s=0.3, at_once=1)
    assert flow.send() == []
    assert [each.submitted.task_id for each in flow.send()] == ["rev_1"]


def taking(*seconds):
    return [review(TASK | {"finished_at": NOW + timedelta(seconds=each)}) for each in seconds]


@pytest.mark.parametrize(
    ("times", "verdict"),
    [
        ([1] * 15, "PASS"),
        ([1] * 14 + [31], "PASS"),
        ([1] * 12 + [31] * 3, "FAIL"),
        ([31] * 2, "FAIL"),
        ([1] * 3, "INCONCLUSIVE"),
    ],
    ids=["all in time", "one of 15 late", "three of 15 late", "few, and all late", "too few"],
)
def test_end_to_end_time_is_judged(times, verdict):
    assert end_to_end(GATE, taking(*times)).verdict == verdict


def test_review_without_an_end_counts_with_the_time_it_has_had():
    stuck = Review(submitted(ago=100), {"status": "running"})
    result = end_to_end(GATE, [*taking(1, 2), stuck, stuck])
    assert (result.verdict, round(result.value)) == (Verdict.FAIL, 100)


def prometheus(count):
    samples = [] if count is None else [SimpleNamespace(value=count)]
    return SimpleNamespace(instant=lambda query: samples)


GOOD = {"RateLimiter": "healthy", "LogAnalysisPipeline": "healthy", "ReportPublisher": "healthy"}


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, GOOD, []),
        (200, GOOD | {"ReportPublisher": "degraded"}, ["ReportPublisher to be healthy, found degraded"]),
        (200, {"RateLimiter": "healthy", "ReportPublisher": "healthy"}, ["LogAnalysisPipeline", "no word"]),
        (200, ["healthy"], ["expected 200 with the state"]),
        (503, GOOD, ["expected 200 with the state"]),
    ],
)
def test_components_are_healthy_only_by_their_own_word(status, body, words):
    answer = httpx.MockTransport(lambda _: httpx.Response(status, json=body))
    found = component_findings(Caller("http://worker", transport=answer))
    assert len(found) == min(1, len(words))
    assert all(word in str(found[0]) for word in words)


@pytest.mark.parametrize(
    ("tasks", "reports", "kinds"),
    [
        ([TASK], [REPORT], []),
        ([TASK | {"status": "running"}], [], ["lost over a restart"]),
        ([TASK | {"status": "failed"}], [REPORT], ["lost over a restart"]),
        ([TASK], [], ["lost over a restart"]),
        ([], [], ["lost over a restart"]),
        ([TASK], [REPORT, REPORT], ["repeated"]),
    ],
    ids=["reviewed", "cut off", "given up", "without a report", "gone", "done twice"],
)
def test_work_that_was_taken_over_a_restart_is_reviewed_once(tasks, reports, kinds):
    work = OverRestart(reviews(long_tasks=tasks, homework_reviews=reports), ["student"])
    with work.submitting():
        pass
    assert ([each.kind for each in work.lost(0.1)], len(work.sent)) == (kinds, 1)


def test_a_restart_over_which_nothing_is_taken_says_nothing():
    nothing = OverRestart(reviews(), ["student"], [submitted("", 503)]).lost(0.1)
    cut = Finding("lost over a restart", "rev_1", "a review", "running")
    assert (nothing, lost_now([], [cut])) == (None, [cut])
    for old, now in ((nothing, []), ([], nothing), ([cut], [])):
        with pytest.raises(NotApplicable, match="over a restart"):
            lost_now(old, now)


def test_of_a_log_in_a_folder_more_is_read_than_what_stands_before_it():
    """A reader who stops at the folder says the same of both works, and `unread` tells it."""
    stopped = [list(takewhile(lambda file: file != FOLDER, WORKS[work])) for work in (RAW_LOG, CLEAN_LOG)]
    assert stopped == [[], []]
    same = [replace(review(), submitted=replace(submitted(), work=it), report=REPORT) for it in (RAW_LOG, CLEAN_LOG)]
    assert [each.kind for each in unread(same)] == ["log not read"]
