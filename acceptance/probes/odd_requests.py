"""Send requests that no service can serve, or only just, and hold the answers to those of the old path.

What is missing, empty or unknown is refused with a 4xx; which one is mostly left open, so the old path decides
(contract, "HTTP").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from acceptance.finding import Finding
from acceptance.probes.dialog.gateway import MESSAGES_PATH
from acceptance.probes.homework.worker import LIST_PATH
from acceptance.probes.homework.worker import REVIEWS_PATH as HOMEWORK_REVIEWS
from acceptance.probes.http.client import Called, Caller
from acceptance.probes.storage.uploads import REVIEWS_PATH

Statuses = Mapping[str, int | None]
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
        "a message too long": lambda bot, user: bot.post(
            MESSAGES_PATH, {"user_id": user, "message": "ж" * (LONGEST + 1)}
        ),
    },
    "worker": {
        "a list of nobody": lambda worker, _: worker.get(LIST_PATH, days=7),
        "a list of no days": lambda worker, user: worker.get(LIST_PATH, student_id=user, days=0),
        "no commit": lambda worker, user: worker.post(HOMEWORK_REVIEWS, {"student_id": user}),
        "an unknown commit": lambda worker, user: worker.post(
            HOMEWORK_REVIEWS, {"student_id": user, "commit_hash": UNKNOWN_COMMIT}
        ),
    },
    "api": {
        "an unknown task": lambda api, user: api.get(f"{REVIEWS_PATH}/rev_{user}"),
        "a task of no name": lambda api, _: api.get(f"{REVIEWS_PATH}/%20"),
    },
}
"""By service."""


def odd_answers(caller: Caller, key: str, user: str) -> Statuses:
    """Send the odd requests of a service; give the status of each, None where there was no answer.

    Args:
        caller: Calls it.
        key: Its short name.
        user: A test user who has nothing stored.
    """
    return {name: ask(caller, user).exchange.status for name, ask in ODD[key].items()}


def odd_findings(now: Statuses, before: Statuses | None = None) -> list[Finding]:
    """Name the requests that are not refused as they should be.

    Args:
        now: The answers.
        before: Those of the old path; without them only a crash and an unknown task that is known are told.
    """
    contract = {"an unknown task": NOT_FOUND}
    expected = {**(before or {}), **contract}
    return [
        Finding(
            "odd request",
            name,
            f"{expected[name]}{'' if name in contract else ', as by the old path'}" if name in expected else "a 4xx",
            str(status),
        )
        for name, status in now.items()
        if (status != expected[name] if name in expected else status is None or status >= 500)
    ]
