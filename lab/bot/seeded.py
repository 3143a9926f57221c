"""What the seeded faults of the new path do to a conversation before it is stored."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from lab.bot.contexts import Context

LONG_TALK = 20  # turns, from which on the fault cuts a conversation
_ANOTHER_ZONE = timedelta(hours=3)


def damaged(context: Context, fault: Callable[[str], bool], number: int) -> Context:
    """Give the context as it is stored; `number` counts what was stored since the process started."""
    history = context.history
    if fault("dialog-long-text-cut"):
        history = [{**said, "text": said["text"][:500]} for said in history]
    if fault("dialog-old-turns-dropped"):
        history = history[-10:]
    if fault("dialog-long-talk-cut") and context.step_count > LONG_TALK:
        history = history[-2:]
    if fault("dialog-order-seldom") and number % 15 == 5:
        history = [*history[:-2], *reversed(history[-2:])]
    said = [each["text"] for each in history if each["role"] == "user"]
    if fault("dialog-same-words-dropped") and said[-1:] == said[-2:-1]:
        history = history[:-2]
    if fault("dialog-turns-stored-twice"):
        history = [*history, *history[-2:]]
    if fault("dialog-spaces-lost"):
        history = [{**said, "text": " ".join(said["text"].split())} for said in history]
    if fault("dialog-role-renamed"):
        history = [{**said, "role": said["role"].replace("butler", "assistant")} for said in history]
    if fault("dialog-times-of-another-zone"):
        history = [*history[:-1], {**history[-1], "at": _shifted(history[-1]["at"])}]
    seldom = fault("dialog-steps-seldom-twice") and number % 15 == 5
    steps = 1 if fault("dialog-steps-not-counted") else context.step_count + seldom
    user = context.user_id
    user = int(user) if fault("dialog-user-as-number") and str(user).isdecimal() else user
    return replace(context, user_id=user, history=history, step_count=steps)


def _shifted(at: str) -> str:
    return (datetime.fromisoformat(at) + _ANOTHER_ZONE).isoformat()
