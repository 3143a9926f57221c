"""The fold from events to a record: it never claims more than its events."""

from __future__ import annotations

import pytest
import record_samples as samples
from record_writer import chain

from acceptance.checklist import State
from acceptance.events import read_events
from acceptance.finding import Finding, Severity, as_evidence
from acceptance.record.build import build
from acceptance.record.checks import LEFT_OUT
from acceptance.record.html import page
from acceptance.record.publish import as_json, load
from acceptance.verdict import Outcome, Verdict

KILLED = "the run was killed or its host went down: the event log ends without run.finished"
BLIND = "1 check had no data"
IDLE = "no check passed: nothing was proved"
UNREAL = "the checklist has no item 21_01c.exit.99, which a check names"
UNBEGUN = "the run did not begin: nothing was changed"
NOTHING = "no check was expected to run: nothing was proved"
STARTED = ("run.started", {"mode": "deploy", "target_kind": "staging", "operator": "a", "ticket": "CHG-1"})
NODE = "ops_tests/stage_21_01c/test_soak.py::test_a"
OTHER = "ops_tests/stage_21_01c/test_soak.py::test_b"
GO = ("run.finished", {"outcome": "GO", "reasons": []})


def expected(*nodeids, items=("21_01c.exit.1",), **more):
    return ("checks.expected", {"checks": [{"nodeid": node, "items": list(items), **more} for node in nodeids]})


def finished(nodeid=NODE, verdict="PASS", items=("21_01c.exit.1",), **more):
    return ("check.finished", {"nodeid": nodeid, "verdict": verdict, "items": list(items), **more})


def changed(after, before="false", flag="F", stage="21_01c"):
    return ("flag.changed", {"stage": stage, "flag": flag, "before": before, "after": after})


@pytest.fixture
def folded(tmp_path):
    """Fold the given (kind, data) pairs, through a real log."""

    def fold(*events):
        chain(tmp_path / "events.jsonl", [], list(events))
        return build(read_events(tmp_path / "events.jsonl"))

    return fold


def test_go_when_all_that_was_expected_passed(folded):
    record = folded(STARTED, expected(NODE), finished(), GO)
    assert (record.outcome, record.counts) == (Outcome.GO, {"PASS": 1})


OUTSIDE = Finding("written outside", "case <7>", "no file outside", "/etc/x", Severity.CRITICAL)
SERVER = Finding("answered 500", "case 1", "400", "500", Severity.MEDIUM)


def found(*findings):
    return [piece.as_json() for piece in as_evidence(findings)]


def test_findings_of_all_checks_are_grouped_worst_first_in_record_and_page(folded):
    record = folded(
        STARTED,
        expected(NODE, OTHER),
        finished(NODE, "FAIL", evidence=found(SERVER)),
        finished(OTHER, "FAIL", evidence=found(SERVER, OUTSIDE, SERVER)),
    )
    told = [(each.kind, each.severity, each.count, each.checks) for each in record.findings]
    assert told == [("written outside", "CRITICAL", 1, (2,)), ("answered 500", "MEDIUM", 3, (1, 2))]
    first, _, rest = page(record).partition("<nav")
    assert "Found, worst first" in first
    assert first.index("written outside") < first.index("answered 500")
    assert "case &lt;7&gt;" in rest


def test_a_check_that_passed_shows_what_it_claimed_and_saw(folded):
    record = folded(STARTED, expected(NODE), finished(claims=[{"expected": "free > least", "observed": "12 > 10"}]))
    assert as_json(record)["checks"][0]["claims"] == [{"expected": "free > least", "observed": "12 > 10"}]
    assert "<code>12 &gt; 10</code>" in page(record)


def test_what_a_check_notes_and_passes_is_not_told_as_a_cause(folded):
    first = page(folded(STARTED, expected(NODE), finished(evidence=found(SERVER)), GO)).partition("<nav")[0]
    assert ("Noted by checks that passed" in first, "Found, worst" in first) == (True, False)


def ended(status=0, **more):
    return ("run.finished", {"pytest_status": status, **more})


