"""butler-worker alone: homework and reviews on the old and the new paths, and what each fault breaks."""

import asyncio
import json
import os
import signal
import uuid
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rig import SECRETS, Rig, sample, until
from whole_lab import archive

from lab.worker import use_case as use_case_module
from lab.worker.log_analysis import analyse
from lab.worker.rate_limit import LIMIT, SlidingWindow
from lab.worker.use_case import DecomposedReview

WORKER = "butler-worker"
FLAGS = ("USE_NEW_HOMEWORK_REVIEW_SERVICE", "USE_DECOMPOSED_USE_CASE")
EVENTS = ["rate_limit_check", "log_analysis_complete", "report_persisted", "report_published"]
REQUESTS = "homework_review_service_requests_total"


class Worker:
    """The running worker of one path."""

    def __init__(self, rig: Rig, new: bool) -> None:
        self.rig = rig
        self.new = new

    def get(self, path: str, **params: Any) -> Any:
        return self.rig.http.get(self.rig.url(WORKER, path), params=params)

    def post(self, body: Any) -> Any:
        return self.rig.http.post(self.rig.url(WORKER, "/homework/reviews"), json=body)

    def commits(self, student: str = "test_user", days: int = 7) -> list[dict[str, str]]:
        answer = self.get("/homework/list", student_id=student, days=days)
        assert answer.status_code == 200, answer.text
        return answer.json()["commits"]

    def queue(self, student: str | None = None, **metadata: Any) -> str:
        task_id = f"rev_{uuid.uuid4().hex}"
        task = {"task_id": task_id, "task_type": "code_review", "status": "queued", "user_id": student or task_id}
        more = {"assignment_id": "hw03", "trace_id": task_id[4:], **metadata}
        self.rig.db.long_tasks.insert_one(task | {"created_at": datetime.now(UTC), "metadata": more})
        return task_id

    def task(self, task_id: str) -> Any:
        return self.rig.db.long_tasks.find_one({"task_id": task_id})

    def finished(self, task_id: str) -> dict[str, Any]:
        until(lambda: self.task(task_id)["status"] in ("succeeded", "failed"), f"{task_id} finishes", 10)
        return self.task(task_id)

    def review(self, task_id: str) -> dict[str, Any] | None:
        return self.rig.db.homework_reviews.find_one({"task_id": task_id})

    def events(self, task_id: str) -> list[dict[str, Any]]:
        return [line for line in self.rig.events(WORKER) if line.get("task_id") == task_id]

    def checker(self, path: str) -> Any:
        headers = {"X-API-Key": SECRETS["HW_CHECKER_API_KEY"]}
        return self.rig.http.get(self.rig.url("hw-checker", path), headers=headers)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    rig = Rig(tmp_path_factory.mktemp("worker"))
    rig.start("hw-checker")
    yield rig
    rig.close()


def started(rig: Rig, new: bool) -> Worker:
    rig.ensure(WORKER, **dict.fromkeys(FLAGS, str(new).lower()))
    return Worker(rig, new)


@pytest.fixture(scope="module", params=["old", "new"])
def worker(rig: Rig, request: pytest.FixtureRequest) -> Worker:
    return started(rig, request.param == "new")


@pytest.fixture(scope="module")
def new_worker(rig: Rig) -> Worker:
    return started(rig, new=True)


def test_commits_of_a_student_within_the_days(worker):
    assert len(worker.commits(days=1)) == 1
    commits = worker.commits(days=30)
    assert len(commits) == 3
    assert {commit["student"] for commit in commits} == {"test_user"}
    assert all(datetime.fromisoformat(commit["date"]) for commit in commits)
    assert worker.commits("nobody") == []


def test_a_review_request_reaches_the_checker(worker):
    commit = worker.commits("test_user_flag_on")[0]["hash"]
    answer = worker.post({"student_id": "test_user_flag_on", "commit_hash": commit})
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    jobs = worker.checker("/api/queue_status").json()["jobs"]
    assert (answer.json()["review_id"], commit) in [(job["job_id"], job["commit_hash"]) for job in jobs]
    assert worker.get(f"/homework/reviews/{answer.json()['review_id']}").json()["status"] == "queued"


