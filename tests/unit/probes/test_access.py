"""Strangers are turned away, or the target file says how bad it is that they are not; secrets are shown nowhere."""

from base64 import b64encode
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from acceptance.finding import Severity
from acceptance.probes.attacks.access import HIDDEN, Door, as_another, let_in, require_statement, told_by
from acceptance.probes.attacks.leaks import leaks
from acceptance.probes.http.client import Caller
from acceptance.probes.http.exchange import Exchange
from acceptance.target.parts import Authentication
from acceptance.verdict import Inconclusive, NotApplicable

REQUIRED, BY_DESIGN = Authentication(required=True), Authentication(required=False, severity=Severity.LOW)
SHARED = Authentication(required=True, shared=True)
OURS, OTHERS = {"Authorization": "Bearer ours"}, {"Authorization": "Bearer others"}


def door(statuses, stated=None, login=OURS, refused=(401, 403)):
    """A door that answers by the login: ours, others, none, and any that it does not know."""

    def serve(request):
        given = request.headers.get("authorization", "")
        known = {"Bearer ours": "ours", "Bearer others": "others", "": "none", "Bearer": "empty"}
        name = known.get(given, "begins" if given.startswith("Bearer our") else "wrong")
        status = statuses.get(name, 401)
        if status is None:
            raise httpx.ConnectError("down")
        return httpx.Response(status, headers={"location": "/login"} if status == 302 else {})

    transport = httpx.MockTransport(serve)
    return Door(
        "api: a task",
        lambda by: Caller("http://api", headers=by, transport=transport).get("/x").exchange,
        login,
        refused,
        stated,
    )


def told(found):
    return [(each.kind, each.subject.partition(" with ")[2], each.severity.name) for each in found]


@pytest.mark.parametrize(
    ("statuses", "stated", "found"),
    [
        ({"ours": 200}, REQUIRED, []),
        ({"ours": 200}, None, []),
        ({"ours": 201, "none": 403, "wrong": 401}, REQUIRED, []),
        ({"ours": 200, "none": 302, "wrong": 302}, REQUIRED, []),
        ({"ours": 200, "none": 304}, REQUIRED, [("odd refusal", "no login", "MEDIUM")]),
        ({"ours": 200, "none": 200}, REQUIRED, [("unauthorized access", "no login", "CRITICAL")]),
        ({"ours": 200, "wrong": 200}, REQUIRED, [("unauthorized access", "a wrong login", "CRITICAL")]),
        ({"ours": 200, "empty": 200}, REQUIRED, [("unauthorized access", "an empty login", "CRITICAL")]),
        (
            {"ours": 200, "begins": 200},
            REQUIRED,
            [("unauthorized access", "a login that only begins as ours", "CRITICAL")],
        ),
        ({"ours": 200, "none": 422}, REQUIRED, [("odd refusal", "no login", "MEDIUM")]),
        ({"ours": 200, "wrong": 500}, REQUIRED, [("odd refusal", "a wrong login", "MEDIUM")]),
        ({"ours": 200, "none": 200}, BY_DESIGN, [("no authentication", "no login", "LOW")]),
        ({"ours": 200, "none": 200}, Authentication(False, Severity.HIGH), [("no authentication", "no login", "HIGH")]),
    ],
)
def test_strangers_are_turned_away_or_told(statuses, stated, found):
    assert told(let_in([door(statuses, stated)])) == found


@pytest.mark.parametrize(
    ("statuses", "stated", "why"),
    [
        ({"ours": 401}, REQUIRED, "let our own login in, found 401"),
        ({"ours": None}, REQUIRED, "let our own login in"),
        ({"ours": 200, "none": None}, REQUIRED, "expected an answer"),
        ({"ours": 200, "wrong": 429}, REQUIRED, "expected an answer, found 429"),
        ({"ours": 200, "none": 200}, None, "AUTHENTICATION of the target file does not say"),
    ],
)
def test_refusal_without_a_control_and_an_open_door_without_a_word_prove_nothing(statuses, stated, why):
    with pytest.raises(Inconclusive, match=why):
        let_in([door(statuses, stated)])


@pytest.mark.parametrize("who", ["none", "ours"])
def test_login_page_lets_nobody_in(who):
    def serve(by):
        name = "ours" if by else "none"
        page = {"content-type": "text/html; charset=utf-8"} if name == who or who == "ours" else {}
        return Exchange("GET", "/x", 200 if by == OURS or name == who else 401, "", page, "", 0, 0, "")

    if who == "ours":
        with pytest.raises(Inconclusive, match="let our own login in"):
            let_in([Door("api", serve, OURS, stated=REQUIRED)])
    else:
        assert told(let_in([Door("api", serve, OURS, stated=REQUIRED)])) == [("odd refusal", "no login", "MEDIUM")]


