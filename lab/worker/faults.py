"""Faults of the worker (stages 21_01b and 21_01d). Those of a new path do nothing while its flag is off."""

from lab.faults import Fault

HOMEWORK_FAULTS = (
    Fault(
        "hw-checker-down",
        "21_01b",
        "the HW checker answers every call with 503, its /health too",
        (
            "21_01b.rollout.1",
            "21_01b.monitor.1",
            "21_01b.monitor.2",
            "21_01b.exit.1",
            "21_00.checklist.3",
            "post.validation.1",
        ),
    ),
    Fault(
        "hw-checker-slow",
        "21_01b",
        "the HW checker's data calls take 10 s, its /health stays quick",
        ("21_01b.monitor.1", "21_01b.monitor.2", "21_01b.exit.1", "21_01b.exit.2"),
    ),
    Fault(
        "homework-errors",
        "21_01b",
        "new path: every 5th request fails with api_error and 502",
        ("21_01b.monitor.1", "21_01b.exit.1", "trigger.1"),
    ),
    Fault(
        "homework-empty-list",
        "21_01b",
        "new path: 200 with no commits for every student",
        ("21_01b.rollout.3", "21_01b.exit.3", "21_01b.monitor.1", "trigger.6"),
    ),
    Fault(
        "homework-review-not-submitted",
        "21_01b",
        "new path: 202 with a review id that the HW checker never heard of",
        ("21_01b.rollout.3", "21_01b.exit.3", "21_01b.monitor.1", "trigger.6"),
    ),
    Fault(
        "homework-flag-ignored",
        "21_01b",
        "the process reads the flag at start and keeps the old path",
        ("21_01b.rollout.2",),
    ),
    Fault(
        "homework-slow",
        "21_01b",
        "new path: each request takes 2.5 s more",
        ("21_01b.monitor.1", "21_01b.exit.2", "trigger.2"),
    ),
    Fault(
        "homework-logs-errors",
        "21_01b",
        "new path: each request succeeds and logs an error",
        ("21_01b.monitor.1", "21_01b.exit.1"),
    ),
    Fault("homework-list-reversed", "21_01b", "new path: lists begin with the oldest commit", ("21_01b.rollout.3",)),
    Fault(
        "homework-review-told-done",
        "21_01b",
        "new path: a review that was just asked for is answered with the state of one that has ended",
        ("21_01b.rollout.3",),
    ),
    Fault("homework-day-less", "21_01b", "new path: a list of some days is one of a day less", ("21_01b.rollout.3",)),
    Fault(
        "homework-answers-late",
        "21_01b",
        "new path: each request takes 0.3 s more, well below the SLO",
        ("21_01b.monitor.1", "trigger.2"),
    ),
    Fault(
        "homework-of-others",
        "21_01b",
        "both paths: the list of a student holds every student's commits",
        ("21_01b.rollout.1", "21_01b.rollout.3"),
    ),
    Fault(
        "hw-checker-says-ill",
        "21_01b",
        "the HW checker's /health answers 503, its data calls are good",
        ("21_01b.monitor.2",),
    ),
    Fault(
        "homework-errors-seldom",
        "21_01b",
        "new path: every 11th request fails with api_error and 502: under every trigger's threshold",
        ("21_01b.monitor.1", "21_01b.exit.1"),
    ),
    Fault(
        "homework-list-cut",
        "21_01b",
        "new path: every 5th list lacks its newest commit, and is counted as good",
        ("21_01b.monitor.1",),
    ),
    Fault(
        "homework-does-not-come-back",
        "21_01b",
        "with the flag on, the process ends at its start",
        ("21_01b.rollout.2",),
    ),
    Fault(
        "homework-lists-mixed",
        "21_01b",
        "new path: of lists at the same moment each is the newest request's",
        ("21_01b.rollout.3",),
    ),
    Fault(
        "homework-list-twice-seldom", "21_01b", "new path: every 5th list holds a commit twice", ("21_01b.monitor.1",)
    ),
    Fault(
        "homework-errors-of-one-type",
        "21_01b",
        "new path: whatever fails is counted as api_error, an unknown commit too",
        ("21_01b.rollout.3",),
    ),
)