def test_an_unknown_commit_or_review_is_404(worker):
    assert worker.post({"student_id": "test_user", "commit_hash": "abcdef1"}).status_code == 404
    assert worker.get("/homework/reviews/none").status_code == 404


@pytest.mark.parametrize(
    "query",
    [{}, {"student_id": ""}, {"student_id": "../x"}, {"student_id": "a", "days": "x"}, {"student_id": "a", "days": 0}],
)
def test_bad_list_queries_are_refused(worker, query):
    answer = worker.get("/homework/list", **query)
    assert answer.status_code == 422
    assert isinstance(answer.json()["detail"], str)


@pytest.mark.parametrize(
    "body", [None, [], {"student_id": "a"}, {"commit_hash": "abcdef1"}, {"student_id": "a", "commit_hash": "xyz"}]
)
def test_bad_review_requests_are_refused(worker, body):
    assert worker.post(body).status_code == 422


def test_homework_metrics_exist_on_the_new_path_only(worker):
    worker.commits()
    good = f'{REQUESTS}{{error_type="",operation="list_commits",status="success"}}'
    metrics = worker.rig.metrics(WORKER)
    assert (sample(metrics, good) is not None) == worker.new
    assert ("homework_review_service" in metrics) == worker.new


def test_a_checker_that_is_down_is_a_502(worker):
    with worker.rig.broken("hw-checker-down"):
        assert worker.get("/homework/list", student_id="test_user").status_code == 502


def test_errors_of_the_checker_are_counted_by_type(new_worker):
    with new_worker.rig.broken("hw-checker-down"):
        assert new_worker.get("/homework/list", student_id="test_user").status_code == 502
    with new_worker.rig.broken("hw-checker-slow"):
        assert new_worker.get("/homework/list", student_id="test_user").status_code == 504
    metrics = new_worker.rig.metrics(WORKER)
    for error_type in ("api_error", "api_timeout"):
        assert sample(metrics, f'{REQUESTS}{{error_type="{error_type}",operation="list_commits",status="error"}}')


def test_a_checker_that_is_gone_is_a_502(worker):
    worker.rig.stop("hw-checker")
    try:
        assert worker.get("/homework/list", student_id="test_user").status_code == 502
    finally:
        worker.rig.start("hw-checker", **dict.fromkeys(FLAGS, str(worker.new).lower()))


def test_a_queued_review_runs_to_publication(worker):
    task_id = worker.queue()
    task = worker.finished(task_id)
    assert (task["status"], task["error"]) == ("succeeded", None)
    assert isinstance(task["finished_at"], datetime)
    review = worker.review(task_id)
    assert (review["student_id"], review["assignment_id"]) == (task_id, "hw03")
    assert review["log_analysis"]["status"] == "no_logs"
    assert isinstance(review["published_at"], datetime)
    assert "Log analysis" in review["report"]


def test_a_reviews_events_come_in_order_with_its_trace(worker):
    task_id = worker.queue()
    worker.finished(task_id)
    lines = [line for line in worker.events(task_id) if line["event"] in EVENTS]
    assert [line["event"] for line in lines] == EVENTS
    assert {line["trace_id"] for line in lines} == {task_id[4:]}


@pytest.mark.parametrize("recorded", [True, False], ids=["review_archives", "task metadata"])
def test_logs_are_found_and_analysed(worker, tmp_path, recorded):
    archive = tmp_path / "logs.zip"
    with zipfile.ZipFile(archive, "w") as logs:
        logs.writestr("a.log", "INFO fine\nERROR broken\n")
        logs.writestr("b/c.log", "WARNING hot\nTraceback (most recent call last):\n")
    if recorded:
        task_id = f"rev_{uuid.uuid4().hex}"
        kept = {"task_id": task_id, "kind": "logs", "path": str(archive)}
        worker.rig.db.review_archives.insert_one(kept)
        task = {"task_id": task_id, "task_type": "code_review", "status": "queued", "user_id": "s"}
        worker.rig.db.long_tasks.insert_one({**task, "created_at": datetime.now(UTC), "metadata": {}})
    else:
        task_id = worker.queue(archives={"logs": str(archive)})
    worker.finished(task_id)
    found = {"status": "analysed", "files": 2, "lines": 4, "errors": 2, "warnings": 1}
    assert worker.review(task_id)["log_analysis"] == found