BEGUN = ("stage.started", {"stage": "21_01c", "flag": "F"})
ACCEPTED = ("stage.accepted", {"stage": "21_01c"})
KEPT = ("stage.finished", {"stage": "21_01c", "verdict": "PASS", "kept": True})
UNDONE = [("rollback.started", {"stage": "21_01c"}), ("rollback.finished", {"stage": "21_01c", "ok": True})]
REFUSAL = {"verdict": "INCONCLUSIVE", "reason": "refused: the flag is on already"}


def fired(verdict="FAIL", **more):
    return ("trigger.fired", {"stage": "21_01c", "trigger": "errors", "reason": "7 %", "verdict": verdict, **more})


WATCHED = {"id": "errors", "items": ["trigger.1"], "value": 0.0, "threshold": "> 5", "evaluations": 32, "age_s": 1.5}


def ended_with(verdict):
    return ("stage.finished", {**KEPT[1], "triggers": [WATCHED | {"verdict": verdict}]})


def test_another_stages_service_without_data_does_not_hide_that_the_own_trigger_was_evaluated(folded):
    own, idle = WATCHED | {"verdict": "PASS"}, WATCHED | {"id": "21_01a-errors", "other": True}
    states = {}
    for name, triggers in {"own and idle": [own, idle], "idle alone": [idle], "own blind": [WATCHED, idle]}.items():
        record = folded(STARTED, expected(NODE), BEGUN, ("stage.finished", {**KEPT[1], "triggers": triggers}))
        states[name] = next(line.state for line in record.lines if line.id == "trigger.1")
        assert page(record).count("</span> idle</span>") == 1
    assert states == {"own and idle": "PASS", "idle alone": "INCONCLUSIVE", "own blind": "INCONCLUSIVE"}


@pytest.mark.parametrize(
    ("events", "verdict", "said"),
    [
        ([ended_with("PASS")], "PASS", "did not fire"),
        ([ended_with("")], "INCONCLUSIVE", "no data"),
        ([fired(items=["trigger.1"])], "FAIL", "FIRED"),
        ([fired(items=["trigger.1"]), ended_with("PASS")], "FAIL", "FIRED"),
        ([fired(items=["trigger.1"]), BEGUN, ended_with("PASS")], "PASS", "did not fire"),
    ],
    ids=["did not fire", "no data", "fired and killed", "fired at the last moment", "fired in an earlier try"],
)
def test_every_trigger_of_a_stage_stands_in_the_record_and_answers_its_line(folded, events, verdict, said):
    record = folded(STARTED, expected(NODE), BEGUN, finished(), *events)
    [[seen]] = [stage.triggers for stage in record.stages]
    [line] = [line for line in record.lines if line.id == "trigger.1"]
    assert (seen.id, seen.verdict, line.state) == ("errors", verdict, verdict)
    assert said in line.why
    assert said in page(record).partition('id="t-21_01c"')[2].partition("</table>")[0]


def test_the_phase_in_which_a_trigger_fired_is_red_though_its_check_was_only_cut_short(folded):
    cut = finished(verdict="INCONCLUSIVE", stage="21_01c", phase="soak", reason="cut short: trigger errors")
    [stage] = folded(STARTED, expected(NODE, OTHER), BEGUN, fired(), cut, ended(1)).stages
    assert [(phase.name, phase.verdict, phase.fired) for phase in stage.phases] == [("soak", "FAIL", True)]


@pytest.mark.parametrize("mode", ["deploy", "survey"])
def test_a_run_that_was_refused_says_so_and_why_and_no_verdict(folded, mode):
    what = {"target": {"name": "prod"}, "target_kind": "production", "mode": mode, "ticket": "CHG-7"}
    record = folded(("run.refused", {"reason": "it is outside the window; start it then", **what}))
    assert (record.outcome, record.facts.ticket) == (Outcome.INCONCLUSIVE, "CHG-7")
    assert "NOT BEGUN · prod (production) · CHG-7" in page(record)
    assert 'class="banner v-REFUSED m-none"' in page(record), "a deployment's band has a ground, which REFUSED lacks"
    first = page(record).partition("<nav")[0].partition('<div class="first">')[2]
    assert "</span> REFUSED</h1>" in first
    assert "The run did not begin: nothing was changed." in first
    assert "Next:</b> Do what the reason says, then start again" in first
    assert first.partition('<h2 id="h-why">')[2].partition("</ul>")[0].count("<li>") == 1


