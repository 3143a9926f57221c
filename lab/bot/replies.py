"""What Butler answers: the user's wish is found by its words, as the lab holds no language model."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Entry = Mapping[str, str]


@dataclass(frozen=True)
class Reply:
    """An answer and the mode that produced it: `talk`, `digest` or `channel_info`."""

    text: str
    mode: str


GREETING = Reply("Hello! I am Butler. Ask me for a channel's digest or for channel info.", "talk")
ERROR_TEXT = "Sorry, an error occurred while processing your message. Please try again."

_HELLO = re.compile(r"\s*(hello|hi|hey|good (morning|afternoon|evening))\b", re.I)
_RECALL = re.compile(r"\bwhat did i (say|write|tell you)\b", re.I)
_DIGEST = re.compile(r"\bdigest\b", re.I)
_INFO = re.compile(r"\b(channel info|info(rmation)? (about|on|of|for) (the )?channel)\b", re.I)
_CHANNEL = re.compile(
    r"(?:\bchannel\s+info\s+(?:(?:of|for|about|on)\s+)?|\bchannel\s+|\bdigest\s+(?:of|for)\s+(?:the\s+)?)"
    r"(?:channel\s+)?[\"'@«]?(?P<name>[^\s\"'»?!.,]+)",
    re.I,
)


def reply_to(text: str, history: Sequence[Entry]) -> Reply:
    """Answer one message.

    Args:
        text: the message.
        history: the conversation before it, oldest first.
    """
    for pattern, answer in _INTENTS:
        if pattern.search(text):
            return answer(text, history)
    said = sum(entry["role"] == "user" for entry in history)
    return Reply(f"I have noted that as message {said + 1} of our conversation. What shall I do next?", "talk")


def _greet(_: str, __: Sequence[Entry]) -> Reply:
    return GREETING


def _recall(_: str, history: Sequence[Entry]) -> Reply:
    said = [entry["text"] for entry in history if entry["role"] == "user"]
    return Reply(f"Before this you said: {said[-1]}" if said else "You have not said anything yet.", "talk")


def _digest(text: str, _: Sequence[Entry]) -> Reply:
    channel = _channel(text)
    if not channel:
        return Reply("Which channel's digest would you like?", "talk")
    posts = [f"{number}. {headline} ({channel})" for number, headline in enumerate(_HEADLINES, 1)]
    return Reply(f"Digest of channel {channel}, last 24 hours, {len(posts)} posts:\n" + "\n".join(posts), "digest")


def _info(text: str, _: Sequence[Entry]) -> Reply:
    channel = _channel(text)
    if not channel:
        return Reply("Which channel would you like to know about?", "talk")
    subscribers = 100 + sum(channel.encode()) % 900
    return Reply(
        f"Channel {channel}: {subscribers} subscribers, {len(_HEADLINES)} posts in the last 24 hours.", "channel_info"
    )


def _channel(text: str) -> str | None:
    """Give the channel that a message names: `channel X`, `digest of X`, `channel info of X`."""
    found = _CHANNEL.search(text)
    return found["name"] if found else None


_HEADLINES = ("Course news of the day", "Deadline of the next homework", "Questions and answers")
_INTENTS: tuple[tuple[re.Pattern[str], Callable[[str, Sequence[Entry]], Reply]], ...] = (
    (_RECALL, _recall),  # first: its own words may hold any other intent's
    (_INFO, _info),
    (_DIGEST, _digest),
    (_HELLO, _greet),
)
