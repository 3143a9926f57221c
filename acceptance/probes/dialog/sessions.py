"""Try whether sessions are kept apart: two of one user, one that a stranger enters, one with messages at once.

And those that a client named itself, which may be alike but for their end, or for its case, one that is erased, and
one that looks as if an earlier version had stored it.

How it must be is left open by the contract, so the old path decides.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx

from acceptance.finding import Finding, Severity
from acceptance.observe.store import Store
from acceptance.polling import poll
from acceptance.probes.dialog.contexts import (
    COLLECTION,
    STORE_DELAY_S,
    context_after,
    context_for,
    context_of,
    remembered,
    texts,
)
from acceptance.probes.dialog.gateway import RECALL, Butler, Turn, keep, new_word

AT_ONCE = 6
FIELD = "ops_note"
LENGTHS = (36, 100)
"""Characters of a session's name that a client chose: those of a UUID, and more than a column may be wide."""


@dataclass(frozen=True)
class Sessions:
    """What was seen.

    Attributes:
        own_sessions: Two conversations of a user are two sessions.
        second_remembers: The second one knows what was said in it.
        first_remembers: So does the first one, afterwards.
        stranger: The status that another user gets in the session.
        stranger_is_told: That user is told what was said in it.
        stranger_is_kept: What that user said is stored in it, whatever was answered.
        alike_enters: A user whose id differs from the owner's by its case alone is answered in the session.
        together: How many of `AT_ONCE` messages at the same moment are stored.
        misplaced: How many messages to both conversations at the same moment are stored in the other one.
        erased_is_known: What was said in a session is known in it after its document was erased.
        number_goes_on: An owner whose id is stored as a number, as an earlier version may have done, is answered.
        field_is_kept: So is a field of the document that is no field of the contract, after a turn more.
        named: How many sessions that a client named hold what was said in them, and nothing else.
        one_document: MongoDB itself lets a session have no second document.
        faults: What is wrong with the answers to the user's own messages.
        seconds: How long each of the messages at the same moment took; in Telegram, where nobody waits, none.
    """

    own_sessions: bool
    second_remembers: bool
    first_remembers: bool
    stranger: int | None
    stranger_is_told: bool
    stranger_is_kept: bool
    together: int
    one_document: bool = True
    misplaced: int = 0
    named: int = 0
    alike_enters: bool = False
    erased_is_known: bool = False
    number_goes_on: bool = False
    field_is_kept: bool = False
    faults: list[Finding] = field(default_factory=list, compare=False)
    seconds: tuple[float, ...] = field(default=(), compare=False)

    def unlike(self, before: Sessions) -> list[Finding]:
        """Name what is worse than by the old path, or another answer."""
        kept = [
            ("a user's two conversations to be two sessions", before.own_sessions, self.own_sessions),
            ("a second conversation to know what was said in it", before.second_remembers, self.second_remembers),
            ("the first conversation to know what was said in it", before.first_remembers, self.first_remembers),
            ("a session's words not told to another user", not before.stranger_is_told, not self.stranger_is_told),
            ("no way in for a user whose id differs by its case", not before.alike_enters, not self.alike_enters),
            ("nothing known of a session that was erased", not before.erased_is_known, not self.erased_is_known),
            ("an owner whose id is stored as a number let in", before.number_goes_on, self.number_goes_on),
            (f"a field of others ({FIELD}) left in the document", before.field_is_kept, self.field_is_kept),
            ("nothing stored of another user's words", not before.stranger_is_kept, not self.stranger_is_kept),
            (f"{before.named} sessions that a client named kept apart", True, self.named >= before.named),
            ("a unique index on session_id", before.one_document, self.one_document),
            (f"all of {AT_ONCE} messages of one moment stored", before.together == AT_ONCE, self.together == AT_ONCE),
            ("messages of one moment in their own session", not before.misplaced, not self.misplaced),
        ]
        found = [
            Finding("sessions mixed up", "sessions", f"{what}, as by the old path", self._shown(), Severity.CRITICAL)
            for what, was, now in kept
            if was and not now
        ]
        if self.stranger != before.stranger:
            expected = f"status {before.stranger} for another user in the session, as by the old path"
            found.append(Finding("answered otherwise", "sessions", expected, str(self.stranger), Severity.CRITICAL))
        return [*self.faults, *found]

    def _shown(self) -> str:
        of = f"{self.together} of {AT_ONCE} stored, {self.misplaced} in another session, {self.named} named ones apart"
        return f"otherwise ({of}; the stranger got {self.stranger})"