def test_the_timeline_tells_a_flag_before_the_restart_that_it_is_for(folded):
    setting = ("flag.changing", {"stage": "21_01c", "flag": "F", "value": "true"})
    restart = [("service.restarting", {"service": "api"}), ("service.restarted", {"service": "api", "seconds": 2})]
    told = folded(BEGUN, setting, *restart, changed("true")).timeline
    assert [moment.kind for moment in told] == ["stage.started", "flag.changed", "service.restarted"]
    assert [moment.at for moment in told] == sorted(moment.at for moment in told)


@pytest.mark.parametrize(
    ("events", "outcome", "code"),
    [
        ([finished(), ended()], Outcome.GO, 0),
        ([finished(verdict="FAIL"), ended(1)], Outcome.NO_GO, 1),
        ([finished(verdict="INCONCLUSIVE"), ended(1)], Outcome.INCONCLUSIVE, 10),
        ([finished(**REFUSAL), ended(1)], Outcome.INCONCLUSIVE, 13),
        ([ended()], Outcome.INCONCLUSIVE, 11),
        ([finished(verdict="SKIPPED"), ended()], Outcome.INCONCLUSIVE, 5),
        ([finished(), ended(1)], Outcome.INCONCLUSIVE, 1),
        ([finished(), ended(2)], Outcome.INCONCLUSIVE, 2),
        ([finished(), ended(3)], Outcome.INCONCLUSIVE, 3),
        ([finished(), finished(OTHER), ended()], Outcome.INCONCLUSIVE, 10),
        ([finished(verdict="FAIL"), ended(2)], Outcome.NO_GO, 1),
        ([finished(), ended(2, interrupted_by="SIGTERM")], Outcome.INTERRUPTED, 2),
        ([finished(), ended(rollback_failure="flag on")], Outcome.NO_GO, 12),
        ([finished(), ended(data_left="documents")], Outcome.INCONCLUSIVE, 10),
        ([finished(), ended(2, interrupted_by="SIGINT", rollback_failure="flag on")], Outcome.NO_GO, 12),
        ([finished(), fired(), ended()], Outcome.NO_GO, 1),
        ([finished(), fired("INCONCLUSIVE"), ended()], Outcome.INCONCLUSIVE, 10),
        ([finished(), fired(), *UNDONE, ended()], Outcome.NO_GO, 1),
        ([finished(), fired(), *UNDONE, BEGUN, ACCEPTED, KEPT, ended()], Outcome.GO, 0),
        ([finished(), fired(), BEGUN, ACCEPTED, KEPT, ended()], Outcome.NO_GO, 1),
        ([finished(), BEGUN, *UNDONE, BEGUN, fired(), ACCEPTED, KEPT, ended()], Outcome.NO_GO, 1),
        ([finished(), BEGUN, fired(), *UNDONE, ACCEPTED, KEPT, ended()], Outcome.INCONCLUSIVE, 10),
        ([finished(), BEGUN, changed("true"), ACCEPTED, KEPT, *UNDONE, ended()], Outcome.INCONCLUSIVE, 10),
        ([finished(), BEGUN, changed("true"), ACCEPTED, KEPT, changed("false"), ended()], Outcome.INCONCLUSIVE, 10),
        ([finished(), ("run.finished", {"outcome": "NO-GO"}), GO], Outcome.NO_GO, 1),
        ([finished(), BEGUN, changed("true"), ACCEPTED, KEPT, ended()], Outcome.GO, 0),
        ([finished(), BEGUN, changed("true"), KEPT, ended()], Outcome.NO_GO, 1),
        ([finished(), BEGUN, KEPT, ended()], Outcome.INCONCLUSIVE, 10),
    ],
    ids=["good", "failed", "could-not-see", "refused", "did-not-run", "only-skipped", "unexplained-status",
         "ended-early", "internal-error", "not-expected", "failed-and-stopped", "interrupted", "rollback-failed",
         "data-left",
         "interrupted-and-rollback-failed", "trigger-without-rollback", "blind-watch", "trigger", "second-try-is-good",
         "accepted-after-a-trigger", "trigger-of-the-second-try", "accepted-without-a-new-start",
         "rolled-back-after-its-acceptance",
         "flag-off-after-its-acceptance", "no-go-then-go", "accepted-and-kept", "left-on-without-acceptance",
         "not-accepted"],
)  # fmt: skip
def test_one_outcome_and_exit_code_follow_from_the_log(folded, events, outcome, code, request):
    record = folded(STARTED, expected(NODE), *events)
    assert (record.outcome, record.facts.exit_code) == (outcome, code), record.reasons
    unexplained = {"unexplained-status", "ended-early", "internal-error", "failed-and-stopped"}
    assert ("which no check explains" in str(record.reasons)) is (request.node.callspec.id in unexplained)
    assert "the run claimed" not in str(record.reasons)


