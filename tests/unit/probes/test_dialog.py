"""Dialog probes: what is a good answer, a kept context, users who are not mixed up. Butler is a few lines here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import httpx
import pytest
from pymongo.errors import ServerSelectionTimeoutError
from served import served

from acceptance.finding import summary
from acceptance.gates.figures import TriggerState
from acceptance.observe.collections import look_at
from acceptance.observe.store import Store
from acceptance.probes.dialog import contexts
from acceptance.probes.dialog.chat import Chat
from acceptance.probes.dialog.concurrent_users import converse_at_once
from acceptance.probes.dialog.conversation import Conversation, converse, other_forms
from acceptance.probes.dialog.gateway import RECALL, Butler, Turn, error_in, keep
from acceptance.probes.dialog.sessions import AT_ONCE, Sessions
from acceptance.probes.http.client import Caller
from acceptance.probes.http.exchange import Exchange
from acceptance.stage import Stage
from acceptance.stages.session import StageWork
from acceptance.stages.user_triggers import HardFault
from acceptance.target.naming import DocumentNames
from acceptance.verdict import Inconclusive, Verdict

Answer = Callable[[dict[str, str]], dict[str, Any]]


class TinyButler:
    """Keeps histories by session; `spoil` changes an answer on its way out."""

    def __init__(
        self, spoil: Answer = lambda answer: answer, status: int = 200, one_session: str | None = None
    ) -> None:
        self.histories: dict[str, list[str]] = {}
        self.requests: list[httpx.Request] = []
        self._spoil = spoil
        self._status = status
        self._one_session = one_session

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        said = json.loads(request.content)
        session = said.get("session_id") or self._one_session or f"session-{len(self.histories) + 1}"
        history = self.histories.setdefault(session, [])
        told = [message for message in history if message != RECALL]
        before = f"Before this you said: {told[-1]}" if told else "Nothing."
        reply = before if said["message"] == RECALL else "Noted."
        history.append(said["message"])
        answer = self._spoil({"session_id": session, "reply": reply, "mode": "talk"})
        return httpx.Response(self._status, json=answer)

    def client(self, **how: Any) -> Butler:
        return Butler(Caller("http://bot/", transport=httpx.MockTransport(self), **how))


def spoilt(**fields: Any) -> Answer:
    return lambda answer: {**answer, **fields}


def test_a_good_answer_has_no_findings_and_carries_our_trace() -> None:
    tiny = TinyButler()
    turn = tiny.client(trace_prefix="abc").say("u", "Hello")
    assert (turn.findings(), turn.session_id, turn.reply, turn.mode) == ([], "session-1", "Noted.", "talk")
    assert tiny.requests[0].url == "http://bot/api/v1/dialog/messages"
    assert tiny.requests[0].headers["traceparent"].split("-")[1] == turn.exchange.trace_id
    assert turn.exchange.trace_id.startswith("abc")
    assert json.loads(tiny.requests[0].content) == {"user_id": "u", "message": "Hello"}


@pytest.mark.parametrize(
    ("field", "value", "wrong"),
    [
        ("reply", "Sorry, an error occurred. Please try again.", "found an error text ('an error')"),
        ("reply", "  ", "expected a reply"),
        ("reply", None, "expected a reply"),
        ("session_id", "", "expected a session_id"),
        ("session_id", 7.5, "expected a session_id"),
        ("session_id", True, "expected a session_id"),
        ("mode", "confused", "or one that BOT_VALUES names, found 'confused'"),
        ("mode", None, "expected a mode of"),
    ],
)
def test_a_200_with_a_bad_content_is_found_out(field: str, value: object, wrong: str) -> None:
    answer = TinyButler(spoilt(**{field: value})).client().say("u", "Hello")
    assert wrong in summary(answer.findings())


def test_a_session_may_be_a_number() -> None:
    turn = TinyButler(spoilt(session_id=7)).client().say("u", "Hello")
    assert (turn.findings(), turn.session_id) == ([], "7")


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b'"text"'])
def test_an_answer_that_is_no_object_is_found_out(body: bytes) -> None:
    butler = Butler(Caller("http://bot", transport=httpx.MockTransport(lambda _: httpx.Response(200, content=body))))
    assert len(butler.say("u", "Hello").findings()) == 3


def test_no_answer_and_a_bad_status_are_findings_of_their_own() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    silent = Butler(Caller("http://bot", transport=httpx.MockTransport(refuse))).say("u", "Hello")
    assert "expected 200, found POST " in str(silent.findings()[0])
    assert "no answer: ConnectError: refused" in str(silent.findings()[0])
    assert "answered 503" in str(TinyButler(status=503).client().say("u", "Hello").findings()[0])


@pytest.mark.parametrize(
    "reply",
    [
        "Sorry, an error occurred while processing your message. Please try again.",
        "❌ Failed",
        "Произошла ошибка. Попробуйте позже.",
        "Something went wrong.",
        "Internal error",
        "I could not process your request",
        "The service is temporarily unavailable",
        "Traceback (most recent call last):",
        "Не удалось обработать сообщение",
    ],
)
def test_error_texts_are_known(reply: str) -> None:
    assert error_in(reply)


@pytest.mark.parametrize(
    "reply",
    [
        "Hello! I am Butler. Ask me for a channel's digest or for channel info.",
        "Before this you said: Please keep this word for me: lantern-0a1b2c3d",
        "I have noted that as message 2 of our conversation. What shall I do next?",
        "Sorry to hear that; shall I set a reminder?",
        "Digest of channel x, last 24 hours, 3 posts:\n1. Terror and error bars",
        "Привет! Чем могу помочь?",
    ],
)
def test_good_replies_are_no_error_texts(reply: str) -> None:
    assert error_in(reply) is None


def test_a_conversation_stays_in_the_session_that_the_first_answer_named() -> None:
    tiny = TinyButler()
    talk = converse(tiny.client(), "u", ["Hello", keep("lantern-1"), RECALL], look=lambda turn: turn.message)
    assert (talk.findings(), talk.other_session(), talk.session_id) == ([], [], "session-1")
    assert [json.loads(each.content).get("session_id") for each in tiny.requests] == [None, "session-1", "session-1"]
    assert talk.turns[-1].forgot("lantern-1") == []
    assert talk.contexts == tuple(talk.said)


def test_a_session_that_changes_and_a_history_that_is_lost_are_found_out() -> None:
    names = iter("abc")
    talk = converse(
        TinyButler(lambda answer: {**answer, "session_id": next(names)}).client(), "u", ["Hello", keep("w"), RECALL]
    )
    assert [str(each).partition(":")[0] for each in talk.other_session()] == ["turn 2", "turn 3"]
    told = [str(each).rpartition(": ")[2] for each in talk.other_session()]
    assert told == [f"expected session 'a', found '{other}'" for other in "bc"]
    assert "expected 'lantern-x', said before" in summary(talk.turns[-1].forgot("lantern-x"))


def context(**fields: Any) -> dict[str, Any]:
    data = {"history": [{"role": "user", "text": "one"}, {"role": "butler", "text": "ok"}, {"text": "two"}]}
    return {"session_id": "s", "user_id": "u", "state": "active", "data": data, "step_count": 2, **fields}


def test_a_kept_context_has_no_findings_whatever_the_shape_of_its_history() -> None:
    assert contexts.findings(context(), "u", ["one", "two"]) == []
    assert contexts.findings(context(data={"messages": ["one", ["two"]]}), "u", ["one", "two"]) == []
    assert contexts.findings(context(data='{"messages": ["one", "two"]}'), "u", ["one", "two"]) == []


@pytest.mark.parametrize(
    ("stored", "said", "wrong"),
    [
        (None, [], "found none"),
        (context(data=None), [], "expected data in the document"),
        (context(user_id="other"), [], "expected user_id 'u', found 'other'"),
        (context(step_count=0), [], "expected step_count of at least 1, found 0"),
        (context(step_count="2"), [], "expected step_count of at least 1, found '2'"),
        (context(), ["two", "one"], "expected 'one' in data, after what was said before it"),
        (context(), ["one", "two", "three"], "expected 'three' in data"),
        (context(), ["one", "one"], "expected 'one' in data"),
    ],
)
def test_what_a_context_lacks_is_named(stored: dict[str, Any] | None, said: list[str], wrong: str) -> None:
    assert wrong in summary(contexts.findings(stored, "u", said))


class DownMongo:
    """A database that does not answer."""

    name = "butler"

    full_name = "butler.dialog_contexts"

    def __getitem__(self, _: str) -> DownMongo:
        return self

    def find_one(self, *_: Any) -> Any:
        raise ServerSelectionTimeoutError("no server")

    count_documents = find_one


def test_a_database_that_does_not_answer_is_not_an_empty_one() -> None:
    down = Store(DownMongo(), DocumentNames())
    with pytest.raises(Inconclusive, match="ServerSelectionTimeoutError"):
        contexts.context_of(down, "s")
    with pytest.raises(Inconclusive, match="ServerSelectionTimeoutError"):
        look_at(down, "dialog_contexts")


USERS = [f"user-{number}" for number in range(30)]


def test_good_users_at_once_have_no_findings() -> None:
    done = converse_at_once(TinyButler().client(), USERS, deadline_s=20)
    assert (done.findings(), len(done.conversations)) == ([], 30)


def test_who_keeps_a_connection_alone_sees_that_the_service_closes_it() -> None:
    """It closes a connection that was idle for long just as the next message comes, as a busy one does."""
    tiny = TinyButler()

    class Closing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # so that connections are kept

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = tiny(httpx.Request("POST", "http://bot", content=body)).content
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
            self.connection.recv(1)  # the next message: never read to its end
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Be silent."""

    with served(ThreadingHTTPServer(("127.0.0.1", 0), Closing)) as url:
        butler = Butler(Caller(url))
        done = converse_at_once(butler, USERS[:4], deadline_s=20)
        apart, kept = (converse(butler, "u", ["Hello"] * 2, kept=each).findings() for each in (False, True))
    assert (done.findings(), len(done.conversations)) == ([], 4)
    assert [str(each).partition(":")[0] for each in (*apart, *kept)] == ["turn 2 on one connection"]


