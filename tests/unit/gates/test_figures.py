"""What is written of gates and triggers is read as it was; an older log is read, too."""

import math

import pytest
from samples_of import row, samples

from acceptance.gates.figures import GateFigures, TriggerState
from acceptance.gates.judging import judge
from acceptance.gates.measures import Gate, GateResult
from acceptance.verdict import Inconclusive, Verdict

STATE = TriggerState("id", "title", ("i",), "> 0", "s", 1.5, 3, 2.5, Verdict.PASS, "reason", other=True)
FIGURES = GateFigures("id", "title", "query", "< 1", "s", 2.0, Verdict.FAIL, "reason", 7, {"start": 1}, 3.0)
NEVER = TriggerState("", "", (), "", evaluations=None, reason="")
NOTHING = GateFigures("", "", "", None, "", None, Verdict.INCONCLUSIVE, "", None, None, None)


@pytest.mark.parametrize(("whole", "empty"), [(STATE, NEVER), (FIGURES, NOTHING)], ids=["trigger", "gate"])
def test_figures_come_back_as_they_were_and_are_empty_where_a_log_has_none(whole, empty):
    read = type(whole).read
    assert (read(vars(whole)), read({})) == (whole, empty)
    assert read({"id": "x"}).title == "x"


def test_trigger_that_was_never_evaluated_says_so():
    state = TriggerState("id", "title", ("i",), "> 0")
    assert (state.evaluations, state.verdict, state.other) == (0, Verdict.INCONCLUSIVE, False)


@pytest.mark.parametrize(("value", "told"), [(None, None), (2.0, 2.0), (math.inf, "inf"), (math.nan, "nan")])
def test_result_is_evidence_in_the_deployments_own_names(value, told):
    gate = Gate("g", "title", ("i",), "ratio", "query", "< 1", "total", "s", own_query="mine", own_total="all")
    result = GateResult(gate, Verdict.FAIL, value, 7, "reason", 1, 2, [(1, math.nan), (2, 0.5)])
    window = {"start": 1, "end": 2}
    figures = GateFigures("g", "title", "mine", "< 1", "s", told, Verdict.FAIL, "reason", 7, window, None)
    assert result.evidence().as_json()["data"] == vars(figures) | {"series": [[2, 0.5]]}
    assert result.judged() is result
    with pytest.raises(Inconclusive, match=r"^INCONCLUSIVE: title: no series for all; .* \[mine\]$"):
        judge(gate, samples([row((0, 0))], ())).judged()
