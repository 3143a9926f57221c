"""What users stored before is asked for again as whose it is."""

from types import SimpleNamespace

import httpx
import pytest

from acceptance.probes.http.client import Caller
from acceptance.probes.user_path import User, tasks, work

OURS, THEIRS = {"authorization": "Bearer ours"}, {"authorization": "Bearer theirs"}
LOGINS = {headers["authorization"]: owner for owner, headers in (("ours", OURS), ("theirs", THEIRS))}


class Stored:
    """A database with one task."""

    def __getitem__(self, name):
        return self

    def find(self, query):
        return self

    def newest(self, most):
        return [{"task_id": "rev_1", "metadata": {"student_id": "ops-1"}}]


@pytest.mark.parametrize(
    ("owner", "other", "found"),
    [("ours", THEIRS, 0), ("theirs", THEIRS, 0), ("theirs", {}, 1), ("nobody", THEIRS, 1)],
    ids=["our task", "the other student's", "no other login", "a lost one"],
)
def test_a_task_is_asked_for_with_the_login_of_its_student(owner, other, found):
    def answer(request):
        its = LOGINS[request.headers["authorization"]] == owner
        return (
            httpx.Response(200, json={"student_id": "ops-1"}) if its else httpx.Response(404, json={"detail": "none"})
        )

    caller = Caller("http://api", headers=OURS, transport=httpx.MockTransport(answer))
    clients = SimpleNamespace(caller=lambda _: caller, target=SimpleNamespace(other_headers=other))
    findings = list(tasks(User(clients, Stored(), str, ("ops",))))
    assert [(each.kind, "answered 404" in each.found) for each in findings] == [("cannot be read", True)] * found


class Kept(Stored):
    """A database with one archive, and no task."""

    def __getitem__(self, name):
        self.name = name
        return self

    def newest(self, most):
        return [{"path": "ann/new.zip", "sha256": "0" * 64}] if self.name == "review_archives" else []


@pytest.mark.parametrize(
    ("wrong_already", "found"), [(frozenset(), 1), (frozenset({"ann/new.zip"}), 0), (None, 0)], ids=str
)
def test_an_archive_is_lost_by_a_rollback_only_if_it_was_there_before(tmp_path, wrong_already, found):
    clients = SimpleNamespace(target=SimpleNamespace(storage=SimpleNamespace(root=tmp_path)))
    lost = list(work(User(clients, Kept(), str, ("ops",), wrong_already)))
    assert [each.kind for each in lost] == ["missing archive"] * found
