"""Act as a user of one stage, and ask again for what its users had stored before.

It shows that the old path is there after a rollback, where the absence of a metric shows nothing: a counter has no
series before its first event. Source: contract, "HTTP" and "MongoDB"; rollback plan; `rollout.1` of each stage.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import httpx

from acceptance.finding import Finding, Severity
from acceptance.observe.collections import of_prefix
from acceptance.observe.store import Store
from acceptance.polling import poll
from acceptance.probes.archives.archives import of_exact_size
from acceptance.probes.clients import Clients
from acceptance.probes.dialog import contexts
from acceptance.probes.dialog.conversation import Conversation, converse
from acceptance.probes.dialog.gateway import RECALL, Turn, keep, new_word, words_in
from acceptance.probes.homework.hw_checker import DAYS
from acceptance.probes.http.client import Called, brief
from acceptance.probes.reviews.result import Review
from acceptance.probes.storage.directory import as_prepared, copies_of
from acceptance.probes.storage.metadata import checksum_findings
from acceptance.probes.storage.uploads import REVIEWS_PATH, Upload
from acceptance.verdict import Inconclusive

LOOKED_THROUGH = 1000
"""How many stored things are read, such as to find the conversations in which a word was kept."""
MOST = 3
"""How many of the stored things are asked for again: the newest, so that a rollback stays short."""
LARGE = 2 << 20
"""Bytes of an archive of theirs, where that is allowed: a limit that came with the new path may be left behind."""
REVIEW_S = 120.0
"""Longest time, in seconds, until a review has ended: a worker may sleep 60 s before it takes one (contract)."""
IN_A_ROW = 6
"""Reviews after a rollback: with two threads of the worker, one left over takes none of them once in 11 times."""
LACKS = "missing effect"
"""What is stored without all that belongs to it: no start of a service makes it so, and the next one may be good."""
_STORED_S = 2.0
_LIMITED = f"answered {httpx.codes.TOO_MANY_REQUESTS}"
"""How an answer is told that says nothing of the service's path."""

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Memory:
    """What the first of several tries found: whoever asks a conversation that was lost begins it anew, as it is read.

    Attributes:
        stored: The newest documents of before, by collection.
        recalled: What was answered in each conversation that was asked for a word of before, by its session.
        conversations: What was wrong with each conversation that went on, by its session.
    """

    stored: dict[str, list[Document]] = field(default_factory=dict)
    recalled: dict[str, Turn] = field(default_factory=dict)
    conversations: dict[str, list[Finding]] = field(default_factory=dict)


@dataclass(frozen=True)
class User:
    """A user of ours.

    Attributes:
        clients: Whom the user asks.
        mongo: What is stored, to look at.
        new_id: Makes an id from a word.
        before: Prefixes of the users whose stored things are asked for again.
        wrong_already: Archives that were wrong before the rollback, by their path; None where that is not known, so
            that none can be held against it.
        memory: Of the tries before.
    """

    clients: Clients
    mongo: Store
    new_id: Callable[[str], str]
    before: Sequence[str] = ()
    wrong_already: Collection[str] | None = ()
    memory: Memory = field(default_factory=Memory)

    def stored(self, collection: str, *fields: str, most: int = MOST) -> list[Document]:
        """Give the newest documents of the users before, by the fields with a user's id.

        They are read once, before anybody asks for them: who asks a conversation that was lost begins it anew.

        Raises:
            Inconclusive: MongoDB does not answer.
        """
        ours = [of_prefix(name, prefix) for name in fields for prefix in self.before]
        if ours and collection not in self.memory.stored:
            self.memory.stored[collection] = list(self.mongo[collection].find({"$or": ours}).newest(LOOKED_THROUGH))
        return self.memory.stored.get(collection, [])[:most]


def message(user: User) -> list[Finding]:
    """Hold a conversation: an answer, one session, and what was said before is known."""
    word = new_word()
    butler = user.clients.butler
    look = None if butler.names_sessions else partial(contexts.context_after, user.mongo)
    said = converse(butler, user.new_id("back"), ["Hello", keep(word), RECALL], look=look)
    return said.findings() or [*said.other_session(), *said.turns[-1].forgot(word)]


