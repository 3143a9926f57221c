"""butler-bot alone: dialogue on the old and the new path, and what each of its faults breaks."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from rig import Rig, sample, until

FLAG = "USE_NEW_DIALOG_CONTEXT_REPO"
BOT = "butler-bot"
SLOW = timedelta(seconds=0.15)


class Bot:
    """The running bot of one path."""

    def __init__(self, rig: Rig, new: bool) -> None:
        self.rig = rig
        self.new = new
        self.url = rig.url(BOT, "/api/v1/dialog/messages")

    def post(self, body: Any = None, **options: Any) -> httpx.Response:
        return self.rig.http.post(self.url, json=body, **options)

    def say(self, message: str, session: str | None = None, user: str = "ann") -> dict[str, str]:
        answer = self.post({"user_id": user, "message": message, "session_id": session})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def stored(self, session: str) -> dict[str, Any] | None:
        return self.rig.db.dialog_contexts.find_one({"session_id": session})


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    rig = Rig(tmp_path_factory.mktemp("bot"))
    yield rig
    rig.close()


@pytest.fixture(scope="module", params=["old", "new"])
def bot(rig: Rig, request: pytest.FixtureRequest) -> Bot:
    new = request.param == "new"
    rig.start(BOT, **{FLAG: str(new).lower()})
    return Bot(rig, new)


@pytest.fixture(scope="module")
def new_bot(rig: Rig) -> Bot:
    rig.ensure(BOT, **{FLAG: "true"})
    return Bot(rig, new=True)


def test_hello_gets_a_greeting(bot):
    answer = bot.say("Hello")
    assert answer["reply"].startswith("Hello")
    assert "error" not in answer["reply"].lower()
    assert answer["mode"] == "talk"


def test_a_conversation_is_remembered_and_stored(bot):
    first = bot.say("I like tea")
    second = bot.say("What did I say before?", first["session_id"])
    assert second["session_id"] == first["session_id"]
    assert "I like tea" in second["reply"]
    document = bot.stored(first["session_id"])
    stored = {"user_id": "ann", "state": "active", "step_count": 2}
    assert {key: document[key] for key in stored} == stored
    said = [entry["text"] for entry in document["data"]["history"] if entry["role"] == "user"]
    assert said == ["I like tea", "What did I say before?"]


@pytest.mark.parametrize("text", ["naïve 🫖 \"quoted\" 'x' \\ back", "$set a.b: {'$ne': 1}", "line\nbreak\tтекст"])
def test_a_text_of_any_kind_survives(bot, text):
    session = bot.say(text)["session_id"]
    assert bot.stored(session)["data"]["history"][0]["text"] == text
    assert text in bot.say("What did I say before?", session)["reply"]


@pytest.mark.parametrize(
    "message, mode, names",
    [
        ("Give me the digest of channel pythonru", "digest", "pythonru"),
        ("digest of @ml_news, please", "digest", "ml_news"),
        ("channel info pythonru", "channel_info", "pythonru"),
        ("Show me info about channel ml_news", "channel_info", "ml_news"),
    ],
)
def test_wishes_about_channels_are_served(bot, message, mode, names):
    answer = bot.say(message)
    assert answer["mode"] == mode
    assert names in answer["reply"]


def test_100_sessions_at_once_keep_apart(bot):
    async def converse() -> list[str]:
        # A connection for each request: the server closes those that wait for long, as on a busy machine.
        limits = httpx.Limits(max_connections=100, max_keepalive_connections=0)
        async with httpx.AsyncClient(limits=limits, timeout=60) as client:

            async def one(number: int) -> str:
                said = {"user_id": f"user{number}", "message": f"my number is {number}"}
                session = (await client.post(bot.url, json=said)).json()["session_id"]
                asked = {**said, "message": "What did I say before?", "session_id": session}
                reply = (await client.post(bot.url, json=asked)).json()["reply"]
                assert reply.endswith(f"my number is {number}")
                return session

            return await asyncio.gather(*(one(number) for number in range(100)))

    sessions = asyncio.run(converse())
    stored = bot.rig.db.dialog_contexts.find({"session_id": {"$in": sessions}})
    assert [document["step_count"] for document in stored] == [2] * 100


def test_turns_of_one_session_at_once_are_all_kept(bot):
    session = bot.say("begin")["session_id"]

    async def chat() -> None:
        async with httpx.AsyncClient(timeout=20) as client:
            turn = {"user_id": "ann", "session_id": session}
            await asyncio.gather(*(client.post(bot.url, json={**turn, "message": f"turn {n}"}) for n in range(10)))

    asyncio.run(chat())
    document = bot.stored(session)
    assert document["step_count"] == 11
    assert {f"turn {n}" for n in range(10)} <= {entry["text"] for entry in document["data"]["history"]}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"[" * 50_000,
        b'{"user_id": "u"}',
        b'{"message": "m"}',
        b'{"user_id": 5, "message": "m"}',
        b'{"user_id": "u", "message": "  "}',
        b'{"user_id": "u", "message": "m", "session_id": {"$ne": null}}',
        b'{"user_id": "u", "message": "\\ud800"}',
        b'{"user_id": "' + b"u" * 129 + b'", "message": "m"}',
    ],
)
def test_bad_input_is_refused_with_a_detail(bot, body):
    answer = bot.rig.http.post(bot.url, content=body)
    assert answer.status_code == 422
    assert isinstance(answer.json()["detail"], str)


def test_a_body_without_end_is_cut_off(bot):
    assert bot.rig.http.post(bot.url, content=b"x" * 100_000).status_code == 413


def test_another_users_session_is_closed(bot):
    session = bot.say("a secret", user="ann")["session_id"]
    answer = bot.post({"user_id": "eve", "message": "What did I say before?", "session_id": session})
    assert answer.status_code == 403
    assert "secret" not in answer.text


def test_repository_metrics_exist_on_the_new_path_only(bot):
    before = sample(bot.rig.metrics(BOT), 'butler_messages_total{status="success"}') or 0
    bot.say("Hello")
    metrics = bot.rig.metrics(BOT)
    saved = 'dialog_context_repository_operations_total{error_type="",operation="save",status="success"}'
    assert ("dialog_context_repository" in metrics) == bot.new
    assert (sample(metrics, saved) is not None) == bot.new
    assert sample(metrics, 'butler_messages_total{status="success"}') == before + 1
    assert sample(metrics, "butler_message_duration_seconds_count")
    assert sample(metrics, "process_start_time_seconds")


def test_a_turns_log_line_has_the_callers_trace(bot):
    trace = os.urandom(16).hex()
    bot.post({"user_id": "ann", "message": "Hello"}, headers={"traceparent": f"00-{trace}-{'1' * 16}-01"})
    assert [line["event"] for line in bot.rig.events(BOT) if line["trace_id"] == trace] == ["dialog_turn"]


def told(bot: Bot, *texts: str) -> list[int]:
    return [bot.post({"user_id": "u", "message": text}).status_code for text in texts]


def begun(bot: Bot) -> str:
    return bot.say("I like tea")["session_id"]


def kept_connection(bot: Bot) -> list[int]:
    with httpx.Client() as client:
        return [client.post(bot.url, json={"user_id": "ann", "message": "Hello"}).status_code for _ in range(2)]


SHOWN: dict[str, tuple[Callable[[Bot], Any], Any]] = {
    "dialog-error-reply": (lambda bot: "error" in bot.say("Hello")["reply"], True),
    "dialog-kept-connection-fails": (kept_connection, [200, 503]),
    "dialog-new-session-each-turn": (
        lambda bot: bot.say("and cake", (first := begun(bot)))["session_id"] == first,
        False,
    ),
    "dialog-not-stored": (lambda bot: bot.stored(begun(bot)), None),
    "dialog-copy-elsewhere": (lambda bot: bot.rig.db.dialog_contexts_v2.count_documents({"session_id": begun(bot)}), 1),
    "dialog-errors-seldom": (lambda bot: sorted(told(bot, *["Hello"] * 25)), [200] * 24 + [503]),
    "dialog-greeting-fails": (lambda bot: told(bot, "Hello", "I like tea"), [503, 200]),
    "dialog-greeting-error-reply": (
        lambda bot: ["error" in bot.say(text)["reply"] for text in ("Hello", "I like tea")],
        [True, False],
    ),
    "dialog-slow-seldom": (
        lambda bot: any(bot.post({"user_id": "u", "message": "Hello"}).elapsed > SLOW for _ in range(5)),
        True,
    ),
}


@pytest.mark.parametrize("fault", SHOWN)
def test_fault_shows(new_bot, fault):
    look, found = SHOWN[fault]
    with new_bot.rig.broken(fault):
        assert look(new_bot) == found


def test_fault_loses_history(new_bot):
    with new_bot.rig.broken("dialog-loses-history"):
        session = new_bot.say("I like tea")["session_id"]
        assert "tea" not in new_bot.say("What did I say before?", session)["reply"]
        assert len(new_bot.stored(session)["data"]["history"]) == 2


def test_fault_slow(new_bot):
    slow = 'dialog_context_repository_latency_seconds_{}{{{}operation="get"}}'
    with new_bot.rig.broken("dialog-slow"):
        before = new_bot.rig.metrics(BOT)
        new_bot.say("Hello")
        after = new_bot.rig.metrics(BOT)
    quick = 'dialog_context_repository_latency_seconds_bucket{le="0.1",operation="get"}'
    assert sample(after, quick) == sample(before, quick)
    assert sample(after, slow.format("count", "")) == (sample(before, slow.format("count", "")) or 0) + 1


def test_fault_errors(new_bot):
    with new_bot.rig.broken("dialog-errors"):
        answers = [new_bot.post({"user_id": "u", "message": "Hello"}).status_code for _ in range(15)]
    assert set(answers) == {200, 503}
    metrics = new_bot.rig.metrics(BOT)
    assert sample(metrics, 'dialog_context_repository_operations_total{error_type="storage_error"')
    assert sample(metrics, 'butler_errors_total{error_type="RepositoryError",handler="dialog"}')


def test_fault_history_cut(new_bot):
    with new_bot.rig.broken("dialog-history-cut"):
        session = new_bot.say("I like tea")["session_id"]
        new_bot.say("and cake", session)
        assert "cake" in new_bot.say("What did I say before?", session)["reply"]
        assert "I like tea" not in str(new_bot.stored(session)["data"]["history"])


def test_fault_same_words_dropped(new_bot):
    with new_bot.rig.broken("dialog-same-words-dropped"):
        session = new_bot.say("yes")["session_id"]
        for word in ("yes", "no"):
            new_bot.say(word, session)
    said = [each["text"] for each in new_bot.stored(session)["data"]["history"] if each["role"] == "user"]
    assert said == ["yes", "no"]


def test_fault_session_names_cut(new_bot):
    with new_bot.rig.broken("dialog-session-names-cut"):
        for end in ("one", "other"):
            new_bot.say(f"I am {end}", "x" * 40 + end)
    assert new_bot.stored("x" * 40)["step_count"] == 2


def test_fault_contexts_cached(new_bot):
    with new_bot.rig.broken("dialog-contexts-cached"):
        session = new_bot.say("I like tea")["session_id"]
        new_bot.rig.db.dialog_contexts.delete_many({"session_id": session})
        assert "tea" in new_bot.say("What did I say before?", session)["reply"]
    assert new_bot.stored(session)["step_count"] == 2


def test_fault_dialog_fields_dropped(new_bot):
    session = new_bot.say("I like tea")["session_id"]
    with new_bot.rig.broken("dialog-fields-dropped"):
        new_bot.rig.db.dialog_contexts.update_one({"session_id": session}, {"$set": {"note": "of others"}})
        new_bot.say("I like coffee", session)
    assert (new_bot.stored(session)["step_count"], "note" in new_bot.stored(session)) == (2, False)


def test_fault_alert_gauge(new_bot):
    assert sample(new_bot.rig.metrics(BOT), "lab_fault_alert") == 0
    with new_bot.rig.broken("alert-firing"):
        assert sample(new_bot.rig.metrics(BOT), "lab_fault_alert") == 1


def test_health_and_turns_say_that_mongo_hangs(new_bot):
    """A frozen database is noticed: /health 503 within its two seconds, green again afterwards."""
    mongo = new_bot.rig.pid("mongo")
    os.kill(mongo, signal.SIGSTOP)
    try:
        assert new_bot.rig.http.get(new_bot.rig.url(BOT, "/health")).status_code == 503
        assert new_bot.post({"user_id": "u", "message": "Hello"}).status_code == 503
    finally:
        os.kill(mongo, signal.SIGCONT)
    until(lambda: new_bot.rig.http.get(new_bot.rig.url(BOT, "/health")).status_code == 200, "healthy again")


def test_both_paths_share_a_conversation(rig):
    """A context that the old path wrote is read by the new one, and by the old one again after a rollback."""
    session = None
    for flag, turns in (("false", 1), ("true", 2), ("false", 3)):
        rig.start(BOT, **{FLAG: flag})
        bot = Bot(rig, flag == "true")
        session = bot.say(f"turn {turns}", session)["session_id"]
        assert bot.stored(session)["step_count"] == turns
        assert len(bot.stored(session)["data"]["history"]) == 2 * turns


def test_fault_flag_ignored(rig):
    with rig.broken("dialog-flag-ignored"):
        rig.start(BOT, **{FLAG: "true"})
    Bot(rig, new=True).say("Hello")
    assert "dialog_context_repository" not in rig.metrics(BOT)
