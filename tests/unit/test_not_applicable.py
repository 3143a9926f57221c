"""What the target file declares absent is NOT APPLICABLE: never PASS, never asked for, and named beside a GO."""

import pytest
from small_target import small_target

from acceptance.checklist import State, item, status
from acceptance.conduct.admission import Selected
from acceptance.outcome import Ending
from acceptance.planning.side_effects import side_effects
from acceptance.probes.clients import Clients
from acceptance.probes.health import PARTS
from acceptance.probes.homework.hw_checker import HwChecker
from acceptance.probes.traffic import senders
from acceptance.record.reconcile import Grounds, judge
from acceptance.record.schema import Check, Facts
from acceptance.stages.flow import weighed
from acceptance.target.file import TargetError
from acceptance.verdict import Inconclusive, NotApplicable, Outcome, Verdict, worst

NA, PASS, FAIL = Verdict.NOT_APPLICABLE, Verdict.PASS, Verdict.FAIL


@pytest.mark.parametrize(
    "probe, part",
    [("bot-health", "bot"), ("dialog-gateway", "bot"), *((name, name) for name in ("grafana", "loki", "alertmanager"))],
)
def test_what_asks_for_an_absent_part_is_not_applicable(tmp_path, probe, part):
    target = small_target(tmp_path, ABSENT="'bot grafana loki alertmanager'")
    with pytest.raises(NotApplicable, match=f"{part} is declared absent"):
        PARTS[probe](Clients(target))


def test_what_is_there_goes_on_without_it(tmp_path):
    target = small_target(tmp_path, ABSENT="bot")
    assert list(senders(target, str, "")) == ["butler-worker", "butler-api"]
    with pytest.raises(KeyError):
        target.service("all")


def test_a_plan_tells_what_is_sent_also_where_a_service_is_absent(tmp_path):
    target = small_target(tmp_path, ABSENT="'bot worker'")
    checks = [Selected("one", fixtures=frozenset({"uploader"})), Selected("two", fixtures=frozenset({"homework"}))]
    told = [words.partition(", ")[0] for _, words in side_effects(target, checks)]
    sent = f"POST {target.service('api').url}/api/v1/reviews"
    assert told == [sent, "requests to a service that is declared absent"]


def test_an_absent_checker_needs_no_key(tmp_path):
    with pytest.raises(NotApplicable):
        HwChecker.of(small_target(tmp_path, ABSENT="hw-checker"))


def test_no_password_of_an_absent_part_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.delenv("GRAFANA_PASSWORD", raising=False)
    assert small_target(tmp_path, ABSENT="grafana", GRAFANA_PASSWORD="").grafana.password == ""


@pytest.mark.parametrize("absent", ["mongodb", "prometheus", "'bot worker api'", "'bot, api'"])
def test_what_cannot_be_absent_is_refused(tmp_path, absent):
    with pytest.raises(TargetError, match="ABSENT"):
        small_target(tmp_path, ABSENT=absent)


def check(verdict, reason="", number=1, items=("21_01c.exit.1",)):
    return Check(number, f"t.py::test_{number}", "21_01c", "exit_gate", items, "", verdict, reason, 1.0, "", "", (), ())


@pytest.mark.parametrize(
    "verdicts, state", [([NA, NA], State.NOT_APPLICABLE), ([PASS, NA], State.PASS), ([NA, FAIL], State.FAIL)]
)
def test_a_line_passes_by_what_could_be_checked_alone(verdicts, state):
    line, checks = item("21_01c.exit.1"), [check(each) for each in verdicts]
    assert status([line], checks)[line.id].state is state


def grounds(*checks):
    facts = Facts()
    how = {"claimed": None, "claimed_reasons": (), "rollbacks": (), "flags": {}, "may_stay_on": (), "awaiting": 0}
    return Grounds(ending=Ending(), expected=True, checks=checks, waived=(), facts=facts, **how)


def test_a_go_names_what_it_says_nothing_of():
    closing = judge(
        grounds(check(PASS), check(NA, "loki is declared absent", 2), check(NA, "loki is declared absent", 3))
    )
    assert (closing.outcome, closing.exit_code) == (Outcome.GO, 0)
    assert "none failed: 1" in closing.reasons[0]
    assert closing.reasons[1] == "NOT APPLICABLE: loki is declared absent (2 checks)"


def test_a_run_in_which_nothing_applies_proves_nothing():
    closing = judge(grounds(check(NA, "loki is declared absent")))
    assert (closing.outcome, closing.exit_code) == (Outcome.INCONCLUSIVE, 5)


def test_an_absent_service_has_no_stage_to_accept_or_to_weigh():
    assert worst([NA, Verdict.SKIPPED]) is NA
    assert weighed({"21_01a.exit.1": {NA}, "21_01c.exit.1": {PASS, NA}}, "here") == []
    with pytest.raises(NotApplicable):
        weighed({"21_01a.exit.1": {NA}}, "here")
    with pytest.raises(Inconclusive):
        weighed({"21_01a.exit.1": {NA}, "21_01c.exit.1": set()}, "here")
