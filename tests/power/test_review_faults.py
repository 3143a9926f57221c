"""Each seeded fault of stage 21_01d turns its own check red, and the flag is rolled back."""

from functools import partial

from lab.worker.faults import USE_CASE_FAULTS
from power import table
from power.survey import both_tests
from power.table import INCONCLUSIVE, Power

Over = partial(Power, stage="21_01d", only=("flag_off", "flag_on"))
AsBefore = partial(
    Over, red=("test_reviews_are_as_with_the_flag_off",), told="as by the old path", k="submissions or as_with"
)
IMPATIENT = {"HTTP_TIMEOUT_SECONDS": "3"}
FEW = {"TRAFFIC_PER_MINUTE": "100"}
"""Fewer than the worker does at once, so that none waits for another."""

Off = partial(Power, stage="21_01d", only=("flag_off",), settings=IMPATIENT)
On = partial(Power, stage="21_01d", only=("flag_on",), settings=IMPATIENT)
Soak = partial(Power, stage="21_01d", only=("soak",), settings=IMPATIENT | {"SOAK_SECONDS": "8"})
Exit = partial(Power, stage="21_01d", only=("exit_gate",))
TOO_FEW = {"TRAFFIC_PER_MINUTE": "60", "SOAK_SECONDS": "1"}
"""Too few reviews to say anything of."""