def test_what_the_run_did_not_select_is_not_run_with_its_reason(folded):
    plan = expected(NODE)[1]["checks"] + [{"nodeid": OTHER, "items": [], "left_out": True}]
    record = folded(STARTED, ("checks.expected", {"checks": plan}), finished(), ended())
    assert (record.outcome, record.facts.exit_code, record.checks[1].reason) == (Outcome.INCONCLUSIVE, 11, LEFT_OUT)


@pytest.mark.parametrize(
    ("events", "outcome", "reason"),
    [
        ([STARTED, GO], Outcome.INCONCLUSIVE, NOTHING),
        ([STARTED, expected(), GO], Outcome.INCONCLUSIVE, NOTHING),
        ([STARTED, expected(NODE), GO], Outcome.INCONCLUSIVE, "1 check did not run"),
        ([STARTED, expected(NODE, OTHER), finished(), GO], Outcome.INCONCLUSIVE, "1 check did not run"),
        ([STARTED, expected(NODE), finished(verdict="INCONCLUSIVE"), GO], Outcome.INCONCLUSIVE, BLIND),
        ([STARTED, expected(NODE), finished(verdict="GREAT"), GO], Outcome.INCONCLUSIVE, BLIND),
        ([STARTED, expected(NODE), finished(verdict="SKIPPED"), GO], Outcome.INCONCLUSIVE, IDLE),
        ([STARTED, expected(NODE), finished(verdict="FAIL"), GO], Outcome.NO_GO, "1 check failed"),
        ([STARTED, expected(NODE), finished()], Outcome.INTERRUPTED, KILLED),
        ([STARTED, expected(NODE), finished(items=["21_01c.exit.99"]), GO], Outcome.INCONCLUSIVE, UNREAL),
        ([("note", {"text": "refused: lock held"})], Outcome.INCONCLUSIVE, UNBEGUN),
        ([], Outcome.INCONCLUSIVE, UNBEGUN),
    ],
)  # fmt: skip
def test_a_claim_that_the_events_do_not_bear_is_lowered(folded, events, outcome, reason):
    record = folded(*events)
    assert record.outcome is outcome
    assert reason in record.reasons
    assert (record.reasons[0] == "the run claimed GO, which its events contradict") is (GO in events)


def test_an_interrupted_run_stays_interrupted_and_says_what_failed(folded):
    end = ("run.finished", {"outcome": "INTERRUPTED", "interrupted_by": "SIGINT", "pytest_status": 2})
    record = folded(STARTED, expected(NODE), finished(verdict="FAIL"), end)
    assert record.outcome is Outcome.INTERRUPTED
    assert "1 check failed" in record.reasons
    assert "no check explains" not in " ".join(record.reasons)


def test_a_check_that_never_finished_is_not_run_with_its_reason(folded):
    check = folded(STARTED, expected(NODE)).checks[0]
    assert (check.verdict, check.reason, check.seconds) == (Verdict.NOT_RUN, "the run ended before it", None)
    assert (check.stage, check.phase) == ("21_01c", "soak"), "the place comes from the node id when nobody gave it"


