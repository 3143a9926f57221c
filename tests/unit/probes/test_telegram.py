"""The Bot API for a staging bot: it answers as Telegram does, and a user's message gets its own answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import httpx
import pytest
from served import answering, served
from small_target import small_target

from acceptance.finding import summary
from acceptance.observe.collections import of_prefix
from acceptance.polling import poll
from acceptance.probes.clients import Clients
from acceptance.probes.dialog import contexts
from acceptance.probes.dialog.chat import Chat
from acceptance.probes.dialog.concurrent_users import converse_at_once
from acceptance.probes.dialog.conversation import Conversation, converse
from acceptance.probes.dialog.gateway import RECALL, keep
from acceptance.probes.health import PARTS
from acceptance.probes.telegram import serving
from acceptance.probes.telegram.endpoint import Endpoint, Patience
from acceptance.target.file import TargetError
from acceptance.verdict import Inconclusive, NotApplicable

TOKEN = "4711:secret-of-the-bot"
USER = "91234567890001"


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint(("127.0.0.1", 0), TOKEN, Patience(0.3, 0.5, 0.0), rate_limit=3)


@pytest.fixture
def url(endpoint: Endpoint) -> Iterator[str]:
    with served(endpoint) as address:
        yield address


def ask(base: str, method: str, token: str = TOKEN, **params: Any) -> httpx.Response:
    return httpx.post(f"{base}/bot{token}/{method}", data=params, timeout=5)


Reply = Callable[[str, list[str]], list[dict[str, Any]]]


def remembering(text: str, before: list[str]) -> list[dict[str, Any]]:
    said = [each for each in before if each != RECALL]
    return [{"text": f"Before this you said: {said[-1]}" if text == RECALL and said else "Noted."}]


@dataclass
class TinyBot:
    """Polls as a bot does, knows what each user said, and answers by `reply`."""

    url: str
    reply: Reply = remembering
    said: dict[int, list[str]] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        offset = 0
        with httpx.Client(base_url=f"{self.url}/bot{TOKEN}/", timeout=5) as client, suppress(httpx.HTTPError):
            while not self.over.is_set():
                for update in client.post("getUpdates", data={"offset": offset, "timeout": 0.1}).json()["result"]:
                    offset = update["update_id"] + 1
                    self._answer(client, update["message"])

    def _answer(self, client: httpx.Client, message: dict[str, Any]) -> None:
        user, text = message["from"]["id"], message["text"]
        before = self.said.setdefault(user, [])
        for params in self.reply(text, before):
            method = "editMessageText" if "message_id" in params else "sendMessage"
            client.post(method, json={"chat_id": user, **params})
        before.append(text)


@contextmanager
def bot_at(url: str, reply: Reply = remembering) -> Iterator[TinyBot]:
    bot = TinyBot(url, reply)
    thread = threading.Thread(target=bot.run, daemon=True)
    thread.start()
    try:
        yield bot
    finally:
        bot.over.set()
        thread.join(5)


@pytest.fixture
def target(tmp_path: Any) -> Iterator[Any]:
    """A target whose bot is in Telegram, at an address of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    how = {"DIALOG": "telegram", "TELEGRAM_LISTEN": f"127.0.0.1:{port}", "TELEGRAM_SETTLE_SECONDS": "0"}
    how["RESTART_TIMEOUT_SECONDS"] = "0.5"  # so long a first poll is waited for
    yield small_target(tmp_path, before=f"TELEGRAM_BOT_TOKEN={TOKEN}\n", **how)
    serving._served.pop(("127.0.0.1", port), None)


def address(target: Any) -> str:
    return "http://{}:{}".format(*target.telegram.address)


