"""Good answers keep the fields that all of them had by the old path, and their types."""

import json

import pytest

from acceptance.probes.answers import other_form
from acceptance.probes.http.exchange import Exchange

OLD = {"task_id": "rev_1", "created_at": "2025-11-15T02:00:00Z", "links": {"self": "/x"}}


def answers(*bodies, status=201):
    return [Exchange("POST", "http://api", status, "", {}, json.dumps(body), 0.1, 1, "ab") for body in bodies]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"task_id": 7}, "answer.task_id with a text, as by the old path, found a number"),
        ({"created_at": 1763172000}, "answer.created_at with a text, as by the old path, found a number"),
        ({"links": {}}, "answer.links.self with a text, as by the old path, found nothing"),
        ({"task_id": "another", "more": 1}, ""),
    ],
)
def test_a_field_that_is_gone_or_of_another_type_is_told(change, told):
    found = other_form(answers(OLD, OLD | {"hint": "only sometimes"}), answers(OLD | change))
    assert [str(each).partition(": expected ")[2].split("; ")[0] for each in found] == [told] * bool(told)


def test_a_field_may_be_empty_in_some_answers():
    assert other_form(answers(OLD, OLD), answers(OLD, OLD | {"links": {}, "created_at": None})) == []


def test_only_good_answers_in_json_are_compared():
    refused, lists = answers({"detail": "no"}, status=422), answers([1])
    assert other_form(answers(OLD), [*refused, *lists]) == other_form([*refused, *lists], answers(OLD)) == []
