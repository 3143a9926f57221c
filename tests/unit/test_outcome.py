"""How a run ends: only a run in which everything was seen and good is a GO."""

import pytest

from acceptance.outcome import close_run
from acceptance.verdict import Outcome, Verdict, worst

P, F, U, S, N = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.SKIPPED, Verdict.NOT_RUN


def close(checks, unaccepted=(), triggers=(), interrupted="", failure="", refused=False, status=0):
    named = {f"check-{number}": verdict for number, verdict in enumerate(checks)}
    return close_run(named, unaccepted, triggers, interrupted, failure, refused, status)


@pytest.mark.parametrize(
    ("closing", "outcome", "code"),
    [
        (close([P, P]), Outcome.GO, 0),
        (close([P, S]), Outcome.GO, 0),
        (close([P, F, N], status=1), Outcome.NO_GO, 1),
        (close([P, U], status=1), Outcome.INCONCLUSIVE, 10),
        (close([P, N]), Outcome.INCONCLUSIVE, 11),
        (close([]), Outcome.INCONCLUSIVE, 5),
        (close([S]), Outcome.INCONCLUSIVE, 5),
        (close([P], unaccepted=["21_01c"]), Outcome.INCONCLUSIVE, 0),
        (close([P, U], refused=True, status=1), Outcome.INCONCLUSIVE, 13),
        (close([P, U], triggers=["errors"], status=1), Outcome.NO_GO, 1),
        (close([P], interrupted="SIGTERM", status=2), Outcome.INTERRUPTED, 2),
        (close([P], failure="flag still on"), Outcome.NO_GO, 12),
        (close([P], interrupted="SIGINT", failure="flag still on"), Outcome.NO_GO, 12),
        (close([P], status=3), Outcome.INCONCLUSIVE, 3),
        (close([], status=13), Outcome.INCONCLUSIVE, 13),
    ],
    ids=["all-good", "good-and-skipped", "failed", "could-not-see", "did-not-run", "nothing", "only-skipped",
         "part-of-a-stage", "check-refused", "trigger", "interrupted", "rollback-failed",
         "interrupted-and-rollback-failed",
         "internal-error", "refused"],
)  # fmt: skip
def test_outcome(closing, outcome, code):
    assert (closing.outcome, closing.exit_code) == (outcome, code)


def test_reasons_name_the_worst_first():
    reasons = close([U, F], triggers=["errors: 7 %"], status=1).reasons
    assert reasons == ("TRIGGER: errors: 7 %", "FAIL: check-1", "INCONCLUSIVE: check-0")


def test_no_verdict_at_all_is_not_run():
    assert worst([]) is Verdict.NOT_RUN