def test_users_in_one_session_are_mixed_up() -> None:
    found = " ".join(
        map(str, converse_at_once(TinyButler(one_session="one").client(), USERS, deadline_s=20).findings())
    )
    assert "session one: expected one user, found it was given to 30 users" in found
    assert "was told another user's word" in found


def test_users_who_are_not_answered_in_time_are_given_up() -> None:
    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        return httpx.Response(200)

    done = converse_at_once(Butler(Caller("http://bot", transport=httpx.MockTransport(hang))), USERS, deadline_s=0.2)
    assert "found 30 of 30 that did not end" in summary(done.findings())


def test_chat_takes_users_in_turn_and_asks_each_for_its_own_word() -> None:
    tiny, names = TinyButler(), iter(range(100))
    chat = Chat(tiny.client(), lambda: f"user-{next(names)}", at_a_time=3, length=4)
    assert [chat.turn() for _ in range(24)] == [[]] * 24
    lengths = sorted((len(history) for history in tiny.histories.values()), reverse=True)
    assert (lengths[:4], sum(lengths)) == ([7, 4, 4, 4], 24)  # the first conversation goes on as long as the soak
    assert {history[1] for history in tiny.histories.values() if len(history) > 1} == {RECALL}
    assert chat.lost == 0


def test_chat_counts_lost_histories_in_a_row() -> None:
    names = iter(range(100))
    chat = Chat(TinyButler(spoilt(reply="Noted.")).client(), lambda: f"user-{next(names)}", at_a_time=2)
    assert [bool(chat.turn()) for _ in range(4)] == [False, False, True, True]
    assert (chat.lost, chat.bad) == (2, 2)


