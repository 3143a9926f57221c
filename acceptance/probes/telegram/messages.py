"""Write and read messages in Telegram's form, and keep what the bot sent to each chat of ours."""

from __future__ import annotations

import html
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_CHARACTERS = 4096
SOON_S = 1.0
"""Only a message that follows so soon tells of the answer before it: a restart, and who answers then, take longer."""
_TAG = re.compile(r"<[^<>]+>")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


def incoming(message_id: int, user: int, text: str) -> dict[str, Any]:
    """Write a message of a user in the private chat with the bot."""
    person = {"id": user, "first_name": "Acceptance"}
    command = re.match(r"/\w+", text)
    entities = [{"type": "bot_command", "offset": 0, "length": command.end()}] if command else []
    return {
        "message_id": message_id,
        "date": int(time.time()),
        "chat": {**person, "type": "private"},
        "from": {**person, "is_bot": False, "language_code": "en"},
        "text": text,
        **({"entities": entities} if entities else {}),
    }


def as_message(message_id: int, chat: int, text: str, bot: Mapping[str, Any]) -> dict[str, Any]:
    """Write a message of the bot, as it is told that it was sent."""
    return {
        "message_id": message_id,
        "date": int(time.time()),
        "chat": {"id": chat, "type": "private", "first_name": "Acceptance"},
        "from": dict(bot),
        "text": text,
    }


def plain(params: Mapping[str, Any]) -> str:
    """Give the text of a message as its reader sees it, without the marks of its parse mode."""
    text, mode = str(params.get("text") or params.get("caption") or ""), str(params.get("parse_mode") or "").lower()
    if mode == "html":
        return html.unescape(_TAG.sub("", text))
    return _ESCAPED.sub(r"\1", text) if mode.startswith("markdown") else text


def problem(method: str, params: Mapping[str, Any]) -> str:
    """Say why Telegram would not take a message, in its words; empty where it would."""
    if not params.get("chat_id"):
        return "chat_id is empty"
    if not re.fullmatch(r"-?\d+", str(params["chat_id"])):
        return "chat not found"
    if method == "sendmessage" and not plain(params).strip():
        return "message text is empty"
    if len(plain(params).encode("utf-16-le")) > 2 * MOST_CHARACTERS:
        return "message is too long"
    return ""


def _answered(params: Mapping[str, Any]) -> int | None:
    """Give the message that another one says that it answers."""
    told: Any = params.get("reply_parameters") or {}
    told = json.loads(told) if isinstance(told, str) else told
    found = params.get("reply_to_message_id") or (told.get("message_id") if isinstance(told, dict) else None)
    return int(found) if found else None


@dataclass
class _Sent:
    message_id: int
    answers: int | None
    text: str


@dataclass
class Chat:
    """What the bot sent to one user of ours; `changed` is when it last did, by the monotonic clock."""

    sent: list[_Sent] = field(default_factory=list)
    changed: float = 0.0
    _asked: int = 0
    _answered: int = 0
    _answered_at: float = 0.0
    _alone: bool = True

    def take(self, message_id: int, text: str, params: Mapping[str, Any]) -> None:
        """Keep a message."""
        self.sent.append(_Sent(message_id, _answered(params), text))
        self.changed = time.monotonic()

    def edit(self, message_id: int, text: str) -> bool:
        """Change a message; tells whether there is one."""
        found = [each for each in self.sent if each.message_id == message_id]
        for each in found:
            each.text, self.changed = text, time.monotonic()
        return bool(found)

    def ask(self, asked: int) -> str:
        """Begin a message of the user, and give what was sent twice in answer to the one before; empty for nothing.

        Left out are messages that were answered side by side, for nobody can say what answers which, and one that the
        bot was given once more: it had been restarted before it said that it has it, and may answer again.
        """
        texts = [each.text for each in self.sent if self._asked < each.message_id < asked]
        twice = next((text for number, text in enumerate(texts) if text in texts[:number]), "")
        over, soon = self._answered == self._asked, time.monotonic() < self._answered_at + SOON_S
        told = twice if over and soon and self._alone else ""
        self._asked, self._alone = asked, over
        return told

    def given_again(self) -> None:
        """Keep that the bot was given the newest message once more."""
        self._alone = False

    def answered(self, asked: int) -> None:
        """End the wait for an answer, whether or not one came."""
        self._answered_at = time.monotonic()
        self._answered = max(self._answered, asked)

    def answer_to(self, asked: int) -> list[str]:
        """Give the texts sent since a message of the user, without those that say they answer another one."""
        since = [each for each in self.sent if each.message_id > asked]
        return [each.text for each in since if each.answers in (None, asked)]
