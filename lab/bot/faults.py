"""Faults of the bot (stage 21_01a). Those of the new path do nothing while the flag is off."""

from lab.faults import Fault

# Of a lab whose users are in Telegram.
TELEGRAM_FAULTS = (
    Fault(
        "telegram-reply-lost",
        "21_01a",
        "new path: a message is taken, stored and counted as a success, and its reply is never sent (dialog: telegram)",
        ("21_01a.rollout.3", "21_01a.monitor.5", "trigger.6"),
    ),
    Fault(
        "telegram-answers-twice",
        "21_01a",
        "new path: each answer is sent twice (dialog: telegram)",
        ("21_01a.rollout.3", "21_01a.monitor.5"),
    ),
    Fault(
        "telegram-text-ascii-only",
        "21_01a",
        "new path: of what a user writes, all that is not ASCII is lost (dialog: telegram)",
        ("21_01a.rollout.3", "21_01a.monitor.6"),
    ),
)
DIALOG_FAULTS = (
    Fault(
        "dialog-error-reply",
        "21_01a",
        "both paths: every message is answered 200 with an error text",
        (
            "21_01a.rollout.1",
            "21_01a.rollout.3",
            "21_01a.monitor.5",
            "trigger.6",
            "21_00.checklist.2",
            "21_00.checklist.5",
            "post.validation.6",
        ),
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
        ("21_01a.monitor.1", "21_01a.exit.3", "trigger.2", "post24.monitoring.4"),
    ),
    Fault(
        "dialog-copy-elsewhere",
        "21_01a",
        "new path: each context is stored in a second collection too",
        ("21_01a.rollout.3",),
    ),
    Fault("dialog-long-text-cut", "21_01a", "new path: of each text 500 characters are stored", ("21_01a.rollout.3",)),
    Fault(
        "dialog-kept-connection-fails",
        "21_01a",
        "new path: a second message on one connection is answered 503",
        ("21_01a.rollout.3",),
    ),
    Fault(
        "dialog-old-turns-dropped",
        "21_01a",
        "new path: of what was said the last five turns are kept",
        ("21_01a.rollout.3",),
    ),
    Fault(
        "dialog-answers-late",
        "21_01a",
        "new path: each answer takes 0.15 s more, outside of the repository and its metrics",
        ("21_01a.monitor.1", "trigger.2"),
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
    Fault(
        "dialog-ignores-history",
        "21_01a",
        "both paths: what was said before is stored, and not known to the reply",
        ("21_00.checklist.5", "21_01a.rollout.1", "21_01a.rollout.3", "21_01a.monitor.6", "trigger.6"),
    ),
    Fault(
        "dialog-old-sessions-lost",
        "21_01a",
        "new path: conversations from before the process started begin anew",
        ("21_01a.rollout.3",),
    ),
    Fault(
        "dialog-mixes-users",
        "21_01a",
        "new path: who reads within 50 ms of another user gets that user's history",
        ("21_01a.rollout.3",),
    ),
    Fault(
        "dialog-steps-not-counted",
        "21_01a",
        "new path: the stored step_count is 1 after every turn",
        ("21_01a.rollout.3",),
    ),
    Fault(
        "dialog-warns",
        "21_01a",
        "new path: each repository operation succeeds and logs a warning",
        ("21_01a.monitor.2",),
    ),
    Fault(
        "dialog-errors-seldom",
        "21_01a",
        "new path: every 50th repository operation fails, the message gets 503: under every trigger's threshold",
        ("21_01a.monitor.1", "21_01a.exit.2"),
    ),
    Fault(
        "dialog-slow-seldom",
        "21_01a",
        "new path: every 10th repository operation takes 0.15 s more: over the SLO, under the trigger's threshold",
        ("21_01a.monitor.1", "21_01a.exit.3"),
    ),
    Fault(
        "dialog-greeting-fails",
        "21_01a",
        "new path: a greeting is answered 503, every other message as it should be",
        ("21_01a.monitor.4",),
    ),
    Fault(
        "dialog-greeting-error-reply",
        "21_01a",
        "new path: a greeting is answered 200 with an error text, every other message as it should be",
        ("21_01a.monitor.5",),
    ),
    Fault(
        "dialog-history-cut",
        "21_01a",
        "new path: of what was said before only the last turn is kept",
        ("21_01a.monitor.6",),
    ),
    Fault("dialog-turns-stored-twice", "21_01a", "new path: each turn is stored twice", ("21_01a.rollout.3",)),
    Fault(
        "dialog-spaces-lost",
        "21_01a",
        "new path: line ends and spaces of a text are stored as one space",
        ("21_01a.rollout.3",),
    ),
    Fault(
        "dialog-role-renamed",
        "21_01a",
        "new path: Butler's own words are stored under a role that the old code does not know",
        ("21_01a.rollout.3",),
    ),
    Fault(
        "dialog-user-as-number",
        "21_01a",
        "new path: a user's id of digits alone is stored as a number",
        ("21_01a.rollout.3",),
    ),
    Fault(
        "dialog-times-of-another-zone",
        "21_01a",
        "new path: the time of an answer is stored three hours later",
        ("21_01a.rollout.3",),
    ),
    Fault(
        "dialog-sessions-unlocked",
        "21_01a",
        "new path: of messages to a session at the same moment, one is stored",
        ("21_01a.rollout.3",),
    ),
    Fault(
        "dialog-stranger-answered",
        "21_01a",
        "new path: a user who names another's session is answered in it",
        ("21_01a.rollout.3",),
    ),
    Fault(
        "dialog-stranger-stored",
        "21_01a",
        "new path: a user who names another's session is refused, and what was said is stored in it",
        ("21_01a.rollout.3",),
    ),
    Fault(
        "dialog-longest-refused",
        "21_01a",
        "new path: a message of exactly the greatest length is refused",
        ("21_01a.rollout.3",),
    ),
    Fault(
        "dialog-long-talk-cut",
        "21_01a",
        "new path: of a conversation of more than 20 turns the last turn is kept",
        ("21_01a.monitor.1",),
    ),
    Fault("dialog-words-logged", "21_01a", "new path: the log tells what each user wrote", ("21_01a.monitor.2",)),
    Fault(
        "dialog-steps-seldom-twice", "21_01a", "new path: every 15th turn counts as two steps", ("21_01a.monitor.1",)
    ),
    Fault(
        "dialog-contexts-cached",
        "21_01a",
        "new path: a context that was erased in MongoDB is still known, and is stored again with the next turn",
        ("21_01a.rollout.3",),
    ),
    Fault(
        "dialog-fields-dropped",
        "21_01a",
        "new path: a context is stored anew with each turn, without what other programs had stored in it",
        ("21_01a.rollout.3",),
    ),
    Fault(
        "dialog-copy-left",
        "21_01a",
        "new path: beside each document a copy under another session is stored",
        ("21_01a.monitor.1",),
    ),
    Fault(
        "dialog-order-seldom",
        "21_01a",
        "new path: of every 15th turn the answer is stored before the question",
        ("21_01a.monitor.1",),
    ),
    Fault(
        "dialog-commands-not-stored",
        "21_01a",
        "new path: a message that begins with a slash is answered, and not stored",
        ("21_01a.rollout.3",),
    ),
    Fault(
        "dialog-same-words-dropped",
        "21_01a",
        "new path: what a user says twice in a row is stored once",
        ("21_01a.rollout.3",),
    ),
    Fault(
        "dialog-session-names-cut", "21_01a", "new path: of a session's name 40 characters count", ("21_01a.rollout.3",)
    ),
    Fault(
        "dialog-sessions-of-a-user-mixed",
        "21_01a",
        "new path: what a user writes in two conversations at the same moment goes into one of them",
        ("21_01a.rollout.3",),
    ),
    Fault("bot-does-not-come-back", "21_01a", "with the flag on, the process ends at its start", ("21_01a.rollout.2",)),
    Fault(
        "digest-empty",
        "post_deployment",
        "both paths: a channel's digest is answered without any of it",
        ("post.validation.8",),
    ),
    Fault(
        "channel-info-of-another",
        "post_deployment",
        "both paths: channel info is of another channel than was asked for",
        ("post.validation.9",),
    ),
)
