"""Each seeded fault of stage 21_01b turns its own check red, and the flag is rolled back."""

from functools import partial

from lab.worker.faults import HOMEWORK_FAULTS
from power import table
from power.survey import both_tests
from power.table import INCONCLUSIVE, Power

Off = partial(Power, stage="21_01b", only=("flag_off",))
On = partial(Power, stage="21_01b", only=("flag_on",))
Soak = partial(Power, stage="21_01b", only=("soak",))
Exit = partial(Power, stage="21_01b", only=("exit_gate",))
Before = partial(Power, stage="21_01b", only=("preflight",), code=INCONCLUSIVE)
IMPATIENT = {"HTTP_TIMEOUT_SECONDS": "3"}
FEW = {"TRAFFIC_PER_MINUTE": "30", "SOAK_SECONDS": "1"}
"""Too few requests to say anything of."""

POWER = (
    table.OldCode(stage="21_01b"),
    # Somebody else's service: the stage is left out, which is neither good nor a fault of the deployment.
    Before(("hw-checker-down",), ("test_hw_checker_can_be_depended_on",), "reschedule it"),
    Before(
        ("hw-checker-slow",),
        ("test_hw_checker_can_be_depended_on",),
        "reschedule it",
        settings=IMPATIENT,
        survey="before",
    ),
    table.Unwatched(stage="21_01b", settings={"WORKER_JOB": "nobody"}, survey="before"),
    table.RestartsNothing(red=("test_worker_runs_the_deployed_code",), stage="21_01b"),
    Off(("homework-of-others",), ("test_commits_are_listed",), "student 'test_user' of each commit", survey="off"),
    Off(("flags-stuck-on",), ("test_new_path_is_not_at_work",), table.NEW_PATH, restarts=True, survey="stuck"),
    Off(
        ("flags-stuck-on", "homework-empty-list"),
        ("test_list_is_what_the_hw_checker_knows",),
        "which the HW checker has",
        restarts=True,
        survey="stuck",
    ),
    Off(
        ("flags-stuck-on", "homework-review-not-submitted"),
        ("test_review_is_requested",),
        "to have queued",
        settings=IMPATIENT,
        restarts=True,
        survey="stuck",
    ),
    Off(
        ("flags-stuck-on", "homework-empty-list"),
        ("test_lists_of_several_students_are_answered",),
        "lists, found none",
        restarts=True,
        survey="stuck",
    ),
    *(
        Power(
            (fault,),
            ("test_lists_are_as_with_the_flag_off",),
            "as by the old path",
            stage="21_01b",
            only=("flag_off", "flag_on"),
            k="several or lists_are",
            survey=survey,
        )
        for fault, survey in (
            ("homework-list-reversed", "over-a"),
            ("homework-lists-mixed", "over-b"),
            ("homework-day-less", ""),
        )
    ),
    Power(
        ("homework-list-twice-seldom",),
        ("test_every_request_of_the_soak_was_good",),
        "1 times commit",
        stage="21_01b",
        only=("flag_off", "soak"),
        k="several or every_request",
        survey="over-soak",
    ),
    Soak(("homework-logs-errors",), ("test_no_new_errors_in_the_log",), "commit_cache_unreachable", survey="soak"),
    Soak(("errors-after-restart",), ("test_no_new_errors_in_the_log",), "seeded_error", survey="over-soak"),
    table.NotMeasured(stage="21_01b", survey="soak"),
    table.LeftBehind(("requests-leave-files",), stage="21_01b", survey="soak"),
    table.OddCrash(stage="21_01b", survey="over-a"),
    table.OddCalls(stage="21_01b", survey="over-b"),
    table.OtherLog(("log-one-trace-id",), told="the trace ids of our requests", stage="21_01b", survey="over-soak"),
    table.OddCrashBefore(stage="21_01b", survey="off"),
    On(
        ("homework-errors-of-one-type",),
        ("test_unknown_commit_is_counted_as_such",),
        "error_type not_found",
        survey="b",
    ),
    Off(("hw-checker-down",), ("test_requests_are_answered_and_timed",), "failed", k="timed"),
    On(("homework-does-not-come-back",), ("test_flag_change_restarted_the_worker",), "expected"),
    On(
        ("homework-of-others",),
        ("test_list_is_what_the_hw_checker_knows",),
        "each commit",
        table.EITHER_WAY,
        survey="b",
    ),
    On(("homework-empty-list",), ("test_list_is_what_the_hw_checker_knows",), "which the HW checker has", survey="a"),
    On(
        ("homework-review-not-submitted",), ("test_review_is_requested",), "have queued", settings=IMPATIENT, survey="a"
    ),
    On(
        ("homework-flag-ignored",),
        ("test_requests_go_via_the_new_service",),
        "the flag has no effect",
        restarts=True,
        survey="ignored",
    ),
    On(
        ("homework-flag-ignored",),
        ("test_new_path_is_at_work",),
        "the flag has no effect",
        k="at_work",
        restarts=True,
        survey="ignored",
    ),
    On(("homework-review-told-done",), ("test_review_is_requested",), "of the check before", survey="over-a"),
    Soak(("homework-errors",), ("trigger hw-checker-failures", "test_gate_holds[hw-checker-errors]"), "found"),
    Soak(("homework-empty-list",), ("trigger bad-lists",), "which the HW checker has"),
    Soak(("homework-review-not-submitted",), ("trigger submissions-missing",), "queued", settings=IMPATIENT),
    Soak(("homework-slow",), ("trigger latency",), "fires at > 2", settings={"SOAK_SECONDS": "18"}),
    Soak(("hw-checker-down",), ("test_gate_holds[hw-checker-errors]",), "reschedule it", code=INCONCLUSIVE),
    # Too little for a trigger, too much for the stage.
    Soak(
        ("homework-errors-seldom",),
        ("test_gate_holds[hw-checker-errors]",),
        "expected == 0 errors, found",
        survey="soak",
    ),
    Soak(
        ("homework-list-cut",),
        ("test_every_request_of_the_soak_was_good",),
        "lost commit",
        besides=("which the HW checker has",),
        survey="soak",
    ),
    Soak(("hw-checker-says-ill",), ("test_hw_checker_is_healthy",), 'expected 200 {"status":"ok"}', survey="soak"),
    # Slow ones are the trigger's, which has the same bound; few ones are no proof of quick ones.
    Soak((), ("test_gate_holds[latency-p95]",), "to judge by, found ", INCONCLUSIVE, FEW, survey="b"),
    table.Later(("homework-answers-late",), stage="21_01b", survey="over-soak"),
    table.RestartsItself(stage="21_01b", survey="over-soak"),
    Soak(("restart-takes-others-along",), ("test_service_ran_through",), "restarted too", survey="over-soak"),
    Soak((), ("test_latency_is_at_most_twice_the_baseline",), "timed requests", INCONCLUSIVE, survey="b"),
    Exit(
        ("homework-errors-seldom",),
        ("test_no_increase_in_hw_checker_errors",),
        "expected == 0 errors, found",
        survey="soak",
    ),
    Exit((), ("test_latency_is_within_slo",), "to judge by, found ", INCONCLUSIVE, FEW, survey="b"),
    Exit(("homework-empty-list",), ("test_homework_submission",), "no commit of test_user in the list", survey="a"),
    Exit((), ("test_stage_is_accepted",), "21_01b.exit.1 was not checked", INCONCLUSIVE, survey="b"),
)


def test_every_fault_of_the_stage_is_tried() -> None:
    assert {name for power in POWER for name in power.faults} >= {fault.name for fault in HOMEWORK_FAULTS}


test_fault_turns_its_check_red, test_survey_tells_every_fault = both_tests(POWER, "held_target")
