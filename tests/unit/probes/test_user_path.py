"""What users stored before is asked for again as whose it is."""

from types import SimpleNamespace

import httpx
import pytest

from acceptance.probes.http.client import Caller
from acceptance.probes.user_path import User, tasks

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