USE_CASE_FAULTS = (
    Fault(
        "review-no-log-analysis",
        "21_01d",
        "new path: logs are not analysed, the report is published without",
        ("21_01d.rollout.3", "21_01d.exit.1", "21_01d.monitor.1", "trigger.6"),
    ),
    Fault(
        "review-counts-wrongly",
        "21_01d",
        "new path: the log analysis finds one error too few",
        ("21_01d.rollout.3", "21_01d.monitor.1"),
    ),
    Fault(
        "review-not-published",
        "21_01d",
        "new path: the report is stored, the task succeeds, nothing is published",
        ("21_01d.rollout.3", "21_01d.exit.1", "trigger.6"),
    ),
    Fault(
        "review-published-later",
        "21_01d",
        "new path: the report is published two seconds after the task has succeeded",
        ("21_01d.rollout.3",),
    ),
    Fault(
        "review-slow",
        "21_01d",
        "new path: a review takes 32 s more",
        ("21_01d.monitor.1", "21_01d.exit.3", "trigger.2"),
    ),
    Fault(
        "review-takes-longer",
        "21_01d",
        "new path: a review takes 2 s more, well below the SLO",
        ("21_01d.monitor.1", "trigger.2"),
    ),
    Fault(
        "review-errors",
        "21_01d",
        "new path: every 3rd review fails",
        ("21_01d.monitor.1", "21_01d.exit.1", "trigger.1"),
    ),
    Fault(
        "rate-limit-always",
        "21_01d",
        "new path: the first submission of a student already hits the limit",
        ("21_01d.rollout.3", "21_01d.monitor.1", "trigger.6"),
    ),
    Fault(
        "component-unhealthy",
        "21_01d",
        "both paths: /health/components says that the LogAnalysisPipeline is unhealthy, with 200",
        ("21_01d.monitor.2", "21_01d.exit.2", "post.validation.1"),
    ),
    Fault(
        "use-case-flag-ignored",
        "21_01d",
        "the process reads the flag at start and keeps the old path",
        ("21_01d.rollout.2",),
    ),
    Fault(
        "review-report-empty",
        "21_01d",
        "both paths: the task succeeds, its stored report is empty",
        ("21_00.checklist.5", "21_01d.rollout.1", "21_01d.rollout.3", "21_01d.exit.4", "post.validation.7"),
    ),
    Fault(
        "review-event-missing",
        "21_01d",
        "both paths: publication is stored, and not logged",
        ("21_01d.rollout.1", "21_01d.rollout.3"),
        "log events",
    ),
    Fault(
        "review-begins-late",
        "21_01d",
        "both paths: a review waits 32 s before it begins, which no metric sees",
        ("21_01d.monitor.1", "21_01d.exit.3"),
    ),
    Fault(
        "review-errors-seldom",
        "21_01d",
        "new path: every 21st review fails: under every trigger's threshold",
        ("21_01d.monitor.1", "21_01d.exit.1"),
    ),
    Fault(
        "review-report-lost",
        "21_01d",
        "new path: every 10th review counts as a success and stores an empty report",
        ("21_01d.monitor.1",),
    ),
    Fault(
        "review-hits-miscounted",
        "21_01d",
        "new path: every 21st review counts as refused by the rate limit, and is done: under the trigger's threshold",
        ("21_01d.monitor.1",),
    ),
    Fault(
        "use-case-does-not-come-back",
        "21_01d",
        "with the flag on, the process ends at its start",
        ("21_01d.rollout.2",),
    ),
    Fault("review-tells-places", "21_01d", "new path: the report tells where the logs lie", ("21_01d.rollout.3",)),
    Fault("review-other-assignment", "21_01d", "new path: the report names another assignment", ("21_01d.rollout.3",)),
    Fault(
        "reviews-replace-each-other",
        "21_01d",
        "new path: the report of a submission replaces those of the student's earlier ones of the same assignment",
        ("21_01d.rollout.3",),
    ),
    Fault("review-logs-removed", "21_01d", "new path: logs are removed once they are analysed", ("21_01d.rollout.3",)),
    Fault(
        "review-analysis-remembered",
        "21_01d",
        "new path: a student's second submission for an assignment is told the log analysis of the first",
        ("21_01d.rollout.3",),
    ),
    Fault(
        "reviews-done-again",
        "21_01d",
        "new path: a process that starts does all reviews of before again",
        ("21_01d.rollout.2",),
    ),
    Fault("review-published-twice", "21_01d", "new path: a publication is logged twice", ("21_01d.rollout.3",)),
    Fault(
        "review-result-cut",
        "21_01d",
        "new path: the task's result holds 60 characters of the report",
        ("21_01d.rollout.3",),
    ),
    Fault(
        "review-newest-first",
        "21_01d",
        "new path: of the queued reviews the newest one is taken first",
        ("21_01d.rollout.3",),
        "log events",
    ),
    Fault(
        "review-limit-low",
        "21_01d",
        "new path: of a student's submissions five a minute are reviewed, where the old path reviews 30",
        ("21_01d.rollout.3",),
    ),
    Fault(
        "review-limit-checked-last",
        "21_01d",
        "new path: the rate limit is checked after the work is done",
        ("21_01d.rollout.3",),
    ),
    Fault(
        "review-first-log-file-only",
        "21_01d",
        "new path: of a log of several files no error is counted",
        ("21_01d.rollout.3",),
    ),
    Fault(
        "review-errors-of-one-word",
        "21_01d",
        "new path: of a log the lines with ERROR alone count as errors",
        ("21_01d.rollout.3",),
    ),
    Fault(
        "review-analyses-mixed",
        "21_01d",
        "new path: of reviews at the same time each gets the newest one's log analysis",
        ("21_01d.monitor.1",),
    ),
    Fault(
        "review-logs-errors",
        "21_01d",
        "new path: each review succeeds and logs an error",
        ("21_01d.monitor.1", "21_01d.exit.1"),
    ),
    Fault(
        "review-long-log-cut", "21_01d", "new path: of a log 10,000 lines are counted at most", ("21_01d.rollout.3",)
    ),
    Fault(
        "review-of-same-student-dropped",
        "21_01d",
        "new path: a review succeeds with nothing done while another of the student is under way",
        ("21_01d.rollout.3",),
    ),
    Fault(
        "review-cut-off-lost",
        "21_01d",
        "new path: reviews that the restart cut off are given up as failed (each review takes two seconds more)",
        ("21_01d.rollout.2",),
    ),
    Fault(
        "review-log-not-read", "21_01d", "both paths: whatever a log says, one line is counted", ("21_01d.rollout.1",)
    ),
)