def test_a_check_that_finished_twice_keeps_the_worse_verdict_and_all_evidence(folded):
    piece = {"kind": "text", "title": "t", "data": {}}
    record = folded(
        STARTED, expected(NODE),
        finished(verdict="FAIL", reason="lost", evidence=[piece]), finished(evidence=[piece]),
    )  # fmt: skip
    assert (record.checks[0].verdict, record.checks[0].reason) == (Verdict.FAIL, "lost")
    assert len(record.checks[0].evidence) == 2


def test_a_reason_that_names_a_check_is_said_in_its_words(folded):
    for reason, told in (("found 12", "found 12"), ("", "FAIL")):
        record = folded(STARTED, expected(NODE, title="No write errors."), finished(verdict="FAIL", reason=reason), GO)
        assert record.reasons[1:3] == (f"No write errors: {told}", "1 check failed")


@pytest.mark.parametrize(
    ("before", "after", "told"), [("a1", "b2", True), ("a1", "a1", False), ("a1", "", False), ("", "b2", False)]
)
def test_a_checkout_that_changed_during_the_run_is_no_go(folded, before, after, told):
    seen = [("code.seen", {"moment": moment, "checkout": of}) for moment, of in (("before", before), ("after", after))]
    record = folded(STARTED, expected(NODE), *seen, finished(), GO)
    changed = f"CODE_DIR was at {before} when the run began and at {after} when it ended"
    assert (changed in record.reasons, record.outcome == "INCONCLUSIVE") == (told, told)


def test_a_run_is_planned_to_take_as_long_as_its_stages(folded):
    stages = [("stage.started", {"stage": each, "planned_minutes": of}) for each, of in (("a", 30), ("b", None))]
    assert [folded(STARTED, *stages[:number]).facts.planned_minutes for number in (2, 1, 0)] == [30, 30, None]
    assert folded((STARTED[0], {**STARTED[1], "planned_minutes": 7}), *stages).facts.planned_minutes == 7


def test_a_go_says_what_it_rests_on(folded):
    record = folded(STARTED, expected(NODE), finished(), GO)
    assert record.reasons == (
        "1 of 19 lines checked, 2 await a person, 16 not run; no expected check is missing, and none failed: 1 passed",
    )


def test_a_check_that_nobody_expected_is_told(folded):
    record = folded(STARTED, expected(NODE), finished(), finished(OTHER), GO)
    assert record.problems == (f"{OTHER} ran, but was not expected to",)


def test_a_flag_left_on_is_the_first_reason_and_never_go(folded):
    record = folded(STARTED, expected(NODE), changed("true"), finished(), GO)
    assert record.outcome is Outcome.NO_GO
    assert record.reasons[0].startswith("F was still true when the log ended")


def test_an_announced_change_counts_as_made(folded):
    record = folded(STARTED, expected(NODE), ("flag.changing", {"stage": "21_01c", "flag": "F", "value": "true"}))
    assert record.flags == {"F": "true"}


@pytest.mark.parametrize(
    ("ok", "found", "left"),
    [
        (True, {}, "false"),
        (False, {}, "true"),
        (False, {"F": "true", "OTHER": "true"}, "true"),
        (False, {"F": "false"}, "false"),
    ],
)
def test_a_rollback_puts_the_flag_back_only_if_it_worked_or_says_what_it_found(folded, ok, found, left):
    record = folded(
        STARTED, expected(NODE), changed("true"), finished(verdict="FAIL"),
        ("rollback.started", {"stage": "21_01c", "reason": "r"}),
        ("rollback.finished", {"stage": "21_01c", "ok": ok, "account": "a", "flags": found}), GO,
    )  # fmt: skip
    assert record.flags == {"F": left}
    assert record.outcome is Outcome.NO_GO
    assert record.reasons[0].startswith("ROLLBACK FAILED") is not ok


