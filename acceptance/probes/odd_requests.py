"""Send requests that no service can serve, or only just, and compare the answers with those of the old path.

What lacks a field that the contract's forms require is refused, by either path. Of what is empty, too long or unknown
the contract mostly leaves open whether it is served, so the old path decides (contract, "HTTP"). It also decides which
further calls there are, and what the headers make of an answer.
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
from acceptance.probes.reviews.pipeline import unknown_task
from acceptance.probes.storage.uploads import REVIEWS_PATH, Upload, Uploader

Ask = Callable[[Caller, str], Called]

UNKNOWN_COMMIT = "0" * 40
NOT_FOUND = 404
REFUSES = frozenset({400, 401, 403, NOT_FOUND, 409, 410, 411, 413, 414, 415, 422, 429, 431})
"""By these a service says no to what was asked; any other 4xx means something else, such as a lock (423)."""
METHOD_NOT_ALLOWED = 405
LACKING = ("no message", "no user", "no commit", "no student")
NOT_SERVED = ("a session by GET", "all reviews", "all tasks", "a task of no name")
"""Calls that the contract does not have."""
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
        "no student": lambda worker, _: worker.post(HOMEWORK_REVIEWS, {"commit_hash": UNKNOWN_COMMIT}),
        "an unknown commit": lambda worker, user: worker.post(
            HOMEWORK_REVIEWS, {"student_id": user, "commit_hash": UNKNOWN_COMMIT}
        ),
    },
    "api": {
        "an unknown task": lambda api, user: unknown_task(api, f"rev_{user}"),
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
    """Send good uploads in an unusual form: a digest in hex may be in capitals.

    Args:
        uploader: Sends them.
        user: As for `odd_answers`.
    """
    archive = good()
    upload = Upload(user, "hw02", archive, declared_sha256=archive.sha256.upper())
    return {"a digest in capitals": _answer(uploader.send(upload), user)}


def _answer(exchange: Exchange, user: str) -> Answer:
    told = leaks(exchange.body, sent=[user], addressed=exchange.addressed)
    return Answer(exchange.status, headers_of(exchange), tuple(told))


def odd_findings(now: Answers, before: Answers | None = None) -> list[Finding]:
    """Name the answers that are not what they should be.

    Args:
        now: The answers.
        before: Those of the old path; without them those are told that no path may give.
    """
    old = before or {}
    wanted = {name: _wanted(name, answer.status, old) for name, answer in now.items()}
    odd = [
        Finding("odd request", name, expected, str(now[name].status)) for name, expected in wanted.items() if expected
    ]
    same = {name: answer for name, answer in now.items() if name in old and old[name].status == answer.status}
    return [*odd, *(found for name, answer in same.items() for found in _unlike(name, old[name], answer))]


def _wanted(name: str, status: int | None, old: Answers) -> str:
    """Say what an answer should have been; nothing where it may be as it is."""
    if name == "an unknown task":
        return "" if status == NOT_FOUND else str(NOT_FOUND)
    if name in old:
        return "" if status == old[name].status else f"{old[name].status}, as by the old path"
    asked = name.partition(",")[0]
    refused = status in REFUSES or (status == METHOD_NOT_ALLOWED and asked in NOT_SERVED)
    served = status is not None and status < 400 and asked not in LACKING
    return "" if refused or served else "a 4xx that refuses it"


def _unlike(name: str, old: Answer, now: Answer) -> Iterator[Finding]:
    """Compare what a browser makes of an answer, and what a stranger learns from it."""
    for header, was, found in other_headers(old.headers, now.headers):
        yield Finding("other header", f"{name}: {header}", f"{was}, as by the old path", found, Severity.HIGH)
    known = {each.partition(":")[0] for each in old.internals}
    if told := [each for each in now.internals if each.partition(":")[0] not in known]:
        yield Finding("internals told", name, "no internals in a refusal", "; ".join(told), Severity.HIGH)
