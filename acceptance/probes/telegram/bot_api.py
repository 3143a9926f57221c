"""Answer a bot as Telegram's Bot API does: hold the updates that it polls for, and take what it sends.

Source: https://core.telegram.org/bots/api ("Making requests", "getUpdates", "sendMessage").
"""

from __future__ import annotations

import hmac
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from acceptance.probes.telegram.behaviour import LONGEST_POLL_S, Behaviour
from acceptance.probes.telegram.messages import Chat, as_message, incoming, plain, problem

Params = Mapping[str, Any]
_CALM_S = 0.5
"""How often a waiting poll sees whether its bot is still there."""
_AGREED = re.compile(
    "(set|delete)mycommands|setmy(description|shortdescription|name|defaultadministratorrights)|setchatmenubutton"
    "|answercallbackquery|sendchataction|setmessagereaction|deletemessages?|(un)?pinchatmessage|logout|close"
)
"""Methods that change nothing for the users of ours; the answer is that it is done."""
_LISTS = frozenset({"sendmediagroup"})


@dataclass(frozen=True)
class Said:
    """What the bot said to a user of ours.

    Attributes:
        reply: Its answer.
        elapsed_s: Seconds until that was complete.
        twice: What it had sent twice in answer to the message before; empty for nothing.
    """

    reply: str
    elapsed_s: float
    twice: str


@dataclass(frozen=True)
class Answer:
    """What the bot is answered: the HTTP status, and the JSON."""

    status: int
    body: Mapping[str, Any]


def ok(result: object) -> Answer:
    """Answer with a result."""
    return Answer(200, {"ok": True, "result": result})


def refused(code: int, description: str, **parameters: int) -> Answer:
    """Answer with an error in Telegram's form."""
    told = {"parameters": parameters} if parameters else {}
    return Answer(code, {"ok": False, "error_code": code, "description": description} | told)


NO_METHOD = refused(404, "Not Found: method not found")
UNAUTHORIZED = refused(401, "Unauthorized")
OTHER_POLL = refused(
    409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
)
WEBHOOK_ON = refused(
    409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)


