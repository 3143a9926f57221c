"""Each seeded fault of stage 21_01a turns its own check red, and the flag is rolled back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from acceptance.target.loading import load_target
from lab.bot.faults import DIALOG_FAULTS
from power import table
from power.survey import both_tests
from power.table import INCONCLUSIVE, Power


@contextmanager
def another_service(target_file: Path) -> Iterator[dict[str, str]]:
    """What answers at the bot's address is healthy, and is no gateway."""
    yield {"BOT_URL": load_target(target_file).services["worker"].url}


Deploy = partial(Power, stage="21_01a", only=("deploy",))
Off = partial(Power, stage="21_01a", only=("flag_off",))
On = partial(Power, stage="21_01a", only=("flag_on",))
Soak = partial(Power, stage="21_01a", only=("soak",))
Exit = partial(Power, stage="21_01a", only=("exit_gate",))
Over = partial(Power, stage="21_01a", only=("flag_off", "flag_on"))
Long = partial(Power, stage="21_01a", only=("flag_off", "soak"))
Apart = partial(Over, red=("test_sessions_are_kept_apart_as_with_the_flag_off",), k="sessions_are")
Remembers = partial(
    Over, red=("test_as_much_is_remembered_as_with_the_flag_off",), told="as often as with the flag off", k="remembered"
)
TOO_SLOW = "expected at most 0.05 of them, found "
WATCHED = {"SOAK_SECONDS": "8"}
"""So long that a trigger is evaluated on enough of it on a busy machine, too."""
LONGER = {"SOAK_SECONDS": "15"}
"""So many operations that one in ten cannot be one in twenty by chance."""