def test_chat_counts_bad_answers_in_a_row() -> None:
    chat = Chat(TinyButler(spoilt(reply="An error occurred")).client(), lambda: "user")
    assert [bool(chat.turn()) for _ in range(3)] == [True] * 3
    assert (chat.lost, chat.bad) == (0, 3)


class Stored:
    """Keeps what a chat's users said as the bot stores it, after a change."""

    def __init__(self, chat: Chat, change: Any = lambda documents: documents) -> None:
        documents = [
            context(user_id=seat.user, session_id=seat.session, step_count=seat.turns, data={"history": [*seat.talk]})
            for seat in chat.held
        ]
        self._documents = change(documents)

    def __getitem__(self, _: str) -> Stored:
        return self

    def find(self, wanted: Any, _: Any) -> list[Any]:
        return [each for each in self._documents if each["user_id"] in wanted["user_id"]["$in"]]


def talked() -> tuple[Chat, list[Conversation]]:
    """Give a chat after some turns, and a conversation by the old path."""
    tiny, names = TinyButler(), iter(range(100))
    chat = Chat(tiny.client(), lambda: f"User-{next(names)}", at_a_time=2, length=4)
    assert [chat.turn() for _ in range(8)] == [[]] * 8
    before = converse(tiny.client(), "before", [keep("x"), RECALL])
    stored = context(user_id="before", session_id=before.session_id, step_count=2, data={"history": []})
    return chat, [Conversation(before.turns, (stored, stored))]