class BotApi:
    """Serves one bot; threads may share it.

    Args:
        token: The bot's.
        rate_limit: Messages a second that it may send; more are answered 429. Nought for no limit.
    """

    def __init__(self, token: str, rate_limit: int = 0) -> None:
        self._token = token
        self._rate_limit = rate_limit
        self._changed = threading.Condition()
        self._updates: list[dict[str, Any]] = []
        self._update_id = int(time.time() - 1_700_000_000) * 10  # a bot keeps its offset over runs of ours
        self._message_id = 0
        self._given = 0
        self._chats: dict[int, Chat] = {}
        self._poll: object = None
        self._sent: deque[float] = deque()
        self.seen = Behaviour()

    def call(self, token: str, method: str, params: Params, alive: Callable[[], bool] = lambda: True) -> Answer:
        """Answer one call.

        Args:
            token: That the bot has given.
            method: In any case, as there.
            params: What it has given.
            alive: Tells whether the bot still waits for the answer.
        """
        with self._changed:
            if not hmac.compare_digest(token.encode(), self._token.encode()):
                self.seen.wrong_token += 1
                return UNAUTHORIZED
            name = method.lower()
            self.seen.calls[name] += 1
            try:
                return self._answer(name, params, alive)
            except ValueError as error:
                return refused(400, f"Bad Request: {error}")

    def _answer(self, name: str, params: Params, alive: Callable[[], bool]) -> Answer:
        match name:
            case "getme":
                return ok({**self._bot(), "can_join_groups": False, "supports_inline_queries": False})
            case "getupdates":
                return self._get_updates(params, alive)
            case "deletewebhook" | "setwebhook":
                self.seen.webhook = name == "setwebhook" and bool(params.get("url"))
                if str(params.get("drop_pending_updates", "")).lower() == "true":
                    self._updates.clear()
                return ok(True)
            case "getwebhookinfo":
                known = {"url": "", "has_custom_certificate": False, "pending_update_count": len(self._updates)}
                return ok(known)
            case "getmycommands":
                return ok([])
            case "editmessagetext":
                return self._edit(params)
        if _AGREED.fullmatch(name):
            return ok(True)
        if name.startswith("send") and name not in _LISTS:
            return self._send(name, params)
        self.seen.unknown.add(name)
        return NO_METHOD

    def _bot(self) -> dict[str, Any]:
        number = self._token.partition(":")[0]
        return {"id": int(number), "is_bot": True, "first_name": "Butler", "username": f"butler_{number}_bot"}

    def _get_updates(self, params: Params, alive: Callable[[], bool]) -> Answer:
        if self.seen.webhook:
            return WEBHOOK_ON
        offset, limit = int(params.get("offset") or 0), int(params.get("limit") or 100)
        until = time.monotonic() + min(float(params.get("timeout") or 0), LONGEST_POLL_S)
        self._confirm(offset)
        self._poll = mine = object()
        self.seen.polled = time.monotonic()
        self._changed.notify_all()  # the poll before this one ends
        while not self._updates and self._poll is mine and (left := until - time.monotonic()) > 0 and alive():
            self._changed.wait(min(left, _CALM_S))
        if self._poll is not mine:
            if alive():  # a bot that was restarted is no second bot
                self.seen.conflicts.append(time.monotonic())
            return OTHER_POLL
        self.seen.polled = time.monotonic()
        given = self._updates[: max(1, limit)]
        for update in given:
            if update["update_id"] <= self._given:
                self._chats[update["message"]["chat"]["id"]].given_again()
        self._given = max([self._given, *(update["update_id"] for update in given)])
        return ok(given)

    def _confirm(self, offset: int) -> None:
        """Forget what is older than an offset; a negative one counts from the end."""
        if offset < 0:
            self._updates = self._updates[offset:]
        elif offset:
            self._updates = [each for each in self._updates if each["update_id"] >= offset]
            self._update_id = max(self._update_id, offset - 1)

    def _send(self, name: str, params: Params) -> Answer:
        if wrong := problem(name, params):
            raise ValueError(wrong)
        if wait := self._too_many():
            self.seen.limited += 1
            return refused(429, f"Too Many Requests: retry after {wait}", retry_after=wait)
        self._message_id += 1
        number = int(params["chat_id"])
        if chat := self._chats.get(number):
            chat.take(self._message_id, plain(params), params)
        else:
            self.seen.elsewhere += 1
        self._changed.notify_all()
        return ok(as_message(self._message_id, number, plain(params), self._bot()))

    def _too_many(self) -> int:
        """Give the seconds to wait before another message may be sent, nought for none."""
        if not self._rate_limit:
            return 0
        now = time.monotonic()
        while self._sent and self._sent[0] <= now - 1:
            self._sent.popleft()
        if len(self._sent) >= self._rate_limit:
            return 1
        self._sent.append(now)
        return 0

    def _edit(self, params: Params) -> Answer:
        number, message = int(params.get("chat_id") or 0), int(params.get("message_id") or 0)
        chat = self._chats.get(number)
        if chat and not chat.edit(message, plain(params)):
            raise ValueError("message to edit not found")
        self._changed.notify_all()
        return ok(as_message(message, number, plain(params), self._bot()))

    def say(self, user: int, text: str, patience_s: float, settle_s: float, until: str = "") -> Said | None:
        """Have a user write to the bot, and wait for its answer.

        Args:
            user: Whose private chat it is.
            text: What is written.
            patience_s: Longest wait for the first message of the answer.
            settle_s: Seconds without another message, or an edit, after which the answer is complete.
            until: Words that a later message may hold, in any case: it is waited for too.

        Returns:
            The answer; None when none came.
        """
        with self._changed:
            self._message_id += 1
            self._update_id += 1
            chat = self._chats.setdefault(user, Chat())
            asked, begin = self._message_id, time.monotonic()
            twice = chat.ask(asked)
            self._updates.append({"update_id": self._update_id, "message": incoming(asked, user, text)})
            self._changed.notify_all()
            came = self._changed.wait_for(lambda: chat.answer_to(asked), patience_s)
            if came:
                self._changed.wait_for(lambda: until.lower() in "\n".join(chat.answer_to(asked)).lower(), patience_s)
                last = time.monotonic() + patience_s  # for a bot that edits without end
                while (left := min(chat.changed + settle_s, last) - time.monotonic()) > 0:
                    self._changed.wait(left)
            chat.answered(asked)
            return Said("\n".join(chat.answer_to(asked)), chat.changed - begin, twice) if came else None

    def polled(self, patience_s: float) -> bool:
        """Wait until the bot has polled for the first time, and tell whether it has."""
        with self._changed:
            return self._changed.wait_for(lambda: self.seen.polled is not None, patience_s)
