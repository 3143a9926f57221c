"""The checklist as data, and the state that a run gives each line."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acceptance.checklist import CHAPTERS, SIGN_OFFS, State, UnknownItem, item, load_items, status
from acceptance.verdict import Verdict

AUTOMATED = item("21_01c.exit.1")
BY_HAND = item("21_01c.deploy.1")


@dataclass(frozen=True)
class Check:
    items: tuple[str, ...]
    verdict: Verdict
    nodeid: str = "t.py::test"
    phase: str = "exit_gate"
    reason: str = ""


def state_of(line, *verdicts, **options):
    checks = [Check((line.id,), verdict) for verdict in verdicts]
    return status([line], checks, **options)[line.id].state


def test_all_lines_are_there_once_and_in_document_order():
    items = load_items()
    assert len(items) == len({each.id for each in items}) >= 119
    assert sum(each.level == "top" for each in items) >= 106
    assert [each.line for each in items] == sorted(each.line for each in items)
    assert list(dict.fromkeys(each.chapter for each in items)) == list(CHAPTERS)


def test_sign_off_items_exist_and_are_few():
    assert {each.id for each in load_items()} >= SIGN_OFFS
    assert len(SIGN_OFFS) <= 20


def test_unknown_item_names_the_nearest():
    with pytest.raises(UnknownItem, match=r"'21_01c\.exits\.3'; nearest: 21_01c\.exit\.3"):
        item("21_01c.exits.3")


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([], State.NOT_RUN),
        ([Verdict.PASS], State.PASS),
        ([Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE], State.FAIL),
        ([Verdict.PASS, Verdict.INCONCLUSIVE], State.INCONCLUSIVE),
        ([Verdict.PASS, Verdict.NOT_RUN], State.NOT_RUN),
        ([Verdict.PASS, Verdict.SKIPPED], State.PASS),
        ([Verdict.SKIPPED, Verdict.SKIPPED], State.NOT_RUN),
        ([Verdict.PASS, Verdict.SKIPPED, Verdict.NOT_RUN], State.NOT_RUN),
        ([Verdict.PASS, Verdict.SKIPPED, Verdict.INCONCLUSIVE], State.INCONCLUSIVE),
    ],
)
def test_state_follows_the_worst_check(verdicts, expected):
    assert state_of(AUTOMATED, *verdicts) is expected


@pytest.mark.parametrize("verdict", [Verdict.INCONCLUSIVE, Verdict.NOT_RUN, Verdict.SKIPPED])
def test_missing_sign_off_is_awaited(verdict):
    assert state_of(BY_HAND, verdict) is State.AWAITING
    assert state_of(BY_HAND, chapters={"21_01c"}) is State.AWAITING
    assert state_of(BY_HAND) is State.NOT_RUN


@pytest.mark.parametrize("how", [{"phase": "signoff"}, {"reason": "AWAITING sign-off of 21_01c.exit.1"}])
def test_a_check_that_only_asks_makes_its_line_one_for_a_person(how):
    check = Check((AUTOMATED.id,), Verdict.SKIPPED, **how)
    assert status([AUTOMATED], [check])[AUTOMATED.id].state is State.AWAITING
    assert status([AUTOMATED], [check], signed={AUTOMATED.id})[AUTOMATED.id].state is State.PASS


def test_why_a_check_was_skipped_stands_at_its_line():
    checks = [Check((AUTOMATED.id,), Verdict.PASS), Check((AUTOMATED.id,), Verdict.SKIPPED, "u", reason="no scanner")]
    found = status([AUTOMATED], checks)[AUTOMATED.id]
    assert (found.why, found.checks) == ("1 of 1 checks passed; 1 skipped: no scanner", ("t.py::test", "u"))


def test_a_signature_counts_only_where_a_person_decides():
    assert state_of(BY_HAND, signed={BY_HAND.id}) is State.PASS
    assert state_of(AUTOMATED, signed={AUTOMATED.id}) is State.NOT_RUN
    assert state_of(BY_HAND, Verdict.FAIL, signed={BY_HAND.id}) is State.FAIL


def test_a_waiver_is_never_green_and_hides_no_pass():
    assert state_of(AUTOMATED, Verdict.FAIL, waived={AUTOMATED.id}) is State.WAIVED
    assert state_of(AUTOMATED, waived={AUTOMATED.id}) is State.WAIVED
    assert state_of(AUTOMATED, Verdict.PASS, waived={AUTOMATED.id}) is State.PASS


def test_sub_lines_do_not_speak_for_their_parent():
    parent, sub = item("post24.monitoring.2"), item("post24.monitoring.3")
    found = status([parent, sub], [Check((sub.id,), Verdict.PASS)])
    assert (found[parent.id].state, found[sub.id].state) == (State.NOT_RUN, State.PASS)


@given(st.lists(st.sampled_from(Verdict), max_size=6), st.booleans(), st.booleans())
def test_pass_of_an_automated_line_needs_checks_and_only_passes(verdicts, signed, waived):
    options = {"signed": {AUTOMATED.id} if signed else (), "waived": {AUTOMATED.id} if waived else ()}
    passed = state_of(AUTOMATED, *verdicts, **options) is State.PASS
    silent = {Verdict.NOT_APPLICABLE} | (set() if waived else {Verdict.SKIPPED})
    assert passed == (Verdict.PASS in verdicts and set(verdicts) <= {Verdict.PASS} | silent)
