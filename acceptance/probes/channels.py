"""Butler's answers about a channel: the digest, and channel info (post.validation.8, .9)."""

from __future__ import annotations

from collections.abc import Collection

from acceptance.probes.dialog import Turn


def of_channel(turn: Turn, channel: str, modes: Collection[str]) -> list[str]:
    """Name what keeps an answer from being about this channel: another mode, or the channel is not named.

    Args:
        turn: The question and its answer.
        channel: What was asked for; an answer that is another question, or a refusal, does not name it.
        modes: Modes that do it, in lower case.
    """
    found = []
    if turn.mode.lower() not in modes:
        found.append(f"expected mode {' or '.join(sorted(modes))}, found {turn.mode!r}: {turn.reply[:200]!r}")
    if channel.lower() not in turn.reply.lower():
        found.append(f"expected an answer about {channel!r}, found {turn.reply[:200]!r}")
    return found
