"""What users stored before is asked for again as whose it is."""

from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import httpx
import pytest

from acceptance.disk import owner_name
from acceptance.finding import Finding
from acceptance.probes import user_path
from acceptance.probes.dialog import contexts
from acceptance.probes.dialog.gateway import RECALL, Turn, keep
from acceptance.probes.http.client import Caller, brief
from acceptance.probes.http.exchange import Exchange
from acceptance.probes.user_path import User, conversations, forgotten, tasks, work, wrong_archives
from acceptance.verdict import Inconclusive

OURS, THEIRS = {"authorization": "Bearer ours"}, {"authorization": "Bearer theirs"}
LOGINS = {headers["authorization"]: owner for owner, headers in (("ours", OURS), ("theirs", THEIRS))}


class Stored:
    """A database with one task."""

    def __getitem__(self, name):
        return self

    def find(self, query):
        return self

    def newest(self, most):
        return [{"task_id": "rev_1", "metadata": {"student_id": "91"}, "status": "succeeded", "result": {"x": 1}}]


@pytest.mark.parametrize(
    ("owner", "other", "found"),
    [("ours", THEIRS, ""), ("theirs", THEIRS, ""), ("theirs", {}, "404"), ("nobody", THEIRS, "404"), ("", {}, "none")],
    ids=["our task", "the other student's", "no other login", "a lost one", "a result that is told no more"],
)
def test_a_task_is_asked_for_with_the_login_of_its_student(owner, other, found):
    def answer(request):
        if owner not in ("", LOGINS[request.headers["authorization"]]):
            return httpx.Response(404, json={"detail": "no task"})
        return httpx.Response(200, json={"student_id": 91, "result": {"x": 1} if owner else None})

    caller = Caller("http://api", headers=OURS, transport=httpx.MockTransport(answer))
    clients = SimpleNamespace(caller=lambda _: caller, target=SimpleNamespace(other_headers=other))
    findings = list(tasks(User(clients, Stored(), str, ("ops",))))
    assert [(each.kind, found in each.found) for each in findings] == [("cannot be read", True)] * bool(found)


@pytest.mark.parametrize(("statuses", "known"), [((429, 429), False), ((429, 500), True), ((500, 500), True)])
def test_a_service_that_has_had_too_many_requests_says_nothing_of_its_path(monkeypatch, statuses, known):
    """A rollback right after the attacks: whoever counts by address turns our user away, and no other."""

    def told(status):
        exchange = Exchange("GET", "http://api", status, "", {}, "", 0.1, 0, "")
        return lambda _: [Finding("bad answer", "upload", "201", brief(exchange))]

    monkeypatch.setitem(user_path.REQUESTS, "upload", tuple(map(told, statuses)))
    with nullcontext() if known else pytest.raises(Inconclusive, match=r"answered 429.*what one address may send"):
        assert len(user_path.findings(None, "upload", 0.01)) == 2


def prepared(root):
    root.chmod(0o750)
    return SimpleNamespace(root=root, owner=owner_name(root.stat()), mode=0o750)


def test_no_upload_of_the_proof_is_larger_than_the_target_takes():
    """Else a good rollback of a target with a small limit is told as failed, by a 413."""
    sent = []
    storage, refused = SimpleNamespace(max_upload_bytes=4000), Exchange("POST", "u", 413, "", {}, "", 0.1, 0, "")
    uploader = SimpleNamespace(send=lambda upload: sent.append(upload.archive.size) or refused)
    user = User(SimpleNamespace(uploader=uploader, target=SimpleNamespace(storage=storage)), Stored(), str)
    assert (len(user_path.upload(user)), sent) == (1, [4000])


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
    clients = SimpleNamespace(target=SimpleNamespace(storage=prepared(tmp_path)))
    lost = list(work(User(clients, Kept(), str, ("ops",), wrong_already)))
    assert [each.kind for each in lost] == ["missing archive"] * found


@pytest.mark.parametrize(("opened_before", "found"), [(False, ["folder"]), (True, [])])
def test_a_folder_that_a_rollback_opens_is_told(tmp_path, opened_before, found):
    user = User(SimpleNamespace(target=SimpleNamespace(storage=prepared(tmp_path))), Stored(), str)
    user.clients.caller = None
    tmp_path.chmod(0o777 if opened_before else 0o750)
    already = dict(wrong_archives(user))
    tmp_path.chmod(0o777)
    assert [each.kind for each in work(replace(user, wrong_already=already))] == found


@pytest.mark.parametrize(("before", "after", "found"), [(3, 4, 0), (3.0, 4.0, 0), (3, 4.0, 1), (3, 3, 1)])
def test_steps_that_were_stored_wrongly_before_are_not_held_against_a_rollback(monkeypatch, before, after, found):
    document = {"session_id": 7, "user_id": "ann", "state": "active", "data": {"said": "Hello"}}
    turn = Turn("ann", "Hello", Exchange("POST", "http://bot", 200, "", {}, "", 0.1, 1, "ab"), "7", "Hello!", "talk")
    clients = SimpleNamespace(butler=SimpleNamespace(say=lambda *_: turn))
    user = User(clients, None, str, ("ops",))
    monkeypatch.setattr(User, "stored", lambda *_: [document | {"step_count": before}])
    monkeypatch.setattr(contexts, "context_after", lambda *_: document | {"step_count": after})
    assert len(list(conversations(user))) == found


