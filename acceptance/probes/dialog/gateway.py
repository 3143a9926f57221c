"""Talk to Butler as a user would, and judge what it says (stage 21_01a; target contract, "HTTP").

The real service was seen to answer "Hello" with 200 and an error text, so that an answer came proves nothing: its
content counts, that the session stays the same over the turns, and that what was said before is known.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import httpx

from acceptance.finding import Finding
from acceptance.probes.http.client import Called, Caller, brief
from acceptance.probes.http.exchange import Exchange
from acceptance.redact import cut

MESSAGES_PATH = "/api/v1/dialog/messages"
MODES = frozenset({"talk", "digest", "channel_info", "task", "data", "reminders", "homework_review", "idle"})
"""Modes that a reply may name, in any case: what the user asked for, or Butler's own names for it."""

RECALL = "What did I say before?"
_ERROR = re.compile(
    r"\b(?:an?|some|internal|unexpected|server) error\b|\berror (?:occurred|while|code)|\btraceback\b|\bexception\b"
    r"|\bsomething went wrong\b|\b(?:try|come back) (?:it )?again\b|\btemporarily unavailable\b|\bnot available\b"
    r"|\b(?:could|can)(?: ?not|n't) (?:process|handle|complete) (?:your|the|this)\b|\bfailed to (?:process|handle)\b"
    r"|ошибк|что-то пошло не так|не удалось|попробуйте (?:ещё|еще|снова|позже|повторить)|недоступ|❌",
    re.IGNORECASE,
)


def error_in(reply: str) -> str | None:
    """Give the words by which a reply reads as an error text, None when it does not."""
    found = _ERROR.search(reply)
    return found[0] if found else None


def new_word() -> str:
    """Make a word that no other message holds; Butler's users write Russian and emoji, so it is not ASCII."""
    return f"фонарь-{secrets.token_hex(4)}-🏮"


def words_in(texts: Iterable[str]) -> set[str]:
    """Give the ASCII part of each such word: a log may write the rest otherwise."""
    return {found for text in texts for found in re.findall(r"фонарь-([0-9a-f]{8})", text)}


def keep(word: str) -> str:
    """Make a message that holds a word to come back to."""
    return f"Please keep this word for me: {word}"


@dataclass(frozen=True, slots=True)
class Turn:
    """One message and its answer; `session_id`, `reply` and `mode` are empty where the answer lacks them.

    `session_id` and `mode` are None where no answer of the deployment has one.
    """

    user_id: str
    message: str
    exchange: Exchange
    session_id: str | None
    reply: str
    mode: str | None

    def findings(self) -> list[Finding]:
        """Name what is wrong with the answer; empty when it is a good one."""
        if self.exchange.status != httpx.codes.OK:
            return [self.wrong("bad answer", "200", brief(self.exchange))]
        found = []
        if self.session_id == "":
            found.append(self.wrong("bad answer", "a session_id", f"none in {cut(self.exchange.body, 200)!r}"))
        if not self.reply.strip():
            found.append(self.wrong("bad answer", "a reply", f"none in {cut(self.exchange.body, 200)!r}"))
        elif words := error_in(self.reply):
            found.append(self.wrong("bad answer", "an answer", f"an error text ({words!r}): {self.reply!r}"))
        if self.mode is not None and self.mode.lower() not in MODES:
            expected = f"a mode of {sorted(MODES)}, or one that BOT_VALUES names"
            found.append(self.wrong("bad answer", expected, repr(self.mode)))
        return found

    def other_session(self, session_id: str) -> list[Finding]:
        """Say that the answer belongs to another session than this; empty when it does not, or names none."""
        same = self.session_id in (session_id, None)
        return [] if same else [self.wrong("other session", f"session {session_id!r}", repr(self.session_id))]

    def forgot(self, word: str) -> list[Finding]:
        """Say that the reply does not know a word said before; empty when it does."""
        told = word in self.reply
        return [] if told else [self.wrong("forgotten", f"{word!r}, said before, in the answer", repr(self.reply))]

    def wrong(self, kind: str, expected: str, found: str) -> Finding:
        """Make a finding of this message."""
        return Finding(kind, f"{self.user_id}, {self.message!r}", expected, found)


@dataclass(frozen=True, slots=True)
class Butler:
    """The dialog gateway."""

    caller: Caller

    @property
    def names_sessions(self) -> bool:
        """Whether its answers name their session; where they do not, what is stored does."""
        return not self.caller.names.lacks("session_id")

    @contextmanager
    def connected(self) -> Iterator[Butler]:
        """Give what says one message after the other on one connection."""
        with self.caller.connected() as caller:
            yield replace(self, caller=caller)

    def say(self, user_id: str, message: str, session_id: str | None = None) -> Turn:
        """Send one message; without a session a conversation begins."""
        return self._turn(user_id, message, self.caller.post(MESSAGES_PATH, _body(user_id, message, session_id)))

    async def asay(self, client: httpx.AsyncClient, user_id: str, message: str, session_id: str | None = None) -> Turn:
        """Do as `say` over a client that many conversations share."""
        called = await self.caller.apost(client, MESSAGES_PATH, _body(user_id, message, session_id))
        return self._turn(user_id, message, called)

    def order(self, user_id: str, message: str, word: str) -> Turn:
        """Ask for what holds a word, in a new conversation; the gateway answers with it."""
        return self.say(user_id, message)

    def unserved(self, user_id: str) -> list[Finding]:
        """Check that the running code takes messages: it must refuse one without text."""
        answer = self.caller.post(MESSAGES_PATH, _body(user_id, "", None), writes=False).exchange
        expected = "a message without text to be refused"
        knows = answer.refused and answer.status != httpx.codes.FORBIDDEN  # which is for our login
        return [] if knows else [Finding("does not work", "dialog gateway", expected, brief(answer))]

    def _turn(self, user_id: str, message: str, called: Called) -> Turn:
        told = called.get("session_id")
        named = str(told) if isinstance(told, int) and not isinstance(told, bool) else _text(told)
        session_id = None if self.caller.names.lacks("session_id") else named
        mode = None if self.caller.names.lacks("mode") else _text(called.get("mode"))
        return Turn(user_id, message, called.exchange, session_id, _text(called.get("reply")), mode)


def _body(user_id: str, message: str, session_id: str | None) -> dict[str, str]:
    return {"user_id": user_id, "message": message} | ({"session_id": session_id} if session_id else {})


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def of_channel(turn: Turn, channel: str, modes: Collection[str]) -> list[Finding]:
    """Name what keeps an answer from being about this channel: another mode, or the channel is not named.

    Args:
        turn: The question and its answer.
        channel: What was asked for; an answer that is another question, or a refusal, does not name it.
        modes: Modes that do it, in lower case.
    """
    found = []
    if turn.mode is not None and turn.mode.lower() not in modes:
        expected = f"mode {' or '.join(sorted(modes))}"
        found.append(turn.wrong("other answer", expected, f"{turn.mode!r}: {cut(turn.reply, 200)!r}"))
    if channel.lower() not in turn.reply.lower():
        found.append(turn.wrong("other answer", f"an answer about {channel!r}", repr(cut(turn.reply, 200))))
    return found