POWER = (
    table.OldCode(stage="21_01d"),
    Over(
        ("reviews-done-again",),
        ("test_reviews_of_before_are_as_they_were",),
        "as it had ended",
        settings=IMPATIENT,
        k="submissions or as_they_were",
    ),
    table.Unwatched(stage="21_01d", settings={"WORKER_JOB": "nobody"}),
    table.RestartsNothing(red=("test_worker_runs_the_deployed_code",), stage="21_01d"),
    Off(
        ("review-report-empty",),
        ("test_effect_shows[report-persisted]",),
        "report persisted, found report =",
        survey="off",
    ),
    Off(("review-event-missing",), ("test_effect_shows[report-published]",), "expected the log event", survey="off"),
    Off(("flags-stuck-on",), ("test_new_path_is_not_at_work",), table.NEW_PATH, restarts=True, survey="stuck"),
    Off(
        ("flags-stuck-on", "rate-limit-always"),
        ("test_effect_shows[rate-limit-checked]",),
        "rate limit checked, found it refused",
        restarts=True,
        k="limit",
    ),
    Off(
        ("flags-stuck-on", "review-no-log-analysis"),
        ("test_effect_shows[log-analysis-appended]",),
        "found log_analysis = None",
        restarts=True,
        survey="stuck",
    ),
    Off(("review-log-not-read",), ("test_submissions_of_users_are_reviewed",), "another log_analysis", k="submissions"),
    Off(
        ("flags-stuck-on", "review-errors"),
        ("test_submissions_of_users_are_reviewed",),
        "'status': 'failed'",
        restarts=True,
        survey="stuck-errors",
    ),
    Off(
        ("flags-stuck-on", "review-errors"),
        ("test_reviews_are_timed",),
        "expected at least 7 reviews with a result",
        restarts=True,
        survey="stuck-errors",
    ),
    On(("use-case-does-not-come-back",), ("test_flag_change_restarted_the_worker",), "expected"),
    AsBefore(
        ("review-counts-wrongly", "review-other-assignment"),
        besides=("analysed otherwise", "answer.assignment_id and report.assignment_id to be the same"),
    ),
    AsBefore(
        ("review-published-twice", "review-limit-checked-last", "review-limit-low"),
        besides=(
            "one report_published, as by the old path",
            "log.rate_limit_check.timestamp not after",
            "submissions in a row taken, as by the old path",
        ),
        needs="log events",
    ),
    AsBefore(
        ("review-first-log-file-only", "review-result-cut", "review-long-log-cut", "review-of-same-student-dropped"),
        besides=(
            "analysed otherwise",
            "answer.result.report and report.report to be the same",
            "'lines': 10000",
            "a report of about",
        ),
        settings=IMPATIENT,  # what was dropped has no report, which is waited for
    ),
    AsBefore(("review-errors-of-one-word",), besides=("'errors': 3,",), survey="over"),
    AsBefore(("reviews-replace-each-other",), besides=("analysed otherwise",), survey="over"),
    AsBefore(
        ("review-analysis-remembered", "review-logs-removed"), besides=("analysed otherwise", "there after its review")
    ),
    AsBefore(
        ("review-newest-first",),
        besides=("begun in the order in which they were sent, as by the old path",),
        survey="over",
    ),
    AsBefore(
        ("review-tells-places", "review-published-later"),
        besides=(
            "a report published when its task has succeeded",
            "a report that does not tell where its archives lie, as by the old path",
        ),
        survey="over",
    ),
    Power(
        ("review-cut-off-lost",),
        ("test_work_is_not_lost_over_the_restart",),
        "found failed, no report",
        stage="21_01d",
        only=("deploy", "flag_on"),
        k="deployed_code or over_the_restart",
    ),
    Power(
        ("review-analyses-mixed",),
        ("test_every_review_of_the_soak_was_good",),
        "as by the old path",
        stage="21_01d",
        only=("flag_off", "soak"),
        k="submissions or every_review",
        besides=("analysed otherwise",),
        survey="over-log",
    ),
    Soak(("review-logs-errors",), ("test_no_new_errors_in_the_log",), "student_not_notified", survey="soak"),
    Soak(("errors-after-restart",), ("test_no_new_errors_in_the_log",), "seeded_error", survey="over-soak"),
    table.NotMeasured(stage="21_01d", survey="soak"),
    table.LeftBehind(("requests-leave-files",), stage="21_01d", survey="soak"),
    table.OtherLog(
        ("log-times-of-another-zone",), told="away", stage="21_01d", needs="a log that shows no flag", survey="over-log"
    ),  # else what stays in it says of the next rows' new path: of a time still to come
    On(("component-unhealthy",), ("test_components_are_healthy_before_the_soak",), "LogAnalysisPipeline", survey="a"),
    On(
        ("rate-limit-always",),
        ("test_review_is_done",),
        "found it refused: rate limit",
        needs="log events",
        survey="limit",
    ),
    On(("rate-limit-always",), ("test_component_executed[rate-limit-checked]",), "it refused", survey="limit"),
    On(
        ("review-no-log-analysis",),
        ("test_component_executed[log-analysis-appended]",),
        "found log_analysis = None",
        survey="a",
    ),
    On(("review-report-empty",), ("test_component_executed[report-persisted]",), "found report =", survey="a"),
    On(
        ("review-not-published",),
        ("test_component_executed[report-published]",),
        "found published_at = None",
        survey="a",
    ),
    On(
        ("use-case-flag-ignored",),
        ("test_review_is_counted_by_the_new_use_case",),
        "the flag has no effect",
        restarts=True,
        survey="ignored",
    ),
    On(
        ("use-case-flag-ignored",),
        ("test_new_path_is_at_work",),
        "the flag has no effect",
        k="at_work",
        restarts=True,
        survey="ignored",
    ),
    Soak(
        ("review-errors",),
        ("trigger pipeline-failures", "trigger bad-reviews"),
        "found",
        settings=IMPATIENT | {"SOAK_SECONDS": "20"},  # a trigger ends it as soon as there were enough reviews
    ),
    Soak(("rate-limit-always",), ("trigger rate-limit", "trigger unexpected-429"), "rate limit", needs="log events"),
    Soak(("review-no-log-analysis",), ("trigger no-log-analysis",), "log analysis appended"),
    Soak(("review-not-published",), ("trigger not-published",), "report published"),
    Soak(("component-unhealthy",), ("test_components_are_healthy",), "LogAnalysisPipeline", survey="soak"),
    # Both take longer than the SLO of 30 s, so their runs do too.
    Soak(("review-slow",), ("trigger latency", "test_reviews_end_in_time", "test_gate_holds[latency-p95]"), "found"),
    Soak(("review-begins-late",), ("test_reviews_end_in_time",), "not < 30 s", settings=FEW, survey="late"),
    table.Later(
        ("review-takes-longer",),
        red=("test_reviews_take_at_most_twice_the_baseline",),
        stage="21_01d",
        survey="over-soak",
    ),
    Soak((), ("test_reviews_take_at_most_twice_the_baseline",), "timed requests", INCONCLUSIVE, survey="few"),
    table.RestartsItself(stage="21_01d", survey="over-soak"),
    Soak(("restart-takes-others-along",), ("test_service_ran_through",), "restarted too", survey="over-soak"),
    # Too little for a trigger, too much for the stage.
    Soak(
        ("review-errors-seldom",),
        ("test_gate_holds[pipeline-errors]",),
        "expected == 0 errors",
        settings=IMPATIENT | {"SOAK_SECONDS": "12"},
        survey="soak",
    ),
    Soak(("review-hits-miscounted",), ("test_gate_holds[rate-limit-hits]",), "expected == 0 ref", survey="soak"),
    # Every tenth is lost: on a busy machine four seconds hold fewer.
    Soak(
        ("review-report-lost",),
        ("test_every_review_of_the_soak_was_good",),
        "report persisted, found report =",
        settings=IMPATIENT | {"SOAK_SECONDS": "12"},
        survey="soak",
    ),
    # Slow ones are the trigger's, which has the same bound; few ones are no proof of quick ones.
    Soak((), ("test_gate_holds[latency-p95]",), "to judge by, found ", INCONCLUSIVE, settings=TOO_FEW, survey="few"),
    Exit(("review-errors-seldom",), ("test_no_errors_in_the_review_pipeline",), "expected == 0 errors", survey="soak"),
    Exit((), ("test_all_collaborators_are_operational",), "not verified", INCONCLUSIVE, survey="few"),
    Exit((), ("test_latency_is_within_slo",), "to judge by, found ", INCONCLUSIVE, TOO_FEW, survey="few"),
    Exit(
        ("review-report-empty",),
        ("test_review_submission",),
        "report persisted, found report =",
        settings=IMPATIENT,
        survey="a",
    ),
    Exit((), ("test_stage_is_accepted",), "21_01d.exit.1 was not checked", INCONCLUSIVE, survey="few"),
)


def test_every_fault_of_the_stage_is_tried() -> None:
    assert {name for power in POWER for name in power.faults} >= {fault.name for fault in USE_CASE_FAULTS}


test_fault_turns_its_check_red, test_survey_tells_every_fault = both_tests(POWER, "held_target")
