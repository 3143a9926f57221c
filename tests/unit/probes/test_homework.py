"""Homework probes: lists against the HW checker, reviews proved on its side, its outage, the soak's traffic."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from acceptance.finding import summary
from acceptance.observe.prometheus import Sample
from acceptance.probes.homework.hw_checker import Check, HwChecker, HwCheckerDown
from acceptance.probes.homework.lists import lists
from acceptance.probes.homework.traffic import HomeworkTraffic, reviewable
from acceptance.probes.homework.worker import FORMS, Homework, Listing
from acceptance.probes.http.client import Caller
from acceptance.target.naming import HttpNames
from acceptance.verdict import Inconclusive

KEY = "k" * 40
OURS = ("test_user", "soak_user*")
NOW = datetime.now(UTC)


def commit(number: int) -> str:
    return f"{number:040x}"


class TinyChecker:
    """An HW checker and the worker before it, as one; commits are given by student and age in days."""

    def __init__(self, *commits: tuple[str, float], forwards: bool = True, status: str = "passed") -> None:
        self.jobs = [
            {"job_id": f"job{number}", "student_id": student, "commit_hash": commit(number), "status": status}
            | dict.fromkeys(("enqueued_at", "submitted_at"), (NOW - timedelta(days=age)).isoformat())
            for number, (student, age) in enumerate(commits, 1)
        ]
        self.asked: list[str] = []
        self.forwards = forwards
        self.listed_by = "enqueued_at"
        self.spoil: Callable[[list[Any]], list[Any]] = lambda rows: rows
        self.health: Any = {"status": "ok"}
        self.checker = HwChecker(
            Caller("http://checker", headers={"X-API-Key": KEY}, transport=httpx.MockTransport(self._checker))
        )
        self.homework = Homework(Caller("http://worker", transport=httpx.MockTransport(self._worker)))

    def _checker(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/health":
            return httpx.Response(200 if self.health else 503, json=self.health)
        if request.headers.get("x-api-key") != KEY:
            return httpx.Response(401, json={"detail": "Invalid or missing API key"})
        query = request.url.params
        start, first = query["start_date"], int(query["offset"])
        found = [job for job in self.jobs if start <= job[self.listed_by] < query["end_date"]]
        return httpx.Response(200, json={"checks": found[first : first + int(query["limit"])]})

    def _worker(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            student = request.url.params["student_id"]
            self.asked.append(f"list {student}")
            own = [job for job in self.jobs if job["student_id"] == student]
            rows = [{"hash": job["commit_hash"], "date": job["enqueued_at"], "student": student} for job in own]
            return httpx.Response(200, json={"commits": self.spoil(rows)})
        wanted = json.loads(request.content)["commit_hash"]
        self.asked.append(f"review {int(wanted, 16)}")
        job = next(job for job in self.jobs if job["commit_hash"] == wanted)
        if self.forwards:
            job["enqueued_at"] = datetime.now(UTC).isoformat()
        return httpx.Response(202, json={"review_id": job["job_id"], "status": "queued"})


def listing(rows: Any, status: int = 200) -> Listing:
    worker = httpx.MockTransport(lambda _: httpx.Response(status, json=rows))
    return Homework(Caller("http://worker", transport=worker)).listing("ann")


GOOD = {"hash": commit(1), "date": "2026-11-24", "student": "ann"}


def test_a_good_list_has_no_findings_and_no_commits_is_a_good_form() -> None:
    assert listing({"commits": [GOOD]}).findings() == []
    assert listing({"commits": []}).findings() == []
    assert replace(listing({"commits": [GOOD | {"student": 7}]}), student_id="7").findings() == []


@pytest.mark.parametrize(
    "rows",
    [
        [{**GOOD, "student": "bob"}],
        [GOOD, {**GOOD, "hash": "no hash"}],
        [{**GOOD, "hash": None}],
        [{"hash": commit(1), "student": "ann"}],
        ["text"],
    ],
    ids=["another's", "no hash", "null", "no date", "text"],
)
def test_a_bad_commit_is_found_out(rows: list[Any]) -> None:
    assert "expected a hash, a date and student 'ann'" in str(listing({"commits": rows}).findings()[0])


@pytest.mark.parametrize("rows", [{"commits": None}, {}, [], {"commits": {}}], ids=str)
def test_what_is_no_list_is_found_out(rows: Any) -> None:
    assert 'expected 200 {"commits":[...]}, found GET http://worker/homework' in str(listing(rows).findings()[0])


def test_a_refused_list_is_found_out() -> None:
    assert "answered 504" in str(listing({"detail": "late"}, 504).findings()[0])


def test_a_list_is_compared_with_what_the_checker_knows() -> None:
    tiny = TinyChecker(("ann", 1), ("ann", 3), ("bob", 1))
    checks = tiny.checker.checks(31)
    whole = tiny.homework.listing("ann")
    assert (whole.lost(checks), whole.foreign(checks)) == ([], [])
    empty = listing({"commits": []})
    assert len(empty.lost(checks)) == 2
    other = listing({"commits": [GOOD, {**GOOD, "hash": commit(3)}]})
    assert f"found commit {commit(3)}, which it has not" in summary(other.foreign(checks))


def test_a_commit_at_the_far_end_may_be_in_the_list_or_not() -> None:
    tiny = TinyChecker(("ann", 1), ("ann", 29.5))
    checks = tiny.checker.checks(31)
    assert listing({"commits": [GOOD]}).lost(checks) == []
    assert tiny.homework.listing("ann").foreign(checks) == []


def test_all_pages_are_read() -> None:
    assert len(TinyChecker(*[("ann", 1.0)] * 250).checker.checks(30)) == 250


def test_a_checker_that_never_ends_its_pages_is_given_up() -> None:
    row = TinyChecker(("ann", 1)).jobs * 100
    endless = httpx.MockTransport(lambda _: httpx.Response(200, json={"checks": row}))
    with pytest.raises(Inconclusive, match="more than 5000 checks"):
        HwChecker(Caller("http://checker", transport=endless)).checks(30)


def test_a_checker_of_other_names_is_read_in_the_contracts() -> None:
    fields = {"checks": "items", "job_id": "id", "student_id": "who", "commit_hash": "sha", "enqueued_at": "at"}
    row = {"id": 7, "who": "ann", "sha": commit(1), "at": 1_795_953_303_968, "status": "waiting"}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"items": [row]}))
    names = HttpNames(fields=fields, values={"status:queued": "waiting"})
    (check,) = HwChecker(Caller("http://checker", names=names, transport=transport)).checks(30)
    assert (check.job_id, check.student_id, check.idle, check.enqueued_at.year) == ("7", "ann", False, 2026)


def answers(response: httpx.Response) -> HwChecker:
    secret = {"X-API-Key": KEY}
    return HwChecker(Caller("http://checker", headers=secret, transport=httpx.MockTransport(lambda _: response)))


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(503, json={"detail": "Service Unavailable"}),
        httpx.Response(401, json={"detail": "Invalid or missing API key"}),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"checks": None}),
        httpx.Response(200, json={"checks": [{"job_id": "j"}]}),
        httpx.Response(200, json={"checks": ["text"]}),
    ],
    ids=["503", "401", "html", "null", "incomplete", "text"],
)
def test_a_checker_that_cannot_be_read_is_inconclusive_and_its_key_is_not_told(response: httpx.Response) -> None:
    checker = answers(response)
    with pytest.raises(HwCheckerDown, match="the HW checker") as caught:
        checker.checks(30)
    assert KEY not in f"{caught.value} {checker!r}"
    assert ("without student_id, commit_hash, enqueued_at, status" in str(caught.value)) == ("job_id" in response.text)


def test_the_key_is_read_from_the_env_file(tmp_path: Path) -> None:
    env = tmp_path / ".env.infra"
    target: Any = SimpleNamespace(
        env_file=env,
        hw_checker_url="http://checker",
        hw_checker_header="Authorization Bearer",
        hw_checker_names=HttpNames(),
        http_timeout_s=3,
        source=tmp_path / "target.env",
    )
    target.having = lambda _: target
    env.write_text(f"HW_CHECKER_API_KEY='{KEY}'\n")
    assert HwChecker.of(target).caller.headers == {"Authorization": f"Bearer {KEY}"}
    target.hw_checker_header = "X-API-Key"
    assert HwChecker.of(target).caller.headers == {"X-API-Key": KEY}
    env.write_text("HW_CHECKER_API_KEY=\n")
    with pytest.raises(Inconclusive, match="HW_CHECKER_API_KEY"):
        HwChecker.of(target)


def test_a_good_checker_can_be_depended_on() -> None:
    assert 0 < TinyChecker(("ann", 1)).checker.dependable(within_s=2) < 2


@pytest.mark.parametrize("health", [{"status": "degraded"}, {}, None, ["ok"]], ids=str)
def test_a_checker_that_is_not_healthy_cannot(health: Any) -> None:
    tiny = TinyChecker(("ann", 1))
    tiny.health = health
    with pytest.raises(Inconclusive, match=r'expected 200 \{"status":"ok"\}'):
        tiny.checker.dependable(within_s=2)


def test_a_checker_whose_data_fail_or_are_late_cannot_either() -> None:
    def healthy_only(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"status": "ok"}) if request.url.path == "/health" else httpx.Response(500)

    checker = HwChecker(Caller("http://checker", transport=httpx.MockTransport(healthy_only)))
    for asked, within_s, why in (checker, 2, "answered 500"), (TinyChecker(("ann", 1)).checker, 0, "last of 2 looks"):
        with pytest.raises(Inconclusive, match=why):
            asked.dependable(within_s=within_s)


def only(tiny: TinyChecker) -> Check:
    return reviewable(tiny.checker.checks(30), *(job["student_id"] for job in tiny.jobs))[0]


@pytest.mark.parametrize(("age", "by"), [(0.01, "enqueued_at"), (12, "enqueued_at"), (12, "submitted_at")])
def test_a_review_counts_when_the_checker_queued_the_commit_again(age: float, by: str) -> None:
    tiny = TinyChecker(("test_user", age))
    tiny.listed_by = by
    done = tiny.homework.request_review(tiny.checker, only(tiny), patience_s=5)
    assert (done.findings(), done.submitted, done.review_id) == ([], True, "job1")
    assert tiny.checker.times(done.before) == 1
    again = tiny.jobs[0] | {"job_id": "job2", "enqueued_at": datetime.now(UTC).isoformat()}
    tiny.jobs.append(again)
    assert tiny.checker.times(done.before) == 2


@pytest.mark.parametrize("age", [0.01, 12])
def test_a_202_alone_is_no_review(age: float) -> None:
    tiny = TinyChecker(("test_user", age), forwards=False)
    done = tiny.homework.request_review(tiny.checker, only(tiny), patience_s=0.1)
    assert not done.submitted
    assert f"expected the HW checker to have queued commit {commit(1)} of test_user again" in str(done.findings()[0])


def test_a_refused_review_is_not_waited_for() -> None:
    tiny = TinyChecker(("test_user", 1))
    refusing = Homework(
        Caller("http://worker", transport=httpx.MockTransport(lambda _: httpx.Response(502, json={"detail": "x"})))
    )
    done = refusing.request_review(tiny.checker, only(tiny), patience_s=60)
    assert "expected 202" in str(done.findings()[0])
    assert not done.submitted


def test_a_202_without_an_id_is_found_out() -> None:
    tiny = TinyChecker(("test_user", 1))
    bare = Homework(Caller("http://worker", transport=httpx.MockTransport(lambda _: httpx.Response(202, json={}))))
    found = bare.request_review(tiny.checker, only(tiny), patience_s=0.1).findings()
    assert [each.expected for each in found[:2]] == ["a review_id", "a status"]


def test_newest_commits_of_the_named_students_come_first() -> None:
    checks = TinyChecker(("ann", 1), ("bob", 2), ("cy", 3), ("bob", 1)).checker.checks(30)
    assert [check.commit_hash for check in reviewable(checks, "bob", "cy")] == [commit(4), commit(2), commit(3)]


def test_only_test_students_work_is_reviewed() -> None:
    tiny = TinyChecker(("ann", 1), ("test_user", 2), ("soak_user_1", 3), ("test_user_x", 1), ("my_soak_user", 1))
    traffic = HomeworkTraffic(tiny.homework, tiny.checker, OURS, patience_s=1)
    for _ in range(8):
        traffic.send()
    assert {asked for asked in tiny.asked if asked.startswith("review")} == {"review 2", "review 3"}


@pytest.mark.parametrize("name", ["test_user", "*"])
def test_no_commit_of_a_student_is_inconclusive(name: str) -> None:
    with pytest.raises(Inconclusive, match="submit one") as caught:
        reviewable(TinyChecker(("ann", 1)).checker.checks(30), name)
    assert not isinstance(caught.value, HwCheckerDown)  # nothing that passes by itself


def test_no_commit_of_a_test_student_is_inconclusive() -> None:
    tiny = TinyChecker(("ann", 1))
    with pytest.raises(Inconclusive, match=r"test_user or soak_user\* .*submit one"):
        HomeworkTraffic(tiny.homework, tiny.checker, OURS, patience_s=1)


def test_traffic_alternates_lists_of_all_and_reviews_of_test_students() -> None:
    tiny = TinyChecker(("ann", 1), ("test_user", 1), ("test_user", 3))
    traffic = HomeworkTraffic(tiny.homework, tiny.checker, OURS, patience_s=1)
    assert [traffic.send() for _ in range(6)] == [[]] * 6
    assert tiny.asked == ["list ann", "review 2", "list test_user", "review 3", "list ann", "review 2"]


def test_a_commit_under_review_is_not_asked_for_again() -> None:
    tiny = TinyChecker(("test_user", 0.001), status="running")
    traffic = HomeworkTraffic(tiny.homework, tiny.checker, OURS, patience_s=1)
    assert [traffic.send() for _ in range(2)] == [[], []]
    assert tiny.asked == ["list test_user", "list test_user"]


def test_traffic_counts_the_reviews_that_do_not_appear_and_sees_a_list_run_empty() -> None:
    tiny = TinyChecker(("test_user", 2), forwards=False)
    traffic = HomeworkTraffic(tiny.homework, tiny.checker, OURS, patience_s=0.1)
    assert [bool(traffic.send()) for _ in range(4)] == [False, True, False, True]
    assert (traffic.missing, traffic.bad_lists) == (2, 0)
    tiny.spoil = lambda _: []
    assert f"expected commit {commit(1)}, which the HW checker has" in summary(traffic.send())
    assert traffic.bad_lists == 1


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda rows: [*rows, rows[0]], "1 times commit"),
        (lambda rows: [row | {"date": "2026-11-24T00:00:00+03:00"} for row in rows], "1 times commit"),
        (lambda rows: [*rows, rows[0] | {"hash": commit(9)}], f"commit {commit(9)}"),
    ],
    ids=["twice", "another time", "another's"],
)
def test_traffic_holds_each_list_to_the_checker_where_the_old_path_did(spoil: Any, told: str) -> None:
    tiny = TinyChecker(("ann", 1), ("test_user", 2))
    traffic = HomeworkTraffic(tiny.homework, tiny.checker, OURS, patience_s=1, forms=[*FORMS])
    assert [traffic.send() for _ in range(4)] == [[]] * 4
    tiny.spoil = spoil
    assert told in summary(traffic.send())


@pytest.mark.parametrize("kept", [slice(None), slice(-1, None), slice(1)], ids=list(FORMS))
def test_a_worker_may_list_each_check_of_a_commit_or_one_of_them(kept: slice) -> None:
    """A worker that lists a commit once is no fault: the old path shows which of its checks, or leaves it open."""
    tiny = TinyChecker(("ann", 1), ("test_user", 2))
    tiny.spoil = lambda rows: rows[kept]  # each student has one commit
    assert lists(tiny.homework, tiny.checker, ["test_user"]).forms == {*FORMS}  # nothing was checked twice
    tiny.jobs.append(tiny.jobs[1] | {"job_id": "job9", "enqueued_at": NOW.isoformat()})
    (form,) = lists(tiny.homework, tiny.checker, ["test_user"]).forms
    for forms in ([form], [*FORMS]):
        traffic = HomeworkTraffic(tiny.homework, tiny.checker, OURS, patience_s=1, forms=forms)
        assert [traffic._list("ann"), traffic._list("test_user")] == [[], []]
    (other, *_) = (each for each in FORMS if each != form)
    assert HomeworkTraffic(tiny.homework, tiny.checker, OURS, patience_s=1, forms=[other])._list("test_user")


def test_a_commit_that_somebody_submits_meanwhile_is_no_fault_of_the_list() -> None:
    tiny = TinyChecker(("test_user", 2))
    traffic = HomeworkTraffic(tiny.homework, tiny.checker, OURS, patience_s=1, forms=[*FORMS])
    tiny.jobs.append(tiny.jobs[0] | {"job_id": "job9", "commit_hash": commit(9)})
    assert traffic.send() == []


class Metrics:
    """A Prometheus that gives one answer after the other, the last for ever."""

    def __init__(self, *answers: list[Sample]) -> None:
        self._answers = itertools.chain(answers, itertools.repeat(answers[-1]))

    def instant(self, _: str) -> list[Sample]:
        return next(self._answers)


COUNTED = [Sample({"operation": "list_commits"}, 3, 0)]