def try_sessions(
    butler: Butler, mongo: Store, new_id: Callable[[str], str], new_number: Callable[[str], str]
) -> Sessions:
    """Talk in two sessions of one user, in one of them as another user, and several messages at once.

    Args:
        butler: The gateway.
        mongo: Where what was said is stored.
        new_id: Makes the id of a test user.
        new_number: Makes one of digits alone.

    Raises:
        Inconclusive: MongoDB does not answer.
    """
    user, words = new_id("Sessions"), (new_word(), new_word())
    first, second = (butler.say(user, keep(word)) for word in words)
    in_second = butler.say(user, RECALL, second.session_id or None)
    in_first = butler.say(user, RECALL, first.session_id or None)
    intrusion = f"{RECALL} {new_word()}"
    stranger = butler.say(new_id("Stranger"), intrusion, first.session_id or None)
    likeness = user.replace("-Sessions-", "-SESSIONS-")  # where ids are numbers, none is alike
    alike = butler.say(likeness, RECALL, first.session_id or None) if likeness != user else None
    kept_before = intrusion in texts((context_for(mongo, first) or {}).get("data"))
    messages, in_other = ([f"At the same moment {new_word()}" for _ in range(n)] for n in (AT_ONCE, AT_ONCE // 2))
    said = [*((other, first) for other in in_other), *((message, second) for message in messages)]
    with ThreadPoolExecutor(len(said)) as pool:
        at_once = list(pool.map(lambda each: butler.say(user, each[0], each[1].session_id or None), said))

    def held(turn: Turn, words: list[str]) -> int:
        return sum(map(bool, remembered(context_for(mongo, turn), words).values()))

    number_goes_on, field_is_kept = _of_an_earlier_version(butler, mongo, new_number("Sessions-earlier"))
    apart = bool(first.session_id) and first.session_id != second.session_id
    return Sessions(
        own_sessions=first.session_id != second.session_id,
        second_remembers=words[1] in in_second.reply,
        first_remembers=words[0] in in_first.reply,
        stranger=stranger.exchange.status,
        stranger_is_told=words[0] in stranger.reply,
        alike_enters=bool(alike and alike.exchange.status == httpx.codes.OK and alike.session_id == first.session_id),
        together=poll(lambda: held(second, messages), lambda count: count == AT_ONCE, STORE_DELAY_S),
        misplaced=held(first, messages) + held(second, in_other) if apart else 0,
        stranger_is_kept=kept_before or intrusion in texts((context_for(mongo, first) or {}).get("data")),
        named=_named_apart(butler, mongo, new_id("Sessions-named")),
        erased_is_known=_known_again(butler, mongo, new_id("Sessions-erased")),
        number_goes_on=number_goes_on,
        field_is_kept=field_is_kept,
        one_document=["session_id"] in mongo[COLLECTION].unique(),
        faults=[each for turn in (first, second, in_second, in_first) for each in turn.findings()],
        seconds=tuple(turn.exchange.elapsed_s for turn in at_once) if butler.names_sessions else (),
    )


def _known_again(butler: Butler, mongo: Store, user: str) -> bool:
    """Erase what is stored of a session and go on in it; tell whether what was said before comes back."""
    word = new_word()
    said = butler.say(user, keep(word))
    stored = context_after(mongo, said)
    if stored is None:
        return False
    mongo[COLLECTION].delete_many({"session_id": stored["session_id"]})
    told = butler.say(user, RECALL, said.session_id or None)
    return word in told.reply or any(word in text for text in texts((context_after(mongo, told) or {}).get("data")))


def _of_an_earlier_version(butler: Butler, mongo: Store, user: str) -> tuple[bool, bool]:
    """Change what is stored of a session, and go on in it; tell whether its owner is let in, and what was added kept.

    Users from before a deployment have such documents: with their id as a number, and with fields of other programs.
    """
    said = butler.say(user, keep(new_word()))
    stored = context_after(mongo, said)
    if stored is None:
        return False, False
    changed = {**stored, "user_id": int(user), FIELD: user}
    mongo[COLLECTION].replace_one({"session_id": stored["session_id"]}, changed)
    told = butler.say(user, RECALL, said.session_id or None)
    context_after(mongo, told)
    return not told.findings(), (context_for(mongo, said) or {}).get(FIELD) == user


def _named_apart(butler: Butler, mongo: Store, user: str) -> int:
    """Talk in sessions whose names are chosen; count those that hold what was said in them, and nothing else."""
    if not butler.names_sessions:
        return 0
    names = [f"{user}-".ljust(length - 1, "s") + end for length in LENGTHS for end in ("a", "A")]
    said = {name: keep(new_word()) for name in names}
    for name, message in said.items():
        butler.say(user, message, name)

    def apart() -> int:
        stored = (remembered(context_of(mongo, name), list(said.values())) for name in names)
        alone = zip(said.values(), stored, strict=True)
        return sum(held == dict.fromkeys(held, 0) | {own: 1} for own, held in alone)

    return poll(apart, lambda count: count == len(names), STORE_DELAY_S)