def forgotten(user: User, patience_s: float) -> list[Finding]:
    """Ask for words that earlier users told Butler to keep; one missing word proves little: it may be paraphrased.

    Args:
        user: Who asks.
        patience_s: Longest time until a service that was just restarted answers, in seconds.
    """
    asked = [
        (context, list(contexts.texts(context.get("data"))))
        for context in user.stored(contexts.COLLECTION, "user_id", most=LOOKED_THROUGH)
    ]
    kept = [(context, words_in(said)) for context, said in asked if RECALL not in said and words_in(said)]
    turns = [(_recalled(user, context, patience_s), words) for context, words in kept[:MOST]]
    answered = [(turn, words) for turn, words in turns if not turn.findings()]  # the others `conversations` tells
    lost = [turn for turn, words in answered if not words & words_in([turn.reply])]
    if len(lost) < max(2, len(answered)):
        return []
    expected = "what was said before, with the new path, in the answer"
    return [turn.wrong("forgotten", expected, repr(turn.reply)) for turn in lost]


def _recalled(user: User, context: Document, patience_s: float) -> Turn:
    """Ask for a word once in all tries: an answer to the same question again is about that question."""
    session, asked_before = str(context["session_id"]), user.memory.recalled
    if session not in asked_before:
        say = partial(user.clients.butler.say, str(context["user_id"]), RECALL, session)
        asked_before[session] = say()
        if asked_before[session].findings():  # the service may not be back yet
            poll(say, lambda turn: not turn.findings(), patience_s, every=0.5)
    return asked_before[session]


def conversations(user: User) -> Iterator[Finding]:
    """Go on with conversations of before: an answer in the same session, and what was said last is still stored."""
    judged = user.memory.conversations
    for context in user.stored(contexts.COLLECTION, "user_id"):
        owner, session = str(context["user_id"]), str(context["session_id"])
        if session in judged:
            yield from judged[session]
            continue
        turn = user.clients.butler.say(owner, RECALL, session)
        stored = contexts.context_after(user.mongo, turn)
        more = Conversation((turn,), (stored,))
        if wrong := turn.findings() or replace(turn, session_id=more.session_id).other_session(session):
            yield from wrong
            continue
        said = list(contexts.texts(context.get("data")))[-2:]
        # What the new path stored wrongly is not the rollback's.
        already = {each.expected for each in contexts.findings(context, owner, said)}
        found = [each for each in contexts.findings(stored, owner, said) if each.expected not in already]
        if (steps := (stored or {}).get("step_count", 0)) <= context["step_count"]:
            subject, expected = f"session {session}", f"a step_count over {context['step_count']}"
            found.append(Finding("steps counted anew", subject, f"{expected}, as stored before", str(steps)))
        if RECALL in contexts.texts((stored or {}).get("data")):  # else it may be stored late
            judged[session] = found
        yield from found


def homework(user: User) -> list[Finding]:
    """List a student's commits and compare with the HW checker, which is asked first: it may be what is down."""
    student = user.clients.target.known.student
    checks = user.clients.checker.checks(DAYS + 1)
    listing = user.clients.homework.listing(student)
    return listing.findings() or [*listing.lost(checks), *listing.foreign(checks)]


def upload(user: User) -> list[Finding]:
    """Upload an archive: it is taken, lies in the old place, and the new path's document is not there."""
    size = min(LARGE, user.clients.target.storage.max_upload_bytes)
    student, archive = user.new_id("back"), of_exact_size(size)
    answer = user.clients.uploader.send(Upload(student, "hw01", archive))
    if answer.status != httpx.codes.CREATED:
        return [Finding("bad answer", f"upload of {student}", "201", brief(answer))]
    found, root = [], user.clients.target.storage.legacy_root
    if not poll(lambda: copies_of(archive, root), bool, _STORED_S):
        found.append(Finding("not stored", f"upload of {student}", f"its archive below {root}", "none"))
    archives = user.mongo["review_archives"]
    if archives.count_documents({"student_id": student}):
        expected, new = f"none in {archives.name}, which the old path does not write", "a document"
        found.append(Finding("new path at work", f"upload of {student}", expected, new))
    return found


