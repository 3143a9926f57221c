"""What the checks of stage 21_01a share: the gateway as a user sees it, the conversations held, and the soak."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import pytest

from acceptance.evidence import Evidence
from acceptance.finding import Finding
from acceptance.probes.dialog.chat import Chat
from acceptance.probes.dialog.contexts import context_after
from acceptance.probes.dialog.conversation import LONG_TALK, Conversation, converse
from acceptance.probes.dialog.gateway import new_word, of_channel
from acceptance.probes.dialog.sessions import Sessions, try_sessions
from acceptance.stages.soak import SoakReport
from acceptance.stages.user_triggers import HardFault
from fixtures.given import Butler, EvidenceBox, Found, NewId, StageWork, Store, Target

TrySessions = Callable[[], Sessions]
Show = Callable[[Conversation], None]

CONVERSATION = Found[Conversation]("conversation")
LONG_CONVERSATION = Found[Conversation]("long conversation")
HELD_IN = Found[tuple[str, list[str]]]("held in")
"""A user, and the collections that hold something of this user."""
KEPT_APART = Found[Sessions]("sessions")

# Once a reply may put it in other words; twice in a row the history is not there.
LOST_HISTORY = HardFault("lost-history", "What was said before is not known", ["trigger.6"], limit=1)
BAD_ANSWERS = HardFault("bad-answers", "Messages get no good answer", ["trigger.6"], limit=2)


class Talk(Protocol):
    """Holds a conversation with Butler."""

    def __call__(self, user_id: str, *messages: str, session_id: str | None = None, kept: bool = False) -> Conversation:
        """Hold it."""


@pytest.fixture(scope="session")
def talk(butler: Butler, mongo: Store) -> Talk:
    """Holds a conversation, and looks after each turn at what is stored of it."""

    def hold(user_id: str, *messages: str, session_id: str | None = None, kept: bool = False) -> Conversation:
        return converse(butler, user_id, messages, session_id, lambda turn: context_after(mongo, turn), kept=kept)

    return hold


@pytest.fixture(scope="module")
def word() -> str:
    """What the user of one phase asks Butler to keep."""
    return new_word()


@pytest.fixture(scope="module")
def long_talk(talk: Talk, new_number: NewId) -> Conversation:
    """A conversation of many turns on one connection, with a user whose id is a number, as in Telegram."""
    return talk(new_number("Long"), *LONG_TALK, kept=True)


@pytest.fixture(scope="module")
def try_them(butler: Butler, mongo: Store, new_id: NewId, new_number: NewId) -> TrySessions:
    """Tries how sessions are kept apart by the path that is at work."""
    return lambda: try_sessions(butler, mongo, new_id, new_number)


@pytest.fixture(scope="module")
def sessions(try_them: TrySessions) -> Sessions:
    """How sessions are kept apart by the path that is at work."""
    return try_them()


@pytest.fixture(scope="module")
def orders(butler: Butler, target: Target, new_id: NewId) -> list[Finding]:
    """What is wrong with what Butler sends on order, by the path that is at work: a digest, and channel info."""
    channel = target.known.channel
    asked = (("Please send me the digest of channel", "digest"), ("Show me channel info of", "channel_info"))
    turns = [(butler.order(new_id("order"), f"{words} {channel}", channel), mode) for words, mode in asked]
    return [each for turn, mode in turns for each in turn.findings() or of_channel(turn, channel, {mode, "data"})]


@pytest.fixture(scope="module")
def chat(butler: Butler, new_id: NewId) -> Chat:
    """The users of the soak."""
    return Chat(butler, lambda: new_id("Soak"))


@pytest.fixture(scope="module")
def soaked(flag_on: object, stage_work: StageWork, chat: Chat) -> SoakReport:
    """The stage after its full soak, with one dialog turn of one of many users at a time."""

    def one_turn() -> list[Finding]:
        found = chat.turn()
        LOST_HISTORY.check(stage_work, chat.lost, found)
        BAD_ANSWERS.check(stage_work, chat.bad, found)
        return found

    return stage_work.soak(one_turn)


@pytest.fixture
def show(evidence: EvidenceBox) -> Show:
    """Puts the turns of a conversation, and what was stored of it, into the record."""

    def add(conversation: Conversation) -> None:
        for turn in conversation.turns:
            evidence.add(Evidence("http", f"{turn.user_id}: {turn.message}", turn.exchange.as_json()))
        if conversation.contexts:
            evidence.add(Evidence("document", "stored context", {"last": conversation.contexts[-1]}))

    return add
