"""Good answers keep the fields that all of them had by the old path, and their types."""

import json

import pytest

from acceptance.probes.answers import other_form
from acceptance.probes.http.exchange import Exchange

OLD = {"task_id": "rev_1", "created_at": "2025-11-15T02:00:00Z", "links": {"self": "/x"}}


def answers(*bodies, status=201, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return [Exchange("POST", "http://api", status, "", named, json.dumps(body), 0.1, 1, "ab") for body in bodies]


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


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ({"content_type": "application/json"}, {"content_type": "text/plain; charset=utf-8"}, "found text/plain"),
        ({"content_type": "application/json"}, {"content_type": "application/json; charset=utf-8"}, ""),
        ({}, {"cache_control": "public, max-age=3600"}, "cache-control: expected none, as by the old path"),
        ({}, {"cache_control": "s-maxage=60"}, "cache-control"),
        ({}, {"cache_control": "private, max-age=0, must-revalidate"}, ""),
        ({}, {"cache_control": "no-store, max-age=60"}, ""),
        ({"cache_control": "public"}, {"cache_control": "public"}, ""),
        ({"cache_control": "public"}, {}, ""),
        ({}, {"access_control_allow_origin": "*"}, "access-control-allow-origin"),
        ({"x_frame_options": "DENY"}, {}, "x-frame-options: expected DENY"),
        ({}, {"set_cookie": "a=1"}, "found one"),
        ({"set_cookie": "a=1"}, {"set_cookie": "a=2"}, ""),
    ],
)
def test_what_a_client_a_browser_or_a_cache_makes_of_an_answer_is_as_by_the_old_path(before, now, told):
    found = "".join(map(str, other_form(answers(OLD, **before), answers(OLD, **now))))
    assert told in found
    assert bool(found) == bool(told)


def test_one_of_the_headers_of_the_old_path_is_enough():
    assert other_form([*answers(OLD), *answers(OLD, set_cookie="a=1")], answers(OLD, set_cookie="a=2")) == []


def test_an_answer_that_only_lost_what_may_be_lost_hides_no_other():
    """The first answer unlike those of before stood for all of them."""
    now = [*answers(OLD), *answers(OLD, set_cookie="a=1")]
    assert "set-cookie" in str(other_form(answers(OLD, cache_control="public"), now))