def test_each_conversation_of_a_chat_has_its_document() -> None:
    chat, before = talked()
    assert chat.stored_findings(cast(Any, Stored(chat)), before, keeps_in_turn=9) == []


@pytest.mark.parametrize(
    "change", [lambda talk: ["what another was told", *talk[1:]], lambda talk: talk[::-1]], ids=["another's", "turned"]
)
def test_answers_that_are_stored_otherwise_than_they_were_told_are_named(change: Any) -> None:
    chat, before = talked()
    stored = Stored(chat)
    chat.held[0].talk[-2:] = change(chat.held[0].talk[-2:])
    assert "as it was said" in summary(chat.stored_findings(cast(Any, stored), before, keeps_in_turn=9))
    assert contexts.kept_in_turn({"data": [*"dcxab"]}, [*"cab"]) == 3
    assert contexts.kept_in_turn({"data": [*"dcxab"]}, [*"cba"]) == 1


def test_of_a_conversation_no_more_is_asked_for_than_the_old_path_keeps() -> None:
    chat, before = talked()
    emptied = Stored(chat, lambda documents: [document | {"data": {"kept": "nothing"}} for document in documents])
    assert chat.stored_findings(cast(Any, emptied), before, keeps=0) == []
    assert chat.stored_findings(cast(Any, emptied), before, keeps=1) != []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda documents: documents[1:], "expected one document"),
        (lambda documents: [*documents, documents[0]], "expected one document"),
        (lambda documents: [documents[0] | {"step_count": 9}, *documents[1:]], "as the old path counts"),
        (lambda documents: [documents[0] | {"data": {}}, *documents[1:]], "in data, after what was said"),
        (lambda documents: [documents[0] | {"user_id": "user-0"}, *documents[1:]], "expected one document"),
    ],
    ids=["lost", "twice", "counted wrongly", "emptied", "of another"],
)
def test_what_is_stored_otherwise_of_a_chat_is_named(change: Any, told: str) -> None:
    chat, before = talked()
    assert told in summary(chat.stored_findings(cast(Any, Stored(chat, change)), before))


APART = Sessions(True, True, True, 403, False, False, AT_ONCE, named=4, number_goes_on=True, field_is_kept=True)


