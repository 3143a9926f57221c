"""Send requests that no service can serve, or only just, and hold the answers to those of the old path.

What is missing, empty or unknown is refused with a 4xx; which one is mostly left open, so the old path decides
(contract, "HTTP"). It also decides which further calls there are, and what the headers make of an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from acceptance.finding import Finding, Severity
from acceptance.probes.answers import headers_of, other_headers
from acceptance.probes.archives.archives import good
from acceptance.probes.attacks.access import strangers
from acceptance.probes.dialog.gateway import MESSAGES_PATH
from acceptance.probes.homework.worker import LIST_PATH
from acceptance.probes.homework.worker import REVIEWS_PATH as HOMEWORK_REVIEWS
from acceptance.probes.http.client import Called, Caller
from acceptance.probes.http.exchange import Exchange, leaks
from acceptance.probes.storage.uploads import REVIEWS_PATH, Upload, Uploader

Ask = Callable[[Caller, str], Called]

UNKNOWN_COMMIT = "0" * 40
NOT_FOUND = 404
LONGEST = 4096
"""Characters of the longest message that Telegram takes; a gateway's own limit is mostly this one."""
ODD: Mapping[str, Mapping[str, Ask]] = {
    "bot": {
        "no message": lambda bot, user: bot.post(MESSAGES_PATH, {"user_id": user}),
        "an empty message": lambda bot, user: bot.post(MESSAGES_PATH, {"user_id": user, "message": ""}),
        "no user": lambda bot, _: bot.post(MESSAGES_PATH, {"message": "Hello"}),
        "the longest message": lambda bot, user: bot.post(MESSAGES_PATH, {"user_id": user, "message": "ж" * LONGEST}),
        "a session by GET": lambda bot, user: bot.get(MESSAGES_PATH, session_id=user),
        "a message too long": lambda bot, user: bot.post(
            MESSAGES_PATH, {"user_id": user, "message": "ж" * (LONGEST + 1)}
        ),
    },
    "worker": {
        "a list of nobody": lambda worker, _: worker.get(LIST_PATH, days=7),
        "a list of no days": lambda worker, user: worker.get(LIST_PATH, student_id=user, days=0),
        "a list of a student unknown": lambda worker, user: worker.get(LIST_PATH, student_id=user, days=7),
        "all reviews": lambda worker, _: worker.get(HOMEWORK_REVIEWS),
        "no commit": lambda worker, user: worker.post(HOMEWORK_REVIEWS, {"student_id": user}),
        "an unknown commit": lambda worker, user: worker.post(
            HOMEWORK_REVIEWS, {"student_id": user, "commit_hash": UNKNOWN_COMMIT}
        ),
    },
    "api": {
        "an unknown task": lambda api, user: api.get(f"{REVIEWS_PATH}/rev_{user}"),
        "all tasks": lambda api, _: api.get(REVIEWS_PATH),
        "a task of no name": lambda api, _: api.get(f"{REVIEWS_PATH}/%20"),
    },
}
"""By service."""


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        status: None where there was no answer.
        headers: Those that a client, a browser or a cache keeps to.
        internals: What it tells of the service's inside.
    """

    status: int | None
    headers: Mapping[str, str] = field(default_factory=dict)
    internals: tuple[str, ...] = ()


Answers = Mapping[str, Answer]


def odd_answers(caller: Caller, key: str, user: str) -> Answers:
    """Send the odd requests of a service, and each once more as each stranger; give what comes back.

    A new path that forgets to ask for a login answers as it does to us.

    Args:
        caller: Calls it.
        key: Its short name.
        user: A test user who has nothing stored.
    """
    callers = {"": caller} | {f", {who}": replace(caller, headers=by) for who, by in strangers(caller.headers)}
    return {
        f"{name}{who}": _answer(ask(by, user).exchange, user)
        for who, by in callers.items()
        for name, ask in ODD[key].items()
    }


def odd_uploads(uploader: Uploader, user: str) -> Answers:
    """Send uploads that are good, and written otherwise: a digest in hex may be in capitals.

    Args:
        uploader: Sends them.
        user: As for `odd_answers`.
    """
    archive = good()
    upload = Upload(user, "hw02", archive, declared_sha256=archive.sha256.upper())
    return {"a digest in capitals": _answer(uploader.send(upload), user)}


def _answer(exchange: Exchange, user: str) -> Answer:
    return Answer(exchange.status, headers_of(exchange), tuple(leaks(exchange.body, sent=[user])))


def odd_findings(now: Answers, before: Answers | None = None) -> list[Finding]:
    """Name the answers that are not what they should be.

    Args:
        now: The answers.
        before: Those of the old path; without them only a crash and an unknown task that is known are told.
    """
    contract = {"an unknown task": NOT_FOUND}
    old = before or {}
    expected = {**{name: each.status for name, each in old.items()}, **contract}
    odd = [
        Finding(
            "odd request",
            name,
            f"{expected[name]}{'' if name in contract else ', as by the old path'}" if name in expected else "a 4xx",
            str(answer.status),
        )
        for name, answer in now.items()
        if (answer.status != expected[name] if name in expected else answer.status is None or answer.status >= 500)
    ]
    same = {name: answer for name, answer in now.items() if name in old and old[name].status == answer.status}
    return [*odd, *(found for name, answer in same.items() for found in _unlike(name, old[name], answer))]


def _unlike(name: str, old: Answer, now: Answer) -> Iterator[Finding]:
    """Compare what a browser makes of an answer, and what a stranger learns from it."""
    for header, was, found in other_headers(old.headers, now.headers):
        yield Finding("other header", f"{name}: {header}", f"{was}, as by the old path", found, Severity.HIGH)
    if told := [each for each in now.internals if each.partition(":")[0] not in _kinds(old)]:
        yield Finding("internals told", name, "no internals in a refusal", "; ".join(told), Severity.HIGH)


def _kinds(answer: Answer) -> set[str]:
    return {each.partition(":")[0] for each in answer.internals}