@pytest.mark.parametrize(
    ("method", "params", "code", "description"),
    [
        ("getMe", {"token": "4711:other"}, 401, "Unauthorized"),
        ("sendFax", {"token": "4711:other"}, 401, "Unauthorized"),
        ("getChatMember", {}, 404, "Not Found: method not found"),
        ("sendMessage", {"chat_id": 5, "text": " "}, 400, "Bad Request: message text is empty"),
        ("sendMessage", {"text": "x"}, 400, "Bad Request: chat_id is empty"),
        ("sendMessage", {"chat_id": "@nobody", "text": "x"}, 400, "Bad Request: chat not found"),
        ("sendMessage", {"chat_id": 5, "text": "🏮" * 2049}, 400, "Bad Request: message is too long"),
        ("getUpdates", {"offset": "soon"}, 400, "Bad Request: "),
    ],
)
def test_errors_are_telegrams(url: str, method: str, params: dict[str, Any], code: int, description: str) -> None:
    answer = ask(url, method, **params)
    told = answer.json()
    assert (answer.status_code, told["ok"], told["error_code"]) == (code, False, code)
    assert told["description"].startswith(description)


@pytest.mark.parametrize(
    "how",
    [
        {"data": {"chat_id": "5", "text": "Привет 🏮"}},
        {"json": {"chat_id": 5, "text": "Привет 🏮"}},
        {"params": {"chat_id": "5", "text": "Привет 🏮"}},
        {"data": {"chat_id": "5", "caption": "Привет 🏮"}, "files": {"photo": ("p.png", b"\x89PNG")}},
        {"data": {"chat_id": "5", "text": "<b>Привет</b> 🏮", "parse_mode": "HTML"}},
    ],
    ids=["form", "json", "query", "file", "html"],
)
def test_parameters_are_taken_in_each_form(url: str, how: dict[str, Any]) -> None:
    method = "sendPhoto" if "files" in how else "sendMessage"
    answer = httpx.post(f"{url}/bot{TOKEN}/{method}", **how).json()
    assert answer["result"]["text"] == "Привет 🏮"


def test_a_body_in_chunks_is_read(url: str) -> None:
    kind = {"Content-Type": "application/json"}
    pieces = iter([b'{"chat_id": 5, ', b'"text": "hi"}'])
    answer = httpx.post(f"{url}/bot{TOKEN}/sendMessage", content=pieces, headers=kind)
    assert answer.json()["result"]["text"] == "hi"


def test_an_update_comes_again_until_its_offset_confirms_it(url: str, endpoint: Endpoint) -> None:
    assert ask(url, "getUpdates", timeout=0).json() == {"ok": True, "result": []}
    talk = threading.Thread(target=endpoint.bot_api.say, args=(int(USER), "/start", 5.0, 0.0))
    talk.start()
    first = ask(url, "getUpdates", timeout=5).json()["result"][0]
    assert (first["message"]["text"], first["message"]["chat"]["id"]) == ("/start", int(USER))
    assert first["message"]["entities"][0]["type"] == "bot_command"
    assert ask(url, "getUpdates").json()["result"] == [first]
    assert ask(url, "getUpdates", offset=first["update_id"] + 1).json()["result"] == []
    ask(url, "sendMessage", chat_id=USER, text="Hello")
    talk.join(5)


def test_the_next_update_follows_the_offset_of_a_bot_that_ran_before(url: str, endpoint: Endpoint) -> None:
    far = 2_000_000_000
    ask(url, "getUpdates", offset=far)
    threading.Thread(target=endpoint.bot_api.say, args=(5, "Hello", 0.1, 0.0)).start()
    assert [each["update_id"] for each in ask(url, "getUpdates", offset=far, timeout=5).json()["result"]] == [far]


def polled(endpoint: Endpoint, times: int) -> None:
    """Wait until so many polls have begun."""
    assert poll(lambda: endpoint.bot_api.seen.calls["getupdates"] == times, bool, 5, 0.01)


def test_of_two_polls_the_earlier_one_is_a_conflict(url: str, endpoint: Endpoint) -> None:
    codes: list[int] = []
    polls = [
        threading.Thread(target=lambda: codes.append(ask(url, "getUpdates", timeout=1).status_code)) for _ in range(4)
    ]
    for number, each in enumerate(polls, 1):
        each.start()
        polled(endpoint, number)
    assert poll(lambda: len(codes), lambda ended: ended == 3, 5, 0.01) == 3
    assert codes == [409, 409, 409]
    assert "two bots poll with one token" in endpoint.bot_api.seen.trouble()
    polls[-1].join(5)


