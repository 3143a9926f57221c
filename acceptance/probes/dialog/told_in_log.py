"""Look in the bot's log for what users said: it may stand there only if the old path logs it too (stage 21_01a)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from acceptance.finding import Finding
from acceptance.observe.logs import Logs
from acceptance.probes.dialog.gateway import words_in
from acceptance.verdict import Inconclusive, NotApplicable


def logged(logs: Logs, start: datetime, before: Iterable[str], now: Iterable[str]) -> list[Finding]:
    """Name the log lines that hold a word that a user said by the new path.

    Args:
        logs: The bot's.
        start: From when on they are read.
        before: What was said by the old path.
        now: What was said by the new one.

    Raises:
        NotApplicable: The old path logs what users say, too.
        Inconclusive: The log cannot be read, or has no line.
    """
    lines = logs.read(start).lines
    if not lines:
        raise Inconclusive(f"{logs.source}: expected lines since {start:%H:%M:%S} UTC, found none")
    old, new = words_in(before), words_in(now)
    if any(word in line.text for line in lines for word in old):
        raise NotApplicable("the old path logs what users say, too")
    told = [line for line in lines if any(word in line.text for word in new)]
    expected = "no line with what a user said, as by the old path"
    return [Finding("told in the log", logs.source, expected, f"{len(told)}: {told[0].brief()}")] if told else []
