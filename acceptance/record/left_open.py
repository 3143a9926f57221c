"""Find what the earlier runs of a ticket left open, before a stage that depends on them begins. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from acceptance.checklist import BY_COMMAND, State, load_items
from acceptance.record.schema import Record
from acceptance.record.signoffs import chapters_of
from acceptance.stage import Stage
from acceptance.verdict import SILENT, Verdict

Waived = Callable[[str], bool]
"""Whether an item is waived by name for the run in hand."""

_DONE = (Verdict.PASS, *SILENT)


def left_open(
    stages: Mapping[str, Stage],
    selected: Collection[str],
    earlier: Sequence[Record],
    waived: Waived,
    signed: Collection[str] = (),
) -> list[str]:
    """Name what the stages that the selected ones depend on have left open.

    Args:
        stages: All stages, in the order of the deployment.
        selected: Ids of those that are to run now.
        earlier: Records of the ticket's earlier runs, oldest first.
        waived: What is waived now.
        signed: What is signed off now; it counts where only a person can tell, never instead of a check.
    """

    def settled(item: str, verdict: Verdict = Verdict.NOT_RUN) -> bool:
        # guard: a-failed-check-is-not-signed-away
        return waived(item) or (item in signed and item in BY_COMMAND and verdict is not Verdict.FAIL)

    needed = _needed(stages, selected)
    return [told for name in stages if name in needed for told in _of(stages[name], earlier, settled)]


def _needed(stages: Mapping[str, Stage], selected: Collection[str]) -> set[str]:
    """Give the stages that the selected ones depend on, directly or not, and that are not selected themselves."""
    found: set[str] = set()
    ahead = [name for name in selected if name in stages]
    while ahead:
        new = [other for other in stages[ahead.pop()].depends_on if other in stages and other not in found]
        found.update(new)
        ahead += new
    return found - set(selected)


def _of(stage: Stage, earlier: Sequence[Record], settled: Callable[..., bool]) -> Iterator[str]:
    record = next((each for each in reversed(earlier) if _shows(each, stage)), None)
    [chapter] = chapters_of([stage.id])
    if record is None:
        if unsettled := [item.id for item in load_items() if item.chapter == chapter and not settled(item.id)]:
            yield f"{stage.id} was not run with this ticket, so {len(unsettled)} lines are open from {unsettled[0]} on"
        return
    waived = {each.item for each in record.waivers if each.valid}
    told: set[str] = set()
    for check in record.checks:
        if check.stage == stage.id and check.verdict not in _DONE:
            told.update(check.items)
            if not check.items or not all(settled(item, check.verdict) or item in waived for item in check.items):
                words = ", ".join(check.items) or check.name
                yield f"{words}: {check.verdict} in run {record.facts.run_id}: {check.reason or check.title}"
    for line in record.lines:
        if line.chapter == chapter and line.state is State.AWAITING and line.id not in told and not settled(line.id):
            yield f"{line.id}: {line.state} in run {record.facts.run_id}: {line.text}"


def _shows(record: Record, stage: Stage) -> bool:
    """Tell whether a record shows a stage as it was left: a rehearsal undoes what it changes."""
    began = any(each.id == stage.id and each.started_at for each in record.stages)
    return began and (record.facts.mode == "deploy" or (not stage.service and record.facts.mode != "survey"))