def test_the_rate_limit_fails_a_task_with_its_name(worker):
    student = uuid.uuid4().hex
    tasks = [worker.queue(student) for _ in range(LIMIT + 2)]
    ends = [(task["status"], task["error"]) for task in map(worker.finished, tasks)]
    assert ends.count(("succeeded", None)) == LIMIT
    assert ends.count(("failed", "rate limit")) == 2
    hits = sample(worker.rig.metrics(WORKER), "review_submission_rate_limit_hits_total")
    assert (hits == 2) if worker.new else (hits is None)


def test_review_metrics_exist_on_the_new_path_only(worker):
    worker.finished(worker.queue())
    metrics = worker.rig.metrics(WORKER)
    assert ("review_submission" in metrics) == worker.new
    assert bool(sample(metrics, 'review_submission_duration_seconds_count{status="success"}')) == worker.new


def test_components_are_healthy(worker):
    healthy = dict.fromkeys(("RateLimiter", "LogAnalysisPipeline", "ReportPublisher"), "healthy")
    assert worker.get("/health/components").json() == healthy
    with worker.rig.broken("component-unhealthy"):
        assert worker.get("/health/components").json() == {**healthy, "LogAnalysisPipeline": "unhealthy"}


def test_a_review_that_is_run_again_is_not_published_again(worker):
    """As after a kill between publication and the end of the task."""
    task_id = worker.queue()
    worker.finished(task_id)
    first = worker.review(task_id)["published_at"]
    worker.rig.db.long_tasks.update_one({"task_id": task_id}, {"$set": {"status": "queued"}})
    worker.finished(task_id)
    events = [line["event"] for line in worker.events(task_id)]
    assert (events.count("report_persisted"), events.count("report_published")) == (2, 1)
    assert worker.review(task_id)["published_at"] == first


def test_a_task_without_an_id_does_not_stop_the_queue(worker):
    worker.rig.db.long_tasks.insert_one({"task_type": "code_review", "status": "queued"})
    assert worker.finished(worker.queue())["status"] == "succeeded"


def test_other_tasks_are_left_alone(worker):
    worker.rig.db.long_tasks.insert_one({"task_id": "other", "task_type": "digest", "status": "queued"})
    worker.finished(worker.queue())
    assert worker.task("other")["status"] == "queued"
    worker.rig.db.long_tasks.delete_one({"task_id": "other"})


@pytest.mark.parametrize(("fault", "asked", "refused"), [("homework-errors", 10, 2), ("homework-errors-seldom", 11, 1)])
def test_fault_homework_errors(new_worker, fault, asked, refused):
    with new_worker.rig.broken(fault):
        answers = [new_worker.get("/homework/list", student_id="test_user").status_code for _ in range(asked)]
    assert sorted(answers) == [200] * (asked - refused) + [502] * refused


def test_fault_review_limit_low(new_worker):
    with new_worker.rig.broken("review-limit-low"):
        ended = [new_worker.finished(new_worker.queue("sends-often"))["status"] for _ in range(6)]
    assert ended == ["succeeded"] * 5 + ["failed"]


def test_fault_homework_list_cut(new_worker):
    whole = len(new_worker.commits())
    with new_worker.rig.broken("homework-list-cut"):
        assert sorted(len(new_worker.commits()) for _ in range(5)) == [whole - 1] + [whole] * 4


def test_fault_errors_in_the_log_of_what_succeeds(new_worker):
    rig = new_worker.rig
    with rig.broken("homework-logs-errors"), rig.broken("review-logs-errors"):
        assert new_worker.commits()
        task_id = new_worker.queue()
        assert new_worker.finished(task_id)["status"] == "succeeded"
    logged = {line["event"] for line in rig.events(WORKER) if line["level"] == "ERROR"}
    assert {"commit_cache_unreachable", "student_not_notified"} <= logged


def test_fault_homework_empty_list(new_worker):
    with new_worker.rig.broken("homework-empty-list"):
        assert new_worker.commits() == []


