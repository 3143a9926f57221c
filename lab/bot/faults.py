"""Faults of the bot (stage 21_01a). Those of the new path do nothing while the flag is off."""

from lab.faults import Fault

DIALOG_FAULTS = (
    Fault(
        "dialog-error-reply",
        "21_01a",
        "both paths: every message is answered 200 with an error text",
        ("21_01a.rollout.1", "21_01a.rollout.3", "21_01a.monitor.5", "trigger.6"),
    ),
    Fault(
        "dialog-loses-history",
        "21_01a",
        "new path: each turn begins with an empty history and stores only itself",
        ("21_01a.rollout.3", "21_01a.monitor.6"),
    ),
    Fault(
        "dialog-new-session-each-turn",
        "21_01a",
        "new path: the session id of a conversation changes with every turn",
        ("21_01a.rollout.3", "21_01a.monitor.6"),
    ),
    Fault(
        "dialog-not-stored",
        "21_01a",
        "new path: messages are answered, operations counted as successes, nothing is stored",
        ("21_01a.rollout.3", "21_01a.monitor.6"),
    ),
    Fault(
        "dialog-slow",
        "21_01a",
        "new path: each repository operation takes 0.25 s more",
        ("21_01a.monitor.1", "21_01a.exit.3", "trigger.2"),
    ),
    Fault(
        "dialog-errors",
        "21_01a",
        "new path: every 10th repository operation fails, the message gets 503",
        ("21_01a.monitor.1", "21_01a.exit.2", "trigger.1"),
    ),
    Fault(
        "dialog-flag-ignored",
        "21_01a",
        "the process reads the flag at start and keeps the old path",
        ("21_01a.rollout.2", "21_01a.exit.1"),
    ),
)
