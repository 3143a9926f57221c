"""Hold conversations with Butler: turn after turn in one session, and what is stored of them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any

from acceptance.finding import Finding, about
from acceptance.probes.dialog.gateway import RECALL, Butler, Turn
from acceptance.probes.seen import Seen
from acceptance.verdict import NotApplicable

LONG_TALK = (
    "Длинное сообщение 🏮 " + "как его пишут студенты, с примерами и вопросами; " * 60,
    'Две строки\n\tи отступ, "кавычки" и \\, <b>&amp;</b>, $set.x {y}, e\u0301 и é, ﬁ, 👩\u200d👧, ١٢٣  конец',
    "42",
    "/ is no command of mine",
    *(f"This is message {number} of a long conversation" for number in (5, 6, 7, 8, 9, 10, 10)),
    RECALL,
)
"""A conversation of twelve turns: one nearly as long as Telegram allows (4,096 characters), one odd, one said twice."""


@dataclass(frozen=True)
class Conversation:
    """Turns of one user, and the stored context after each of them as `look` gave it.

    Attributes:
        turns: The messages and their answers.
        contexts: What was stored after each.
        began: Before the first message was sent.
        kept: Whether all were sent on one connection.
        waits: How long `look` took after each, in seconds: until what was said was seen stored.
    """

    turns: tuple[Turn, ...]
    contexts: tuple[Any, ...] = ()
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    kept: bool = False
    waits: tuple[float, ...] = ()

    @property
    def seen(self) -> Seen:
        """What was said and what is stored of it, to compare with another path's."""
        return seen_of(self.turns[0].user_id, self.session_id, self.contexts[-1], self.began)

    @property
    def sessions(self) -> list[str]:
        """The session of each turn: as its answer names it, else as what is stored does; empty for none."""
        pairs = zip_longest(self.turns, self.contexts)
        return [
            (seen or {}).get("session_id", "") if turn.session_id is None else turn.session_id for turn, seen in pairs
        ]

    @property
    def session_id(self) -> str:
        """The session that the conversation began in."""
        return self.sessions[0]

    @property
    def said(self) -> list[str]:
        """What the user said."""
        return [turn.message for turn in self.turns]

    @property
    def talk(self) -> list[str]:
        """What the user said, and was answered, in turn."""
        return [text for turn in self.turns for text in (turn.message, turn.reply)]

    def findings(self) -> list[Finding]:
        """Name what is wrong with any answer."""
        how = " on one connection" if self.kept else ""
        numbered = enumerate(self.turns, 1)
        return [each for number, turn in numbered for each in about(f"turn {number}{how}", turn.findings())]

    def other_session(self) -> list[Finding]:
        """Name the turns that belong to another session than the conversation, or to none that is known.

        Raises:
            NotApplicable: No answer names its session, and nobody looked at what is stored.
        """
        if not self.contexts and self.turns[0].session_id is None:  # guard: a-session-nobody-sees-is-no-pass
            raise NotApplicable("no answer names its session (DIALOG, BOT_FIELDS in the target file)")
        own, found = self.session_id or "one that is known", list[Finding]()
        for number, (turn, session) in enumerate(zip(self.turns, self.sessions, strict=True), 1):
            found += about(f"turn {number}", replace(turn, session_id=session).other_session(own))
        return found


def converse(
    butler: Butler,
    user_id: str,
    messages: Sequence[str],
    session_id: str | None = None,
    look: Callable[[Turn], Any] | None = None,
    *,
    kept: bool = False,
) -> Conversation:
    """Hold a conversation: each message goes to the session that the first answer named.

    Args:
        butler: The gateway.
        user_id: Who speaks.
        messages: What is said, in turn.
        session_id: A session to go on with, by default a new one.
        look: Called after each turn for what is stored then.
        kept: On one connection; else each message may reach another process of the bot.
    """
    began = datetime.now(UTC)
    turns: list[Turn] = []
    contexts, waits = [], []
    with butler.connected() if kept else nullcontext(butler) as its:
        for message in messages:
            turns.append(its.say(user_id, message, session_id))
            session_id = session_id or turns[0].session_id or None
            if look:
                answered = time.monotonic()
                contexts.append(look(turns[-1]))
                waits.append(time.monotonic() - answered)
    return Conversation(tuple(turns), tuple(contexts), began, kept, tuple(waits))


def seen_of(user_id: str, session_id: str | None, context: Mapping[str, Any] | None, began: datetime) -> Seen:
    """Collect who spoke in which session, and what is stored of it, to compare it."""
    return Seen({"sent": {"user_id": user_id, "session_id": session_id}, "context": context}, began)


def other_modes(before: Sequence[Turn], now: Sequence[Turn]) -> list[Finding]:
    """Say that most messages are answered in another mode than before; a few may be, for a model decides it."""
    old = {turn.message: turn.mode for turn in before}
    other = [turn for turn in now if turn.message in old and old[turn.message] != turn.mode]
    if len(other) * 2 <= len(now):
        return []
    turn = other[-1]
    expected = f"mode {old[turn.message]!r}, as with the flag off"
    return [turn.wrong("other mode", expected, f"{turn.mode!r}, and another mode in {len(other)} of {len(now)} turns")]


_FORMS = {
    "HTML entities": r"&(?:quot|amp|lt|gt|apos|#\d{2,6}|#x[0-9a-f]{2,6});",
    "HTML tags": r"</?(?:b|i|p|br|div|span|strong|em|code|pre)\s?/?>",
    "escapes": r"\\u[0-9a-fA-F]{4}|\\n",
    "letters in another encoding": r"[ÐÑ][\x80-\xbf]|\ufffd",
    "placeholders": r"\{\{?\s?\w+\s?\}\}?|\bundefined\b|\[object Object\]",
}
"""What a user should not see in a reply, by its name: an answer that was encoded once too often, or never filled in."""


def other_forms(before: Sequence[Turn], now: Sequence[Turn]) -> list[Finding]:
    """Name words of two or more replies that no reply by the old path had, without what the user wrote."""
    found = []
    for name, pattern in _FORMS.items():
        old, strange = ([turn for turn in turns if re.search(pattern, _own(turn, turns))] for turns in (before, now))
        if len(strange) > 1 and not old:
            told = f"{strange[-1].reply[:80]!r}, and {name} in {len(strange)} of {len(now)} replies"
            found.append(strange[-1].wrong("other form", f"no {name}, as with the flag off", told))
    return found


def _own(turn: Turn, turns: Sequence[Turn]) -> str:
    """Give a reply without what it repeats of the user's own words."""
    reply = turn.reply
    for said in sorted({each.message for each in turns}, key=len, reverse=True):
        reply = reply.replace(said, "")
    return reply