def test_fault_homework_review_not_submitted(new_worker):
    commit = new_worker.commits("soak_user_1")[0]["hash"]
    with new_worker.rig.broken("homework-review-not-submitted"):
        answer = new_worker.post({"student_id": "soak_user_1", "commit_hash": commit})
    assert answer.status_code == 202
    assert new_worker.checker(f"/api/check_status/{answer.json()['review_id']}").status_code == 404


def test_fault_homework_slow(new_worker):
    with new_worker.rig.broken("homework-slow"):
        assert new_worker.get("/homework/list", student_id="test_user").elapsed.total_seconds() > 2


def test_fault_review_without_log_analysis(new_worker):
    with new_worker.rig.broken("review-no-log-analysis"):
        task_id = new_worker.queue()
        assert new_worker.finished(task_id)["status"] == "succeeded"
    assert new_worker.review(task_id)["log_analysis"] is None
    assert "log_analysis_complete" not in [line["event"] for line in new_worker.events(task_id)]


def test_fault_review_errors_of_one_word(new_worker, tmp_path):
    (tmp_path / "logs.zip").write_bytes(archive(("a.log", b"ERROR a\nCRITICAL b\nTraceback c\n")))
    with new_worker.rig.broken("review-errors-of-one-word"):
        task_id = new_worker.queue(archives={"logs": str(tmp_path / "logs.zip")})
        assert new_worker.finished(task_id)["status"] == "succeeded"
    assert new_worker.review(task_id)["log_analysis"]["errors"] == 1


def test_fault_review_analysis_remembered_and_logs_removed(new_worker, tmp_path):
    with new_worker.rig.broken("review-analysis-remembered"), new_worker.rig.broken("review-logs-removed"):
        for lines in (b"ERROR a\n", b""):
            (tmp_path / "logs.zip").write_bytes(archive(("a.log", lines)))
            task_id = new_worker.queue("again", archives={"logs": str(tmp_path / "logs.zip")})
            new_worker.finished(task_id)
    assert new_worker.review(task_id)["log_analysis"]["errors"] == 1
    assert not (tmp_path / "logs.zip").exists()


@pytest.mark.parametrize("fault", ["review-not-published", "review-published-later"])
def test_fault_review_not_published(new_worker, fault):
    with new_worker.rig.broken(fault):
        task_id = new_worker.queue()
        assert new_worker.finished(task_id)["status"] == "succeeded"
    assert new_worker.review(task_id)["published_at"] is None
    if fault == "review-published-later":
        until(lambda: new_worker.review(task_id)["published_at"], "published")


def test_fault_review_errors(new_worker):
    with new_worker.rig.broken("review-errors"):
        ends = [new_worker.finished(new_worker.queue()) for _ in range(3)]
    assert [task["error"] for task in ends if task["status"] == "failed"] == ["internal error"]
    errors = 'review_submission_use_case_errors_total{component="orchestrator",error_type="internal_error"}'
    assert sample(new_worker.rig.metrics(WORKER), errors)


def test_fault_review_report_lost(new_worker):
    with new_worker.rig.broken("review-report-lost"):
        tasks = [new_worker.queue() for _ in range(10)]
        assert {new_worker.finished(task)["status"] for task in tasks} == {"succeeded"}
    assert [new_worker.review(task)["report"] for task in tasks].count("") == 1


def test_fault_reviews_that_fail_or_are_miscounted_seldom(new_worker):
    hits = "review_submission_rate_limit_hits_total"
    before = sample(new_worker.rig.metrics(WORKER), hits) or 0
    with new_worker.rig.broken("review-errors-seldom"), new_worker.rig.broken("review-hits-miscounted"):
        ends = [new_worker.finished(task)["error"] for task in [new_worker.queue() for _ in range(21)]]
    assert [error for error in ends if error] == ["internal error"]
    assert sample(new_worker.rig.metrics(WORKER), hits) == before + 1


def test_fault_rate_limit_always(new_worker):
    with new_worker.rig.broken("rate-limit-always"):
        assert new_worker.finished(new_worker.queue())["error"] == "rate limit"