def review(user: User) -> list[Finding]:
    """Submit work of several students, one after the other, and look at what came of each.

    A process of the new path that was not ended takes some of it: it is no target of Prometheus, and answers nobody.
    What is queued at once goes to whom looks first, all of it.
    """
    reviews = user.clients.reviews(user.mongo)
    before = user.stored("homework_reviews", "student_id")
    held = [name for name in ("report", "log_analysis", "published_at") if any(each.get(name) for each in before)]

    def reviewed(patience_s: float) -> Review:
        return reviews.follow(reviews.submit(user.new_id("back"), "hw03"), patience_s, settle_s=_STORED_S)

    first = reviewed(REVIEW_S)
    if not first.succeeded:
        return first.findings()
    done = [first, *(reviewed(_STORED_S) for _ in range(IN_A_ROW - 1))]
    return [
        Finding(LACKS, f"review {each.submitted.task_id}", f"its {name}, as stored before", "none")
        for each in done
        for name in held
        if each.succeeded and not (each.report or {}).get(name)
    ]


def tasks(user: User) -> Iterator[Finding]:
    """Ask for the tasks of before: each is there, and its student's."""
    for task in user.stored("long_tasks", "user_id", "metadata.student_id"):
        called = _answer_about(user, f"{REVIEWS_PATH}/{task['task_id']}")
        subject, student = f"task {task['task_id']}, stored before", (task.get("metadata") or {}).get("student_id")
        if called.exchange.status != httpx.codes.OK:
            yield Finding("cannot be read", subject, "200", brief(called.exchange), Severity.CRITICAL)
        elif student is not None and str(student) != str(called.get("student_id")):
            yield Finding("cannot be read", subject, f"student {student!r}", repr(called.get("student_id")))
        elif task.get("status") == "succeeded" and task.get("result") and _untold(user, called):
            yield Finding("cannot be read", subject, "the result that is stored of it", "none")


def _untold(user: User, called: Called) -> bool:
    return not called.get("result") and not user.clients.caller("api").names.lacks("result")


def _answer_about(user: User, path: str) -> Called:
    """Ask for a task with our login, and if that is refused, with the other student's: the task may be that one's."""
    caller, other = user.clients.caller("api"), user.clients.target.other_headers
    called = caller.get(path)
    if called.exchange.status == httpx.codes.OK or not other:
        return called
    others = replace(caller, headers=other).get(path)
    return others if others.exchange.status == httpx.codes.OK else called


def work(user: User) -> Iterator[Finding]:
    """Ask for the tasks of before, and read the archives that the new path stored: the new code may be back one day."""
    yield from tasks(user)
    if user.wrong_already is not None:
        yield from (found for path, found in wrong_archives(user) if path not in user.wrong_already)


def wrong_archives(user: User) -> Iterator[tuple[str, Finding]]:
    """Give, with its path, what is wrong with stored archives now."""
    storage = user.clients.target.storage
    yield from ((str(storage.root), found) for found in as_prepared(storage))
    for document in user.stored("review_archives", "student_id"):
        for found in checksum_findings(document, storage.root):
            yield str(document.get("path")), found


REQUESTS: Mapping[str, tuple[Callable[[User], list[Finding]], Callable[[User], Iterator[Finding]]]] = {
    "message": (message, conversations),
    "homework": (homework, lambda _: iter(())),  # what the HW checker holds is in each list
    "upload": (upload, work),
    "review": (review, tasks),
}
"""What a stage's `user_request` names: a request of a new user, and how the users before read what they stored."""


def findings(user: User, request: str, patience_s: float) -> list[Finding]:
    """Name what a user of a stage does not get, trying again for a while: a service has just been restarted.

    Args:
        user: Who asks.
        request: One of `REQUESTS`.
        patience_s: Longest time to try again, in seconds.

    Raises:
        Inconclusive: What the request needs besides the service does not answer, or we have sent too many requests.
    """
    ask, read_again = REQUESTS[request]
    lost = forgotten(user, patience_s) if request == "message" else []  # first: later there is a newer question
    again = poll(lambda: list(read_again(user)), lambda found: not found, patience_s, every=0.5)
    asked = poll(lambda: ask(user), lambda found: all(each.kind == LACKS for each in found), patience_s, every=0.5)
    found = [*lost, *again, *asked]
    if found and all(_LIMITED in each.found for each in found):  # guard: too-many-requests-of-ours-say-nothing
        raise Inconclusive(f"{found[0]}; our own attacks and traffic may have used up what one address may send")
    return found
