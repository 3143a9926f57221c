"""Talk to Butler as many users at once (stage 21_01a)."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from acceptance.finding import Finding, Severity
from acceptance.probes.dialog.conversation import Conversation
from acceptance.probes.dialog.gateway import RECALL, Butler, Turn, keep, new_word


@dataclass(frozen=True)
class ConcurrentUsers:
    """What came of conversations held at once; `words` by user, unfinished ones are missing."""

    words: dict[str, str]
    conversations: tuple[Conversation, ...]
    seconds: float

    def findings(self) -> list[Finding]:
        """Name what is wrong with any of them: a bad answer, another's words, a session shared or changed."""
        found = []
        if missing := len(self.words) - len(self.conversations):
            expected, late = f"an end within {self.seconds:.1f} s", f"{missing} of {len(self.words)} that did not end"
            found.append(Finding("not ended", "conversations", expected, late))
        for talk in self.conversations:
            sessions = talk.other_session() if talk.turns[0].session_id is not None else []  # none is named: no claim
            found += [*talk.findings(), *sessions, *self._mixed_up(talk.turns[-1])]
        shared = Counter(talk.session_id for talk in self.conversations if talk.session_id)
        for name, users in shared.items():
            if users > 1:
                given = f"it was given to {users} users"
                found.append(Finding("shared session", f"session {name}", "one user", given, Severity.CRITICAL))
        return found

    def _mixed_up(self, turn: Turn) -> list[Finding]:
        own = self.words[turn.user_id]
        others = [word for word in self.words.values() if word != own and word in turn.reply]
        told = [f"{turn.user_id} was told another user's word {word}" for word in others]
        leaked = [Finding("another's words", turn.user_id, f"{own} alone", each, Severity.CRITICAL) for each in told]
        return [*turn.forgot(own), *leaked]


def converse_at_once(butler: Butler, users: Sequence[str], deadline_s: float) -> ConcurrentUsers:
    """Have all users talk at once, two turns each: a word to keep, then the question what was said.

    Args:
        butler: The gateway.
        users: As many connections are opened.
        deadline_s: Conversations that take longer are given up.
    """
    return asyncio.run(_converse_at_once(butler, users, deadline_s))


async def _converse_at_once(butler: Butler, users: Sequence[str], deadline_s: float) -> ConcurrentUsers:
    words = {user: new_word() for user in users}
    all_kept = asyncio.Barrier(len(users))
    started = time.monotonic()
    async with butler.caller.async_client(len(users)) as client:

        async def talk(user: str) -> Conversation:
            first = await butler.asay(client, user, keep(words[user]))
            await all_kept.wait()  # so that a service that confuses sessions has all words to confuse
            return Conversation((first, await butler.asay(client, user, RECALL, first.session_id or None)))

        tasks = [asyncio.create_task(talk(user)) for user in users]
        done, late = await asyncio.wait(tasks, timeout=deadline_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
    return ConcurrentUsers(words, tuple(task.result() for task in tasks if task in done), time.monotonic() - started)