def test_a_bot_that_was_restarted_is_no_second_bot(url: str, endpoint: Endpoint) -> None:
    for number in range(1, 5):
        with socket.create_connection(endpoint.server_address) as gone:
            gone.sendall(f"GET /bot{TOKEN}/getUpdates?timeout=9 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            polled(endpoint, number)
    assert ask(url, "getUpdates", timeout=0).status_code == 200
    assert endpoint.bot_api.seen.trouble() == ""


def test_too_many_messages_are_answered_429(endpoint: Endpoint) -> None:
    message = {"chat_id": "5", "text": "x"}
    answers = [endpoint.bot_api.call(TOKEN, "sendMessage", message) for _ in range(4)]  # in one second on any machine
    assert [each.status for each in answers] == [200, 200, 200, 429]
    assert answers[-1].body["parameters"] == {"retry_after": 1}
    assert (endpoint.bot_api.seen.limited, endpoint.bot_api.seen.elsewhere) == (1, 3)


def test_what_every_bot_begins_with_is_answered(url: str) -> None:
    told = {"id": 4711, "is_bot": True, "first_name": "Butler", "username": ""}
    told |= {"can_join_groups": False, "supports_inline_queries": False}
    assert ask(url, "getMe").json()["result"] | {"username": ""} == told
    for method in ("deleteWebhook", "setMyCommands", "answerCallbackQuery", "sendChatAction", "SENDCHATACTION"):
        assert ask(url, method).json() == {"ok": True, "result": True}


def test_nobody_else_may_speak_for_a_user(url: str) -> None:
    answer = httpx.post(f"{url}/api/v1/dialog/messages", json={"user_id": USER, "message": "Hello"})
    assert answer.status_code == 404


def test_a_conversation_goes_through_the_bot(target: Any) -> None:
    butler = Clients(target).butler
    with bot_at(address(target)) as bot:
        assert PARTS["dialog-gateway"](Clients(target)) == []
        talk = converse(butler, USER, ["Hello", keep("фонарь-1-🏮"), RECALL])
        news = butler.order(f"{USER}1", "news of my_channel", "my_channel")
    assert (talk.findings(), talk.turns[-1].forgot("фонарь-1-🏮")) == ([], [])
    assert (news.findings(), news.reply) == ([], "Noted.")
    assert bot.said[int(USER)] == talk.said
    assert {(turn.session_id, turn.mode, turn.exchange.status) for turn in talk.turns} == {(None, None, 200)}
    assert TOKEN not in str(talk)


def ascii_only(text: str, before: list[str]) -> list[dict[str, Any]]:
    return [{"text": each["text"].encode("ascii", "ignore").decode()} for each in remembering(text, before)]


def test_many_users_are_not_mixed_up(target: Any) -> None:
    target = replace(target, http_timeout_s=10)
    butler, users = Clients(target).butler, [f"{USER}{number}" for number in range(30)]
    with bot_at(address(target)):
        assert converse_at_once(butler, users, 30).findings() == []
    with bot_at(address(target), ascii_only):
        assert "said before, in the answer" in summary(converse_at_once(butler, users[:1], 30).findings())


def test_a_long_talk_goes_on_though_no_session_is_named(target: Any) -> None:
    names = count(1)
    chat = Chat(Clients(target).butler, lambda: f"{USER}{next(names)}", at_a_time=1)
    with bot_at(address(target)):
        assert [chat.turn() for _ in range(4)] == [[], [], [], []]
    with bot_at(address(target), lambda *_: [{"text": "Noted."}]):
        assert "said before, in the answer" in summary([*chat.turn(), *chat.turn()])


@pytest.mark.parametrize(
    ("reply", "settle", "answer"),
    [
        (lambda *_: [{"text": "one"}, {"text": "two"}], 0.3, "one\ntwo"),
        (lambda *_: [{"text": "old", "reply_to_message_id": 9**9}, {"text": "own"}], 0.0, "own"),
        (lambda *_: [{"text": "A\\-B\\!", "parse_mode": "MarkdownV2"}], 0.0, "A-B!"),
    ],
    ids=["two messages", "of another message", "markdown"],
)
def test_an_answer_is_what_is_said_to_this_message(
    endpoint: Endpoint, url: str, reply: Reply, settle: float, answer: str
) -> None:
    with bot_at(url, reply):
        told = endpoint.bot_api.say(int(USER), "Hello", 5, settle)
    assert told
    assert told.reply == answer
    assert told.elapsed_s < 5


def test_what_was_ordered_may_come_after_the_answer(endpoint: Endpoint, url: str) -> None:
    later = count(1)

    def digest(*_: Any) -> list[dict[str, Any]]:
        return [{"text": "Soon."}, {"text": f"no {next(later)}"}, {"text": "Of My_Channel: news"}]

    with bot_at(url, digest):
        told = endpoint.bot_api.say(int(USER), "Digest, please", 5, 0.0, "my_channel")
        endpoint.bot_api._sent.clear()  # another second has begun
        nothing = endpoint.bot_api.say(int(USER), "Digest, please", 0.3, 0.0, "another")
    assert told
    assert told.reply.startswith("Soon.")
    assert told.reply.endswith("Of My_Channel: news")
    assert nothing
    assert "another" not in nothing.reply


def test_a_message_that_is_edited_counts_as_it_reads_at_last(endpoint: Endpoint, url: str) -> None:
    heard: list[Any] = []
    talk = threading.Thread(target=lambda: heard.append(endpoint.bot_api.say(int(USER), "Hello", 5, 0.5)))
    talk.start()
    assert ask(url, "getUpdates", timeout=5).json()["result"]
    sent = ask(url, "sendMessage", chat_id=USER, text="One moment").json()["result"]["message_id"]
    assert ask(url, "editMessageText", chat_id=USER, message_id=sent, text="Here it is").status_code == 200
    assert ask(url, "editMessageText", chat_id=USER, message_id=9**9, text="no").status_code == 400
    talk.join(5)
    assert heard[0].reply == "Here it is"


@pytest.mark.parametrize(
    ("texts", "told"),
    [(("Noted.", "Noted."), "answered with the same text twice: 'Noted.'"), (("Noted.", "Noted too."), "")],
)
def test_an_answer_that_comes_twice_is_told_with_the_next_message(
    target: Any, texts: tuple[str, ...], told: str
) -> None:
    butler = Clients(target).butler
    with bot_at(address(target), lambda *_: [{"text": each} for each in texts]) as bot:
        first = butler.say(USER, "Hello")
        assert poll(lambda: bot.said, lambda said: said.get(int(USER)) == ["Hello"], 5)  # both texts were sent
        second = butler.say(USER, "Hello again")
    assert first.findings() == []
    assert told in summary(second.findings())
    assert bool(second.findings()) == bool(told)


def test_the_same_answer_to_two_messages_at_once_is_no_answer_twice(endpoint: Endpoint, url: str) -> None:
    say = endpoint.bot_api.say
    talks = [threading.Thread(target=say, args=(int(USER), text, 5.0, 0.0)) for text in ("one", "two")]
    for talk in talks:
        talk.start()
    assert poll(lambda: endpoint.bot_api._updates, lambda updates: len(updates) == 2, 5)
    with bot_at(url, lambda *_: [{"text": "Noted."}]):
        for talk in talks:
            talk.join(5)
        after = say(int(USER), "three", 5.0, 0.0)
    assert after
    assert after.twice == ""


def calls(*methods: str, token: str = TOKEN, **params: Any) -> Callable[[str], None]:
    def make(url: str) -> None:
        for method in methods:
            ask(url, method, token, **params)

    return make


@pytest.mark.parametrize(
    ("before", "told"),
    [
        (calls(), "no bot has called; point the staging bot here"),
        (calls("getMe", token="4711:other"), "1 calls with another token than TELEGRAM_BOT_TOKEN of the env file"),
        (calls("getMe"), "the bot called getme and never getUpdates"),
        (calls("setWebhook", url="https://x"), "the bot has set a webhook"),
        (calls("getUpdates", "getChat"), "it called what is not answered here: getchat"),
        (calls("getUpdates"), "the bot polls; see its log"),
    ],
)
def test_no_answer_is_told_with_its_reason(target: Any, before: Callable[[str], None], told: str) -> None:
    butler = Clients(target).butler
    before(address(target))
    turn = butler.say(USER, "Hello")
    found = summary(turn.findings())
    assert (turn.exchange.status, told in found) == (None, True), found


def test_a_bot_that_does_not_poll_does_not_take_messages(target: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "POLLED_WITHIN_S", 0.2)
    found = Clients(target).butler.unserved(USER)
    assert "expected a bot that polls http://127.0.0.1:" in summary(found)
    assert "no bot has called" in summary(found)


def test_one_process_serves_for_all_of_ours(target: Any) -> None:
    here = target.telegram.address
    with served(Endpoint(here, TOKEN, Patience(2, 2, 0))) as url, bot_at(url):
        assert Clients(target).butler.say(USER, "Hello").findings() == []
    assert here not in serving._served


def test_an_address_that_another_program_has_is_told(target: Any) -> None:
    with answering(lambda _: (404, '{"detail": "Not Found"}', {}), at=target.telegram.address):
        with pytest.raises(Inconclusive, match=r"TELEGRAM_LISTEN 127\.0\.0\.1:"):
            Clients(target).butler  # noqa: B018
        serving.serve(target)


def test_without_a_token_nothing_is_served(target: Any) -> None:
    target.env_file.write_text("OTHER=1\n")
    with pytest.raises(Inconclusive, match="expected the staging bot's TELEGRAM_BOT_TOKEN"):
        Clients(target).butler  # noqa: B018
    serving.serve(target)


def test_in_production_users_are_not_cut_off(tmp_path: Any) -> None:
    with pytest.raises(TargetError, match="would cut every user off from the bot"):
        small_target(tmp_path, DIALOG="telegram", TARGET_KIND="production")


def test_ids_of_test_users_are_digits(target: Any) -> None:
    assert target.student_ids == "numeric"


def stored(*sessions: str | None) -> tuple[Any, ...]:
    return tuple(session and {"session_id": session, "user_id": int(USER)} for session in sessions)


@pytest.mark.parametrize(
    ("documents", "wrong"),
    [
        (stored("s", "s"), []),
        (stored("s", "t"), ["turn 2"]),
        (stored("s", None), ["turn 2"]),
        (stored(None, None), ["turn 1", "turn 2"]),
    ],
)
def test_what_is_stored_names_the_session(target: Any, documents: tuple[Any, ...], wrong: list[str]) -> None:
    with bot_at(address(target)):
        turns = converse(Clients(target).butler, USER, ["Hello", "again"]).turns
    talk = Conversation(turns, documents)
    assert [str(each).partition(":")[0] for each in talk.other_session()] == wrong
    with pytest.raises(NotApplicable, match="no answer names its session"):
        Conversation(turns).other_session()


class Documents:
    """Holds contexts by the user's id, the newest last."""

    def __init__(self, *users: object) -> None:
        self.users = users

    def __getitem__(self, _: str) -> Documents:
        return self

    def find(self, which: Any, *_: Any) -> Documents:
        return Documents(*(each for each in self.users if str(each) == which["user_id"]))

    def newest(self, number: int) -> list[Any]:
        return [{"user_id": each, "data": "Hello"} for each in self.users[::-1][:number]]


@pytest.mark.parametrize("users", [(USER,), (int(USER),)])
def test_a_context_is_found_by_its_user(target: Any, users: tuple[object, ...]) -> None:
    with bot_at(address(target)):
        turn = Clients(target).butler.say(USER, "Hello")
    found = contexts.context_after(Documents(*users), turn)
    assert found is not None
    assert "expected user_id" not in summary(contexts.findings(found, USER, ["Hello"]))
    assert "expected user_id '912'" in summary(contexts.findings(found, "912", ["Hello"]))


def test_numbers_that_begin_with_the_prefix_are_ours_too() -> None:
    spans = of_prefix("user_id", "9123456789")["$or"][1:]

    def ours(number: int) -> bool:
        return any(each["user_id"]["$gte"] <= number < each["user_id"]["$lt"] for each in spans)

    assert [ours(number) for number in (91234567891, 91234567890000001)] == [True] * 2
    assert [ours(number) for number in (91234567881, 9123456789, 19123456789)] == [False] * 3
