"""Rows whose faults do not disturb each other, told by one survey: there no red check ends anything.

What is compared with the flag off is no question for a survey, which switches nothing: where the rows name phases of
both, the run is a rehearsal in which a check that is not good ends no stage.

A run of its own costs ten seconds of a processor before it has asked anything, and a row needs one only where the run
matters: that a stage ends, that its flag comes back, that a trigger fires.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from held_lab import SHORT, retold

from acceptance.target.loading import load_target
from power.noticed import Noticed, note
from power.stage_run import StageRun, folder_of, holds, left_over, run_stage
from power.table import INCONCLUSIVE, Power, assert_noticed, await_no_alerts, part_of, seeded

Rows = tuple[Power, ...]
FLAG_OFF = {"preflight", "flag_off", "deploy", "validation", "documentation"}
"""Phases that a survey finds with the flags off; where all flags are on it has the others."""
REHEARSED = "-ptests.power.broken.goes_on"
SURVEYED = "--mode=survey"


def both_tests(table: Iterable[Power], lab: str) -> tuple[Callable[..., None], Callable[..., None]]:
    """Give the tests of a table at that fixture's lab: of the rows with a run of their own, and of the surveys."""
    alone = [row for row in table if not row.survey]
    surveys: dict[str, Rows] = {}
    for row in table:
        if row.survey:
            surveys[row.survey] = (*surveys.get(row.survey, ()), row)

    @pytest.mark.usefixtures(lab)
    @pytest.mark.parametrize("power", alone, ids=str)
    def each(power: Power, request: pytest.FixtureRequest, tmp_path: Path) -> None:
        assert_noticed(power, request.getfixturevalue(lab), tmp_path)

    @pytest.mark.usefixtures(lab)
    @pytest.mark.parametrize("rows", surveys.values(), ids=surveys)
    def together(rows: Rows, request: pytest.FixtureRequest, tmp_path: Path) -> None:
        assert_all_told(rows, request.getfixturevalue(lab), tmp_path)

    return each, together


def assert_all_told(rows: Sequence[Power], target_file: Path, reports: Path) -> None:
    """Run a survey of what the rows name, with all their faults: each is told by its check, for the right reason."""
    target = load_target(target_file)
    rows, before = [row.on(target) for row in rows if not row.lacks(target)], left_over(target_file)
    if not rows:
        pytest.skip("nothing shows these here")
    await_no_alerts(target_file)
    phases = {phase for row in rows for phase in row.only}
    how = REHEARSED if phases - FLAG_OFF and phases & FLAG_OFF else SURVEYED
    with seeded(target_file, *rows, flags_on=how == SURVEYED and not phases <= FLAG_OFF) as given:
        settings = {
            key: value for each in (SHORT, *(row.settings for row in rows), given) for key, value in each.items()
        }
        names = {name for row in rows for name in (*row.red, *row.also)}
        needed = {f"({row.k})" for row in rows if row.k and how == REHEARSED}
        stages = " or ".join(sorted({folder_of(row.stage) for row in rows}))
        files = sorted({file for row in rows for file in part_of(row.stage, *row.only)})
        further = sorted({each for row in rows for each in row.arguments_too})
        arguments = (how, *further, *files, f"-k{' or '.join(sorted(names | needed))}")
        ended = run_stage(retold(target_file, "quick", **settings), reports, *arguments, stage=stages)
    assert left_over(target_file) == before, ended.explain()
    missed = {f"{row} {row.red[0]}": unsaid for row in rows if (unsaid := untold(row, ended))}
    assert missed == {}, f"{missed}\n{ended.explain()}"
    green = {item for row in rows for item in ended.all_green(row.items - row.not_shown)}
    outcome = "SURVEY" if how == SURVEYED else "NO-GO"
    assert (ended.code != 0, ended.outcome, green) == (True, outcome, set()), ended.explain()
    for row in rows:
        note(Noticed(row.faults, row.stage, row.red[0], flag="not switched" if how == SURVEYED else "restored"))


def untold(row: Power, ended: StageRun) -> list[str]:
    """Name what the row's checks did not say of its fault, in a reason or, of many findings, in the evidence."""
    files = tuple(part_of(row.stage, *row.only) or [f"ops_tests/{folder_of(row.stage)}/"])
    own = replace(ended, events=tuple(e for e in ended.events if str(e.data.get("nodeid")).startswith(files)))
    found = {name: own.judged.get(name, ("nothing", "")) for name in (row.red[0], *row.also)}
    verdict, reason = found[row.red[0]]
    right = {"INCONCLUSIVE" if code in INCONCLUSIVE else "FAIL" for code in row.code}
    wrong = [f"{name}: {found[name]}" for name in row.also if found[name][0] not in ("FAIL", "INCONCLUSIVE")]
    wrong += [] if verdict in right else [f"{row.told}, found {verdict} {reason}"]
    return wrong + own.unsaid(row.red[0], [words for words in (row.told, *row.besides) if not holds(reason, words)])