@pytest.mark.parametrize(
    "begun", [[], [("rollback.started", {"stage": "21_01c", "reason": "r"})]], ids=["not", "begun"]
)
def test_what_a_run_undid_as_its_watchdog_was_gone_is_off_and_a_rollback(folded, begun):
    undone = {"run": "r1", "what": "F false -> true", "account": "restored", "flags": {"F": "false", "OTHER": "false"}}
    record = folded(
        STARTED, expected(NODE), ("stage.started", {"stage": "21_01c", "flag": "F"}), changed("true"), *begun,
        ("recovery.undone", undone), ("run.finished", {"outcome": "INTERRUPTED", "interrupted_by": "SIGTERM"}),
    )  # fmt: skip
    why = "r" if begun else "the watchdog was gone"
    assert record.flags == {"F": "false"}
    assert [(each.ok, each.account, each.reason) for each in record.rollbacks] == [(True, "restored", why)]
    assert [reason for reason in record.reasons if "still true" in reason or "did not end" in reason] == []


def test_a_rehearsal_that_put_its_flag_back_is_no_rollback(folded):
    record = folded(
        ("run.started", {"mode": "rehearse"}), expected(NODE),
        ("stage.started", {"stage": "21_01c", "flag": "F"}), changed("true"), finished(),
        ("flag.restored", {"stage": "21_01c", "flag": "F", "account": "a", "seconds": 1.5}),
        ("stage.accepted", {"stage": "21_01c"}),
        ("stage.finished", {"stage": "21_01c", "verdict": "PASS", "kept": False}), GO,
    )  # fmt: skip
    assert (record.outcome, record.flags) == (Outcome.GO, {"F": "false"})
    assert [each.routine for each in record.rollbacks] == [True]


def test_a_rollback_without_an_end_is_no_go(folded):
    record = folded(STARTED, expected(NODE), finished(), ("rollback.started", {"stage": "21_01c", "reason": "r"}), GO)
    assert record.outcome is Outcome.NO_GO
    assert record.rollbacks[0].ok is None


def test_a_second_end_of_a_rollback_replaces_the_first(folded):
    end = ("rollback.finished", {"stage": "21_01c", "ok": False, "account": "first"})
    record = folded(
        STARTED, expected(NODE), ("rollback.started", {"stage": "21_01c", "reason": "r"}), end,
        ("rollback.finished", {"stage": "21_01c", "ok": True, "account": "the watchdog did it"}),
    )  # fmt: skip
    assert [(each.ok, each.account, each.reason) for each in record.rollbacks] == [(True, "the watchdog did it", "r")]


def test_a_restore_that_failed_is_not_told_as_a_watchdog_that_was_gone(folded):
    record = folded(STARTED, expected(NODE), ("rollback.finished", {"stage": "21_01c", "ok": False, "account": "a"}))
    assert [each.reason for each in record.rollbacks] == ["its flag was to be restored"]


def test_a_stage_that_began_and_did_not_end_did_not_pass(folded):
    record = folded(STARTED, expected(NODE), ("stage.started", {"stage": "21_01c"}), finished(), GO)
    assert record.stages[0].verdict is Verdict.NOT_RUN


@pytest.mark.parametrize(
    ("waiver", "valid"),
    [
        ({"reason": "r", "approver": "Bo", "expires": "2025-11-29"}, True),
        ({"reason": "r", "approver": "Bo", "expires": "2025-11-28"}, False),
        ({"reason": "r", "approver": "Bo", "expires": "2025-11-29T02:00:00+00:00"}, False),
        ({"reason": "r", "approver": "", "expires": "2026-01-01"}, False),
        ({"reason": "", "approver": "Bo", "expires": "2026-01-01"}, False),
        ({"reason": "r", "approver": "Bo", "expires": "soon"}, False),
    ],
)
def test_a_waiver_needs_reason_approver_and_a_date_to_come(folded, waiver, valid):
    item = "21_01c.exit.1"
    record = folded(STARTED, expected(NODE), finished(verdict="FAIL"), ("waiver.used", {"item": item, **waiver}), GO)
    state = next(line.state for line in record.lines if line.id == item)
    assert record.waivers[0].valid is valid
    assert state is (State.WAIVED if valid else State.FAIL)
    assert record.outcome is (Outcome.INCONCLUSIVE if valid else Outcome.NO_GO), "a waiver proves nothing"