def test_task_of_one_student_is_hidden_from_another():
    others = door({"others": 200}, login=OTHERS)
    assert as_another(door({"ours": 200, "others": 404}, REQUIRED, refused=HIDDEN), others) == []
    found = as_another(door({"ours": 200, "others": 200}, REQUIRED, refused=HIDDEN), others)
    assert told(found) == [("unauthorized access", "another student's login", "CRITICAL")]
    found = as_another(door({"none": 200}, BY_DESIGN, {}), None)
    assert told(found) == [("no authentication", "no login", "LOW")]


@pytest.mark.parametrize(("others", "stated"), [(None, REQUIRED), (None, None), (door({}, login=OTHERS), REQUIRED)])
def test_other_login_that_is_not_there_or_let_in_nowhere_proves_nothing(others, stated):
    with pytest.raises(Inconclusive, match="OTHER_LOGIN"):
        as_another(door({"ours": 200, "others": 404}, stated, refused=HIDDEN), others)


def test_login_of_a_calling_service_is_no_students():
    with pytest.raises(NotApplicable, match="required:service"):
        as_another(door({"ours": 200}, SHARED, refused=HIDDEN), None)
    assert told(let_in([door({"ours": 200, "none": 200}, SHARED)])) == [("unauthorized access", "no login", "CRITICAL")]


def test_a_thing_is_told_by_its_own_name_alone():
    tasks = ["rev_1x", "rev_2y"]

    def by_its_beginning(name):
        return next((task for task in tasks if task.startswith(name)), None)

    assert told_by(by_its_beginning, "rev_2y") == ["its beginning"]
    assert told_by(lambda name: name if name in tasks else None, "rev_2y") == []
    numbered = {"12": 12, "123": 123, "124%25": 124}
    assert [told_by(numbered.get, number) for number in (123, 1245)] == [[], []]
    assert told_by({"12%25": 123}.get, 123) == ["a pattern of SQL"]


@pytest.mark.parametrize(("stated", "other"), [(None, "x"), (REQUIRED, "")])
def test_nobody_finds_out_with_the_flag_on_that_the_target_file_says_nothing(stated, other):
    def services(bot, api):
        return {key: SimpleNamespace(authentication=said) for key, said in (("bot", bot), ("api", api))}

    require_statement(services(BY_DESIGN, SHARED), "")
    require_statement(services(BY_DESIGN, REQUIRED), "x")
    for said in (services(BY_DESIGN, stated), services(None, stated)):
        with pytest.raises(Inconclusive):
            require_statement(said, other)


SECRET = {"hunter2-and-more": "MONGO_PASSWORD"}


@pytest.mark.parametrize(
    ("pages", "lines", "where"),
    [
        ({}, ["started"], []),
        ({"/config": "{'url': 'mongodb://u:hunter2-and-more@db'}"}, ["started"], ["GET /config of butler-api"]),
        (
            {"/no-such-page": "no page, hunter2-and-more"},
            ["x"],
            [f"{verb} /no-such-page of butler-api" for verb in ("GET", "POST")],
        ),
        ({}, ["using hunter2-and-more"], ["log of butler-api"]),
        ({}, ["Authorization: Basic " + b64encode(b"u:hunter2-and-more").decode()], ["log of butler-api"]),
        ({}, ["using mongodb://u:hunt", "    er2-and-more@db, wrapped"], ["log of butler-api"]),
    ],
)
def test_secret_is_found_where_it_is_shown_and_named_by_its_key(pages, lines, where):
    found = leaks(*asked(pages, lines), SECRET)
    assert ([each.subject for each in found], "hunter2" in str(found)) == (where, False)
    assert all("MONGO_PASSWORD" in each.found for each in found)


def asked(pages, lines) -> tuple[Caller, Any, str, datetime]:
    transport = httpx.MockTransport(lambda it: httpx.Response(404, text=pages.get(it.url.path, "no such page")))
    logs = SimpleNamespace(read=lambda _: SimpleNamespace(lines=[SimpleNamespace(text=it, message="") for it in lines]))
    return Caller("http://api", transport=transport), logs, "butler-api", datetime.now(UTC)


@pytest.mark.parametrize(("lines", "known"), [([], SECRET), (["started"], {})], ids=["no line", "no secret"])
def test_nothing_to_look_for_or_in_proves_nothing(lines, known):
    with pytest.raises(Inconclusive):
        leaks(*asked({}, lines), known)