@pytest.mark.parametrize(
    ("said", "replies", "found"),
    [
        ([1, 2], "You said nothing", 2),
        ([1, 2], None, 0),
        ([1], "You said nothing", 0),
        ([1, 2], "an error occurred", 0),
        ([0, 0], "You said nothing", 0),
    ],
    ids=["forgotten", "known", "one may be put otherwise", "no answer", "asked for before"],
)
def test_words_that_were_kept_before_a_rollback_are_known_after_it(monkeypatch, said, replies, found):
    words = {number: f"фонарь-{number:08x}-🏮" for number in said}
    texts = {number: [keep(word), *([] if number else [RECALL])] for number, word in words.items()}
    documents = [{"session_id": str(each), "user_id": "ann", "data": texts[each]} for each in said]

    asked = set()

    def say(_, message, session):
        exchange = Exchange("POST", "http://bot", 200, "", {}, "", 0.1, 1, "ab")
        reply = RECALL if session in asked else replies or words[int(session)]
        asked.add(session)
        return Turn("ann", message, exchange, session, reply, "talk")

    user = User(SimpleNamespace(butler=SimpleNamespace(say=say)), None, str, ("ops",))
    monkeypatch.setattr(User, "stored", lambda *_, **__: documents)
    tries = [[each.kind for each in forgotten(user, 0.01)] for _ in range(2)]
    assert tries == [["forgotten"] * found] * 2


@pytest.mark.parametrize(
    ("stored", "left_over", "told"),
    [
        ({"published_at": "then"}, {}, ["its published_at, as stored before"]),
        ({"published_at": "then"}, {"published_at": "now"}, []),
        ({"published_at": None}, {}, []),
    ],
    ids=["left over", "sound", "never published"],
)
def test_a_process_of_the_new_path_that_was_not_ended_shows_in_one_review_of_several(stored, left_over, told):
    """It reviews what it gets in its own way; a second try, which it may not get, does not make that good."""
    reports = iter([{"published_at": "now"}] * 2 + [left_over] + [{"published_at": "now"}] * 99)
    reviews = SimpleNamespace(
        submit=lambda student, _: SimpleNamespace(task_id=student),
        follow=lambda sent, *_, **__: SimpleNamespace(succeeded=True, submitted=sent, report=next(reports)),
    )
    mongo = Stored()
    mongo.newest = lambda _: [stored]
    user = User(SimpleNamespace(reviews=lambda _: reviews), mongo, str, ("ops",))
    assert [each.expected for each in user_path.review(user)] == told


def test_what_is_stored_without_its_effect_is_not_tried_again(monkeypatch):
    tries = iter([[Finding(user_path.LACKS, "review", "its report", "none")]])
    monkeypatch.setitem(user_path.REQUESTS, "review", (lambda _: next(tries), lambda _: iter(())))
    assert len(user_path.findings(None, "review", 5)) == 1


class Forgetful:
    """A bot that cannot read what the new path stored, and begins each such conversation anew."""

    def __init__(self, statuses):
        self.statuses = iter(statuses)
        self.context = {"session_id": "s", "user_id": "ann", "state": "active", "data": ["Hello"], "step_count": 4}
        self.names_sessions = True

    def say(self, user, message, session):
        self.context = self.context | {"data": [message], "step_count": 1}
        return Turn(
            user, message, Exchange("POST", "", next(self.statuses), "", {}, "", 0.1, 1, "ab"), session, "So.", "talk"
        )

    def __getitem__(self, _):
        return self

    find = __getitem__

    def newest(self, _):
        return [self.context]


@pytest.mark.parametrize("statuses", [(200, 200), (503, 200)], ids=["at once", "while it starts"])
def test_a_conversation_that_is_lost_once_is_not_found_again_by_another_try(monkeypatch, statuses):
    bot = Forgetful(statuses)
    monkeypatch.setattr(contexts, "context_after", lambda *_: bot.context)
    user = User(SimpleNamespace(butler=bot), bot, str, ("ann",))
    tries = [{each.kind for each in conversations(user)} for _ in statuses]
    assert "wrongly stored" in tries[-1]


def test_one_conversation_that_is_asked_for_its_word_first_is_lost_all_the_same(monkeypatch):
    """One word that is not in an answer proves nothing; that it is stored no more does."""
    bot = Forgetful((200, 200))
    bot.context["data"] = ["Please keep this word for me: фонарь-0123abcd-🏮", "I shall."]
    monkeypatch.setattr(contexts, "context_after", lambda *_: bot.context)
    user = User(SimpleNamespace(butler=bot), bot, str, ("ann",))
    assert user_path.forgotten(user, 0.1) == []
    assert "wrongly stored" in {each.kind for each in conversations(user)}