@pytest.mark.parametrize(
    ("now", "number"),
    [
        (APART, 0),
        (replace(APART, own_sessions=False), 1),
        (replace(APART, second_remembers=False, first_remembers=False), 2),
        (replace(APART, stranger=200, stranger_is_told=True), 2),
        (replace(APART, stranger_is_kept=True, alike_enters=True, erased_is_known=True), 3),
        (replace(APART, together=AT_ONCE - 1), 1),
        (replace(APART, one_document=False), 1),
        (replace(APART, misplaced=1), 1),
        (replace(APART, named=3), 1),
        (replace(APART, number_goes_on=False, field_is_kept=False), 2),
    ],
)
def test_sessions_that_are_mixed_up_are_named_unless_the_old_path_did_so_too(now: Sessions, number: int) -> None:
    assert (len(now.unlike(APART)), now.unlike(now)) == (number, [])


class Work:
    """Stands in for the stage in hand."""

    stage = Stage("21_01a", "t", 1)
    end_for = StageWork.end_for

    def __init__(self, disk: str = "") -> None:
        self.disk = disk
        self.told: list[tuple[Any, ...]] = []
        self.events = self
        self.user_triggers: dict[str, TriggerState] = {}

    def append(self, kind: str, **facts: Any) -> None:
        if self.disk == "full":
            raise OSError("disk full")
        self.told.append((kind, facts["trigger"], facts["verdict"], facts["value"], facts["threshold"]))

    def end(self, verdict: Verdict, reason: str) -> None:
        self.told.append((verdict, reason))


def test_a_hard_fault_is_recorded_ends_the_stage_and_cuts_short_what_goes_on() -> None:
    work: Any = Work()
    fault = HardFault("lost-history", "Gone", ["trigger.6"], limit=1)
    fault.check(work, 1, ["w unknown"])
    assert work.told == []
    with pytest.raises(Inconclusive, match="lost-history"):
        fault.check(work, 2, ["w unknown"])
    assert work.told == [
        ("trigger.fired", "lost-history", Verdict.FAIL, 2, "> 1"),
        (Verdict.FAIL, "trigger lost-history: Gone: 2 in a row, the last: w unknown"),
    ]


def test_a_full_disk_does_not_keep_a_hard_fault_from_ending_the_stage() -> None:
    work: Any = Work(disk="full")
    with pytest.raises(OSError, match="disk full"):
        HardFault("lost-history", "Gone", ["trigger.6"], limit=1).check(work, 2, ["w unknown"])
    assert [verdict for verdict, _ in work.told] == [Verdict.FAIL]


def replied(*pairs: tuple[str, str]) -> list[Turn]:
    exchange = Exchange("POST", "http://bot", 200, "OK", {}, "{}", 0.1, 9, "t1")
    return [Turn("u1", said, exchange, "s1", reply, "talk") for said, reply in pairs]


@pytest.mark.parametrize(
    ("before", "now", "found"),
    [
        ('You said "x" & <b>', "You said &quot;x&quot;", "HTML entities"),
        ("Привет", "\\u041f\\u0440", "escapes"),
        ("Привет", "Ð\x9fÑ\x80", "letters in another encoding"),
        ("Hello Ann", "Hello {name}", "placeholders"),
        ("R&amp;D", "Q&amp;A", ""),
        ("Hello", "Hello, 5 > 3 & 2 < 4", ""),
    ],
)
def test_replies_that_were_encoded_once_too_often_are_told(before: str, now: str, found: str) -> None:
    quoted = [("<b>&amp;</b> \\n {y}", "You wrote <b>&amp;</b> \\n {y}")]
    told = other_forms(replied(*quoted, ("a", before)), replied(*quoted, ("a", now), ("b", now), ("c", "Hello")))
    assert (len(told), found in str(told)) == (bool(found), True)
    assert other_forms(replied(("a", before)), replied((now, now), (now, now))) == []


@pytest.mark.parametrize(("status", "number"), [(422, 0), (403, 1), (401, 1)])
def test_a_refused_login_is_no_refusal_of_the_message(status: int, number: int) -> None:
    gateway = httpx.MockTransport(lambda _: httpx.Response(status, json={"detail": "no"}))
    assert len(Butler(Caller("http://bot", transport=gateway)).unserved("ann")) == number