POWER = (
    table.OldCode(stage="21_01a"),
    table.Unwatched(stage="21_01a", settings={"BOT_JOB": "nobody"}),
    table.RestartsNothing(red=("test_bot_restarts",), stage="21_01a", k="restarts"),
    Deploy(
        (),
        ("test_deployed_code_serves_the_gateway",),
        "404",
        k="gateway",
        by=table.Means("another-service", another_service),
    ),
    Off(("dialog-error-reply",), ("test_butler_answers",), "found an error text", survey="off"),
    Off(("dialog-error-reply",), ("test_orders_are_answered",), "found an error text", survey="off"),
    Off(("dialog-ignores-history",), ("test_history_is_used",), "said before"),
    # The new code at work with the flag off, and broken: the old behaviour is what counts.
    Off(
        ("flags-stuck-on", "dialog-new-session-each-turn"),
        ("test_session_stays_the_same",),
        "expected session",
        restarts=True,
        survey="stuck",
    ),
    Off(
        ("flags-stuck-on", "dialog-not-stored"),
        ("test_context_is_stored",),
        "found none",
        restarts=True,
        survey="stuck",
    ),
    Off(("flags-stuck-on",), ("test_new_path_is_not_at_work",), table.NEW_PATH, restarts=True, survey="stuck"),
    On(("bot-does-not-come-back",), ("test_flag_change_restarted_the_bot",), "expected"),
    On(("dialog-error-reply",), ("test_butler_answers",), "found an error text", survey="a"),
    On(("dialog-loses-history",), ("test_context_is_stored",), "after what was said before it", survey="a"),
    On(
        ("dialog-not-stored",),
        ("test_context_is_stored",),
        "expected a document in dialog_contexts, found none",
        survey="b",
    ),
    On(("dialog-new-session-each-turn",), ("test_session_stays_the_same",), "expected session", survey="b"),
    Over(
        ("dialog-copy-elsewhere",),
        ("test_context_is_stored_in_no_other_collection",),
        "dialog_contexts_v2",
        k="context_is_stored",
        survey="over-a",
    ),
    Off(("dialog-error-reply",), ("test_long_conversation_is_remembered",), "an error text", survey="off"),
    On(("dialog-steps-not-counted",), ("test_step_count_grows",), "[1, 1, 1]", survey="a"),
    On(("dialog-ignores-history",), ("test_history_is_used",), "said before", table.EITHER_WAY, survey="ignored"),
    Over(
        ("dialog-old-sessions-lost",),
        ("test_conversation_of_the_old_code_goes_on",),
        "after what was said before it",
        survey="over-a",
    ),
    Over(
        ("dialog-steps-not-counted",),
        ("test_steps_are_counted_as_before",),
        "as with the flag off",
        k="butler_answers",
        survey="over-b",
    ),
    Remembers(
        ("dialog-long-text-cut", "dialog-spaces-lost", "dialog-commands-not-stored"),
        besides=("Длинное сообщение", "Две строки", "'/ is no command of mine': (1, 0)"),
        survey="over-a",
    ),
    Remembers(
        ("dialog-same-words-dropped",),
        besides=("'This is message 10 of a long conversation': (2, 1)",),
        survey="over-c",
    ),
    Remembers(("dialog-kept-connection-fails",), told="turn 2 on one connection"),
    Remembers(
        ("dialog-old-turns-dropped", "dialog-turns-stored-twice"),
        besides=("'This is message 5 of a long conversation': (1, 0)", "(1, 2)"),
    ),
    Over(
        ("dialog-role-renamed", "dialog-times-of-another-zone", "dialog-user-as-number"),
        ("test_contexts_are_stored_as_with_the_flag_off",),
        "context.data.history[].role of ['butler', 'user']",
        k="stored_as_with or remembered or context_is_stored",
        besides=("context.data.history[].at from", "context.user_id with a text"),
        survey="over-a",
    ),
    Apart(("dialog-sessions-unlocked",), told="all of 6 messages of one moment stored", survey="over-b"),
    Apart(
        ("dialog-session-names-cut", "dialog-contexts-cached", "dialog-fields-dropped"),
        told="4 sessions that a client named kept apart",
        besides=("nothing known of a session that was erased", "a field of others"),
        survey="over-a",
    ),
    Apart(
        ("dialog-sessions-of-a-user-mixed", "dialog-stranger-answered", "dialog-stranger-stored"),
        told="messages of one moment in their own session",
        besides=("status 403 for another user", "nothing stored of another user's words"),
        survey="over-c",
    ),
    *(
        Long(
            faults,
            ("test_every_conversation_of_the_soak_is_stored",),
            told,
            k="context_is_stored or long or of_the_soak_is_stored",
            besides=tuple(besides),
            survey=survey,
        )
        for survey, faults, told, *besides in (
            ("", ("dialog-steps-seldom-twice", "dialog-order-seldom"), "as the old path counts", " other order"),
            ("over-soak", ("dialog-copy-left",), "one document in dialog_contexts"),
        )
    ),
    Off(("dialog-error-reply",), ("test_sessions_are_tried",), "found an error text", survey="off"),
    table.NotMeasured(stage="21_01a", survey="soak"),
    table.OddCrash(stage="21_01a", survey="over-a"),
    replace(
        table.OddCalls(stage="21_01a", survey="over-b"),
        faults=("other-calls-served", "dialog-longest-refused"),
        besides=("the longest message",),
    ),
    table.OtherLog(("log-times-of-another-zone",), told="away", stage="21_01a", survey="over-long"),
    table.OddCrashBefore(stage="21_01a", survey="off"),
    Off(("dialog-error-reply",), ("test_requests_are_answered_and_timed",), "failed", survey="off"),
    Long(
        ("dialog-long-talk-cut",),
        ("test_every_conversation_of_the_soak_is_stored",),
        "after what was said before it",
        settings=LONGER,
        k="of_the_soak_is_stored or remembered",
        survey="over-long",
    ),
    Long(
        ("dialog-words-logged",),
        ("test_log_tells_no_more_of_what_users_say",),
        "as by the old path",
        k="context_is_stored or users_say",
        survey="over-soak",
    ),
    table.LeftBehind(("requests-keep-memory",), stage="21_01a", survey="slow"),
    On(("dialog-mixes-users",), ("test_many_sessions_at_once",), "was told another user's word", survey="over-b"),
    On(
        ("dialog-flag-ignored",),
        ("test_contexts_are_saved_via_the_repository",),
        "the flag has no effect",
        restarts=True,
        survey="ignored",
    ),
    On(
        ("dialog-flag-ignored",),
        ("test_new_path_is_at_work",),
        "the flag has no effect",
        k="at_work",
        restarts=True,
        survey="ignored",
    ),
    Soak(("dialog-error-reply",), ("trigger bad-answers",), "found an error text", table.EITHER_WAY),
    Soak(("dialog-slow",), ("trigger repository-latency",), "fires at > 0.2", settings={"SOAK_SECONDS": "12"}),
    Soak(
        ("dialog-errors",),
        ("trigger repository-failures", "trigger failed-messages"),
        "fires at > 0.05",
        settings=WATCHED,
    ),
    Soak(("dialog-warns",), ("test_no_new_errors_in_the_log",), "repository_deprecated", survey="soak"),
    # From the first second of the new process on, before its restart is proved.
    Soak(("errors-after-restart",), ("test_no_new_errors_in_the_log",), "seeded_error", survey="over-soak"),
    # Too little for a trigger, too much for the stage.
    Soak(
        ("dialog-errors-seldom",), ("test_gate_holds[repository-errors]",), "expected == 0 errors, found", survey="soak"
    ),
    Soak(
        ("dialog-errors-seldom",), ("test_every_turn_of_the_soak_was_good",), "503 Service Unavailable", survey="soak"
    ),
    Soak(
        ("dialog-slow-seldom",), ("test_gate_holds[repository-latency-p95]",), TOO_SLOW, settings=LONGER, survey="slow"
    ),
    # What the soak's own traffic does not say or ask.
    Soak(("dialog-greeting-fails",), ("test_messages_are_taken",), "[503, 200, 200]", survey="slow"),
    Soak(("dialog-greeting-error-reply",), ("test_responses_are_good",), "'Hello': expected an answer", survey="c"),
    Soak(("dialog-history-cut",), ("test_history_is_maintained",), "Hello", survey="c"),
    table.Later(("dialog-answers-late",), stage="21_01a", survey="over-soak"),
    table.RestartsItself(stage="21_01a", survey="over-soak"),
    Soak(("restart-takes-others-along",), ("test_service_ran_through",), "restarted too", survey="over-soak"),
    # Nobody looked: no data is never good.
    Soak((), ("test_user_facing_validation",), "not verified", INCONCLUSIVE, survey="b"),
    Exit((), ("test_flag_is_enabled",), "not verified", INCONCLUSIVE, survey="b"),
    Exit(("dialog-errors-seldom",), ("test_no_error_rate_increase",), "expected == 0 errors, found", survey="soak"),
    Exit(("dialog-slow-seldom",), ("test_latency_is_within_slo",), TOO_SLOW, settings=LONGER, survey="slow"),
    Exit((), ("test_user_facing_validation_was_successful",), "not verified", INCONCLUSIVE, survey="b"),
    Exit((), ("test_stage_is_accepted",), "was not checked", INCONCLUSIVE, survey="b"),
)


def test_every_fault_of_the_stage_is_tried() -> None:
    mine = {fault.name for fault in DIALOG_FAULTS if fault.stage == "21_01a"}
    assert {name for power in POWER for name in power.faults} >= mine


test_fault_turns_its_check_red, test_survey_tells_every_fault = both_tests(POWER, "held_target")
