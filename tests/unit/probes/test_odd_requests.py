"""What no service can serve is refused, as the old path did."""

import re

import httpx
import pytest

from acceptance.probes.http.client import Caller
from acceptance.probes.odd_requests import ODD, Answer, odd_answers, odd_findings


@pytest.mark.parametrize("key", ODD)
def test_each_odd_request_is_sent_and_its_status_kept(key):
    service = Caller("http://service", transport=httpx.MockTransport(lambda _: httpx.Response(422)))
    sent = odd_answers(service, key, "nobody")
    assert {name: sent[name] for name in ODD[key]} == dict.fromkeys(ODD[key], Answer(422))


@pytest.mark.parametrize(
    ("form", "status"),
    [(r"rev_.*", 404), (r"[0-9a-f-]{36}", 404), (r"[0-9a-f]{24}", 404), (r"[0-9]{1,10}", 404), ("", 422)],
)
def test_an_unknown_task_has_an_id_as_the_deployment_has_them(form, status):
    def serve(request):
        return httpx.Response(404 if re.fullmatch(form, request.url.path.rpartition("/")[2]) else 422)

    called = ODD["api"]["an unknown task"](Caller("http://api", transport=httpx.MockTransport(serve)), "nobody")
    assert called.exchange.status == status


@pytest.mark.parametrize("key", ODD)
def test_a_new_path_that_forgets_to_ask_for_the_login_is_found_out(key):
    login = {"X-Login": "Bearer 0123456789abcdef"}

    def service(*, asks):
        def serve(request):
            return httpx.Response(404 if not asks or request.headers.get("x-login") == login["X-Login"] else 401)

        return Caller("http://service", headers=login, transport=httpx.MockTransport(serve))

    old, new = (odd_answers(service(asks=asks), key, "nobody") for asks in (True, False))
    assert odd_findings(old, old) == []
    told = {str(each) for each in odd_findings(new, old)}
    assert len(told) == 4 * len(ODD[key])
    assert any("no login: expected 401, as by the old path, found 404" in each for each in told)


@pytest.mark.parametrize(
    ("now", "before", "told"),
    [
        ({"no user": 422}, None, []),
        ({"no user": 422}, {"no user": 422}, []),
        ({"no user": 500}, {"no user": 500}, []),
        ({"an unknown task": 404}, {"an unknown task": 404}, []),
        ({"no user": 500}, None, ["expected a 4xx that refuses it, found 500"]),
        ({"no user": None}, None, ["expected a 4xx that refuses it, found None"]),
        ({"no user": 200}, None, ["expected a 4xx that refuses it, found 200"]),
        ({"no user": 423}, None, ["expected a 4xx that refuses it, found 423"]),
        ({"no commit, no login": 200}, None, ["expected a 4xx that refuses it, found 200"]),
        ({"no commit, no login": 401}, None, []),
        ({"an empty message": 200}, None, []),
        ({"an unknown commit": 405}, None, ["expected a 4xx that refuses it, found 405"]),
        ({"all reviews": 405}, None, []),
        ({"a digest in capitals": None}, None, ["expected a 4xx that refuses it, found None"]),
        ({"no user": 200}, {"no user": 422}, ["expected 422, as by the old path, found 200"]),
        ({"an unknown task": 200}, {"an unknown task": 200}, ["expected 404, found 200"]),
    ],
)
def test_other_answers_are_named(now, before, told):
    now, before = ({name: Answer(each) for name, each in (of or {}).items()} for of in (now, before))
    assert [str(each).partition(": ")[2] for each in odd_findings(now, before)] == told


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        (
            {},
            {"headers": {"content-type": "text/html"}},
            "content-type: expected application/json, as by the old path, found text/html",
        ),
        ({"headers": {"x-frame-options": "DENY"}}, {}, "x-frame-options: expected DENY"),
        ({}, {"headers": {"access-control-allow-origin": "*"}}, "found *"),
        ({}, {"internals": ("absolute path: /srv/x",)}, "found absolute path: /srv/x"),
        ({"headers": {"set-cookie": "one"}}, {"headers": {"x-frame-options": "DENY"}}, ""),
        ({"internals": ("absolute path: /srv/x",)}, {"internals": ("absolute path: /srv/y",)}, ""),
    ],
)
def test_what_a_browser_or_a_stranger_is_told_is_as_by_the_old_path(was, now, told):
    def made(headers=None, internals=()):
        return Answer(405, {"content-type": "application/json", **(headers or {})}, internals)

    old, new = ({"all tasks": made(**each)} for each in (was, now))
    found = "".join(map(str, odd_findings(new, old)))
    assert told in found
    assert bool(found) == bool(told)