def test_fault_review_slow(monkeypatch):
    """The delay is over the SLO of 30 s; the test does not sit through it."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    class Settings:
        def fault(self, name: str) -> bool:
            return name == "review-slow"

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(use_case_module, "ReviewMetrics", lambda: None)
    asyncio.run(DecomposedReview(None, Settings())._seeded())
    assert slept == [32.0]


def test_what_a_killed_worker_left_running_is_done_once(rig):
    """SIGKILL in the middle of slow reviews: the next start takes them up again; each is published once."""
    worker = started(rig, new=True)
    with rig.broken("review-slow"):
        tasks = [worker.queue() for _ in range(3)]
        until(lambda: all(worker.task(task)["status"] == "running" for task in tasks), "all are running")
        rig.stop(WORKER, signal.SIGKILL)
    rig.start(WORKER, **dict.fromkeys(FLAGS, "true"))
    assert [worker.finished(task)["status"] for task in tasks] == ["succeeded"] * 3
    published = [line["task_id"] for line in rig.events(WORKER) if line["event"] == "report_published"]
    assert [published.count(task) for task in tasks] == [1, 1, 1]
    assert rig.db.homework_reviews.count_documents({"task_id": {"$in": tasks}}) == 3


def test_fault_reviews_replace_each_other(new_worker):
    with new_worker.rig.broken("reviews-replace-each-other"):
        for _ in range(2):
            new_worker.finished(new_worker.queue("repeats"))
    assert new_worker.rig.db.homework_reviews.count_documents({"student_id": "repeats"}) == 1


def test_fault_reviews_done_again(new_worker):
    task = new_worker.queue()
    ended = new_worker.finished(task)["finished_at"]
    for fault, again in (("review-errors-seldom", False), ("reviews-done-again", True)):
        with new_worker.rig.broken(fault):
            new_worker.rig.start(WORKER, **dict.fromkeys(FLAGS, "true"))
            new_worker.finished(new_worker.queue())  # the newest one is taken last
        assert (new_worker.finished(task)["finished_at"] != ended) == again


@pytest.mark.parametrize(
    "fault, flag, family",
    [
        ("homework-flag-ignored", FLAGS[0], "homework_review_service"),
        ("use-case-flag-ignored", FLAGS[1], "review_submission"),
    ],
)
def test_fault_flag_ignored(rig, fault, flag, family):
    with rig.broken(fault):
        rig.start(WORKER, **{flag: "true"})
    worker = Worker(rig, new=True)
    worker.commits()
    assert worker.finished(worker.queue())["status"] == "succeeded"
    assert family not in rig.metrics(WORKER)


def test_the_queue_survives_a_frozen_mongo(rig):
    """/health says 503 meanwhile; a review that is queued afterwards is done by the same process."""
    rig.start(WORKER)
    mongo, before = rig.pid("mongo"), rig.pid(WORKER)
    os.kill(mongo, signal.SIGSTOP)
    try:
        assert rig.http.get(rig.url(WORKER, "/health")).status_code == 503
        until(lambda: "queue_failed" in [line["event"] for line in rig.events(WORKER)], "the loop notices")
    finally:
        os.kill(mongo, signal.SIGCONT)
    worker = Worker(rig, new=False)
    assert worker.finished(worker.queue())["status"] == "succeeded"
    assert rig.pid(WORKER) == before


def test_the_log_never_holds_the_api_key(rig):
    text = (rig.home / "logs" / f"{WORKER}.log").read_text()
    assert SECRETS["HW_CHECKER_API_KEY"] not in text
    assert {bool(json.loads(line)) for line in text.splitlines()} == {True}


def test_window_lets_pass_again_when_time_is_up():
    now = [0.0]
    window = SlidingWindow(limit=2, window=60, clock=lambda: now[0])
    assert [window.allows("a"), window.allows("a"), window.allows("a"), window.allows("b")] == [True, True, False, True]
    now[0] = 60.0
    assert window.allows("a")


def test_a_broken_logs_archive_is_said_to_be_unreadable(tmp_path: Path):
    broken = tmp_path / "logs.zip"
    broken.write_bytes(b"PK\x03\x04 not really")
    assert analyse(broken)["status"] == "unreadable"
    assert analyse(tmp_path / "absent.zip")["status"] == "unreadable"
