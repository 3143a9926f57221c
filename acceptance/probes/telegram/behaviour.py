"""Keep what a bot did, and say why it gets no messages."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass, field

LONGEST_POLL_S = 50.0
_MANY, _LATELY_S = 3, 60.0
"""So many conflicts in so many seconds are two bots; fewer may be one that was restarted."""


@dataclass
class Behaviour:
    """What the bot did, as far as it shows.

    Attributes:
        calls: How often each method was called with the right token.
        unknown: Methods that were called and are none here.
        wrong_token: Calls with another token.
        conflicts: When a poll ended because another bot began one, by the monotonic clock.
        limited: Messages that were answered 429.
        elsewhere: Messages to chats that are not ours.
        polled: When it last began a poll, by the monotonic clock; None when it never did.
        webhook: Whether it has set a webhook, by which it gets no update here.
    """

    calls: Counter[str] = field(default_factory=Counter)
    unknown: set[str] = field(default_factory=set)
    wrong_token: int = 0
    conflicts: deque[float] = field(default_factory=lambda: deque(maxlen=_MANY))
    limited: int = 0
    elsewhere: int = 0
    polled: float | None = None
    webhook: bool = False

    def trouble(self) -> str:
        """Say what keeps the bot from getting its messages, and what to do; empty when nothing does."""
        if self.webhook:
            return "the bot has set a webhook; start it with long polling"
        if self.polled is None and self.wrong_token:
            told = f"{self.wrong_token} calls with another token than TELEGRAM_BOT_TOKEN of the env file"
            return f"{told}; give the bot that token, and restart it"
        if self.polled is None and self.calls:
            return f"the bot called {', '.join(sorted(self.calls))} and never getUpdates; see its log"
        if self.polled is None:
            return (
                "no bot has called; point the staging bot here, such as by TelegramAPIServer.from_base, and see that "
                "TELEGRAM_LISTEN can be reached from it"
            )
        if len(self.conflicts) == _MANY and time.monotonic() - self.conflicts[0] < _LATELY_S:
            return "two bots poll with one token, so that each gets a part of the messages; stop one of them"
        if (ago := time.monotonic() - self.polled) > LONGEST_POLL_S + 10:
            return f"the bot last polled {ago:.0f} s ago; see that it runs"
        return ""

    def more(self) -> str:
        """Say what else was seen that may explain why no answer came."""
        told = [
            f"{self.limited} messages were answered 429 (TELEGRAM_RATE_LIMIT)" if self.limited else "",
            f"it called what is not answered here: {', '.join(sorted(self.unknown))}" if self.unknown else "",
            f"{self.elsewhere} messages went to chats that are not ours" if self.elsewhere else "",
        ]
        return "; ".join(filter(None, told))
