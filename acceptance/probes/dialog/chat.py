"""Talk to Butler as many users during a soak, and compare what is stored of it (stage 21_01a)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from acceptance.finding import Finding
from acceptance.observe.store import Store
from acceptance.probes.dialog import contexts
from acceptance.probes.dialog.contexts import COLLECTION, Context
from acceptance.probes.dialog.conversation import Conversation, seen_of
from acceptance.probes.dialog.gateway import RECALL, Butler, Turn, keep, new_word
from acceptance.probes.likeness import OldPath
from acceptance.redact import cut_front

MOST_SHOWN = 400
"""Characters of a conversation that a finding shows, its end."""


@dataclass
class _Seat:
    """A user in conversation."""

    user: str
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    session: str | None = ""
    word: str = ""
    turns: int = 0
    talk: list[str] = field(default_factory=list)
    sound: bool = True

    @property
    def said(self) -> list[str]:
        """What the user said; an answer follows each."""
        return self.talk[::2]

    def findings(
        self, stored: Sequence[Context], old: OldPath, counted: bool, keeps: int, keeps_in_turn: int
    ) -> list[Finding]:
        """Compare what is stored of this user with what was said.

        Args:
            stored: All documents of the user.
            old: What holds of documents by the old path.
            counted: Whether each turn is a step by the old path.
            keeps: How many of the newest messages are kept at least.
            keeps_in_turn: How many of the newest messages and answers are kept in turn, word by word.
        """
        if len(stored) != 1:
            expected = f"one document in {COLLECTION}, of session {self.session}"
            return [Finding("wrong documents", self.user, expected, f"{[each.get('session_id') for each in stored]}")]
        found = contexts.findings(stored[0], self.user, self.said[max(0, len(self.said) - keeps) :])
        if counted and stored[0].get("step_count") != self.turns:
            expected = f"step_count {self.turns} after as many turns, as the old path counts"
            found.append(Finding("wrongly stored", self.user, expected, str(stored[0].get("step_count"))))
        if (gone := contexts.lost(stored[0], self.talk[max(0, len(self.talk) - keeps_in_turn) :])) is not None:
            expected = f"{gone!r} in data, as it was said, after what was said and answered before it"
            held = cut_front(str([*contexts.texts(stored[0].get("data"))]), MOST_SHOWN)  # else one hides what follows
            found.append(Finding("wrongly stored", self.user, expected, held))
        # Where no answer names the session, as in Telegram, it is the stored one.
        session = stored[0].get("session_id") if self.session is None else self.session
        return [*found, *old.unlike(self.user, seen_of(self.user, session, stored[0], self.began))]


@dataclass
class Chat:
    """Users who talk turn by turn for as long as the soak lasts, some at a time, each for a few turns.

    Attributes:
        butler: The gateway.
        new_user: Makes the id of another test user.
        at_a_time: Conversations that go on side by side.
        length: Turns of a conversation; the first one goes on for as long as the soak lasts.
        lost: How many times in a row what was said before was not known.
        bad: How many turns in a row were not good, for whatever reason.
        held: All conversations.
    """

    butler: Butler
    new_user: Callable[[], str]
    at_a_time: int = 5
    length: int = 6
    lost: int = 0
    bad: int = 0
    held: list[_Seat] = field(default_factory=list)
    _seats: deque[_Seat] = field(default_factory=deque)

    def turn(self) -> list[Finding]:
        """Have the next user keep a word, or ask for it in the same session; gives what was wrong."""
        seat = self._seats.popleft() if len(self._seats) >= self.at_a_time else self._seated()
        found = self._recall(seat) if seat.turns % 2 else self._keep(seat)
        self.bad = self.bad + 1 if found else 0
        seat.sound = seat.sound and not found
        seat.turns += 1
        goes_on = seat.turns < self.length or seat is self.held[0]
        if goes_on and seat.session != "":  # None: nobody names it, and it goes on by its user
            self._seats.append(seat)
        return found

    def stored_findings(
        self, mongo: Store, before: Sequence[Conversation], keeps: int = 6, keeps_in_turn: int = 0
    ) -> list[Finding]:
        """Compare what is stored of the conversations that were good with what was said: one document each, no other.

        Args:
            mongo: The database.
            before: Conversations by the old path, which say how turns are counted and what a document holds.
            keeps: How many of a conversation's newest messages the old path keeps at least.
            keeps_in_turn: How many of its newest messages and answers, in turn and word by word.

        Raises:
            Inconclusive: MongoDB does not answer.
        """
        sound = {seat.user: seat for seat in self.held if seat.sound}
        stored: dict[str, list[Context]] = {user: [] for user in sound}
        for context in mongo[COLLECTION].find({"user_id": {"$in": list(stored)}}, {"_id": False}):
            stored[str(context["user_id"])].append(context)
        old = OldPath([each.seen for each in before], lists=frozenset({"context"}))
        counted = bool(before) and all(contexts.steps(each.contexts)[-1:] == [len(each.turns)] for each in before)
        seats = sound.values()
        return [each for seat in seats for each in seat.findings(stored[seat.user], old, counted, keeps, keeps_in_turn)]

    def _seated(self) -> _Seat:
        self.held.append(_Seat(self.new_user()))
        return self.held[-1]

    def _keep(self, seat: _Seat) -> list[Finding]:
        seat.word = new_word()
        turn = self._say(seat, keep(seat.word))
        seat.session = seat.session or turn.session_id
        return turn.findings() or _moved(turn, seat)

    def _recall(self, seat: _Seat) -> list[Finding]:
        turn = self._say(seat, RECALL)
        if found := turn.findings():
            return found
        lost = turn.forgot(seat.word)
        self.lost = self.lost + 1 if lost else 0
        return lost or _moved(turn, seat)

    def _say(self, seat: _Seat, message: str) -> Turn:
        turn = self.butler.say(seat.user, message, seat.session or None)
        seat.talk += [turn.message, turn.reply]
        return turn


def _moved(turn: Turn, seat: _Seat) -> list[Finding]:
    return turn.other_session(seat.session) if seat.session is not None else []