@pytest.mark.parametrize(
    ("mode", "kind", "outcome"),
    [
        ("deploy", "production", Outcome.INCONCLUSIVE),
        ("rehearse", "production", Outcome.GO),
        ("deploy", "staging", Outcome.GO),
        ("deploy", "lab", Outcome.GO),
    ],
)
def test_a_production_go_needs_every_sign_off(folded, mode, kind, outcome):
    started = ("run.started", {"mode": mode, "target_kind": kind})
    record = folded(started, expected(NODE), finished(), GO)
    assert [line.id for line in record.awaiting] == ["21_01c.preflight.2", "21_01c.deploy.1"]
    assert record.outcome is outcome


def test_restarts_belong_to_the_stage_spoken_of_last(folded):
    restart = ("service.restarted", {"service": "butler-api", "started_before": 1, "started_after": 1, "exit_code": 0})
    record = folded(STARTED, expected(NODE), ("stage.started", {"stage": "21_01c"}), restart)
    moment = record.stages[0].timeline[-1]
    told = "butler-api: restart command ended well, but the process is the old one"
    assert (moment.mark, moment.text) == ("bad", told)


@pytest.mark.parametrize(
    ("name", "outcome", "counts"),
    [
        ("go", Outcome.GO, {"PASS": 49}),
        ("no_go", Outcome.NO_GO, {"PASS": 39, "FAIL": 1, "NOT RUN": 9}),
        ("inconclusive", Outcome.INCONCLUSIVE, {"PASS": 39, "INCONCLUSIVE": 3, "NOT RUN": 7}),
        ("interrupted", Outcome.INTERRUPTED, {"PASS": 8, "NOT RUN": 41}),
        ("rollback_failed", Outcome.NO_GO, {"PASS": 7, "FAIL": 1, "NOT RUN": 41}),
        ("whole", Outcome.NO_GO, {"PASS": 97, "FAIL": 1, "NOT RUN": 3}),
    ],
)
def test_the_samples_fold_to_what_they_are(tmp_path, name, outcome, counts):
    record = load(samples.SAMPLES[name](tmp_path / name))
    assert (record.outcome, record.counts) == (outcome, counts)


def test_security_results_are_grouped_by_kind(tmp_path):
    groups = load(samples.go(tmp_path / "go")).stages[0].security
    passed = {"corrupted archive is refused": 6, "path traversal is blocked": 24, "oversized upload is refused": 2}
    assert [(group.kind, dict(group.counts)) for group in groups] == [(kind, {"PASS": n}) for kind, n in passed.items()]


def signed(item, name, **more):
    return ("signoff.given", {"item": item, "name": name, **more})


def test_the_operator_accepts_nothing_in_the_record_either(folded):
    items = ("21_01a.exit.4",)
    started = (STARTED[0], STARTED[1] | {"operator": "M. Olsen"})
    asked = (expected(NODE, items=items), finished(items=items, verdict="SKIPPED", reason="AWAITING sign-off"))
    own = folded(started, *asked, signed("21_01a.exit.4", "m. olsen"), GO)
    assert [line.id for line in own.awaiting if line.id == "21_01a.exit.4"] == ["21_01a.exit.4"]
    assert any("sign-off that does not count" in problem for problem in own.problems)


def test_a_second_person_accepts(folded):
    items = ("21_01a.exit.4",)
    asked = (expected(NODE, items=items), finished(items=items, verdict="SKIPPED", reason="AWAITING sign-off"))
    record = folded(STARTED, *asked, signed("21_01a.exit.4", "K. Adeyemi"), GO)
    assert "21_01a.exit.4" not in [line.id for line in record.awaiting]


def test_a_waiver_of_the_operator_does_not_count(folded):
    waiver = {"item": "21_01c.exit.1", "reason": "r", "expires": "2025-12-31"}
    for approver, state in (("a", State.FAIL), ("Bo", State.WAIVED)):
        used = ("waiver.used", waiver | {"approver": approver})
        record = folded(STARTED, expected(NODE), used, finished(verdict="FAIL"), GO)
        assert {line.id: line.state for line in record.lines}["21_01c.exit.1"] is state
