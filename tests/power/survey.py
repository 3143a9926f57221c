"""Rows whose faults do not disturb each other, told by one survey: there no red check ends anything.

A run of its own costs ten seconds of a processor before it has asked anything, and a row needs one only where the run
matters: that a stage ends, that its flag comes back, that a trigger fires.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from held_lab import SHORT, retold

from acceptance.target.loading import load_target
from power.noticed import Noticed, note
from power.stage_run import folder_of, left_over, run_stage
from power.table import Power, assert_noticed, await_no_alerts, part_of, restart_all, seeded

Rows = tuple[Power, ...]
FLAG_OFF = {"preflight", "flag_off", "deploy", "validation", "documentation"}
"""Phases that a survey finds with the flags off; where all flags are on it has the others."""


@contextmanager
def all_flags_on(target_file: Path) -> Iterator[None]:
    """Leave the lab as a deployment that has ended well leaves its target, then restore it."""
    env_file = load_target(target_file).env_file
    before = env_file.read_bytes()
    lines = [f"{flag}=true\n" for flag in load_target(target_file).flags.values()]
    try:
        env_file.write_bytes(before + "".join(lines).encode())
        restart_all(target_file)
        yield
    finally:
        env_file.write_bytes(before)
        restart_all(target_file)


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


def assert_all_told(rows: Rows, target_file: Path, reports: Path) -> None:
    """Run a survey of what the rows name, with all their faults: each is told by its check, for the right reason."""
    before = left_over(target_file)
    await_no_alerts(target_file)
    with ExitStack() as stack:
        if not {phase for row in rows for phase in row.only} <= FLAG_OFF:
            stack.enter_context(all_flags_on(target_file))
        given = [stack.enter_context(seeded(row, target_file)) for row in rows]
        settings = {
            key: value for each in (SHORT, *(row.settings for row in rows), *given) for key, value in each.items()
        }
        names = sorted({name for row in rows for name in (*row.red, *row.also)})
        stages = " or ".join(sorted({folder_of(row.stage) for row in rows}))
        files = sorted({file for row in rows for file in part_of(row.stage, *row.only)})
        arguments = ("--mode=survey", *files, f"-k{' or '.join(names)}")
        ended = run_stage(retold(target_file, "quick", **settings), reports, *arguments, stage=stages)
    assert left_over(target_file) == before, ended.explain()
    found = ended.judged
    missed: dict[str, object] = {
        str(row): found.get(row.red[0]) for row in rows if not told(row, *found.get(row.red[0], ("", "")))
    }
    missed |= {str(row): unsaid for row in rows if (unsaid := ended.unsaid(row.red[0], row.besides))}
    assert missed == {}, f"{missed}\n{ended.explain()}"
    lacking = {name for row in rows for name in row.also if found.get(name, ("",))[0] not in ("FAIL", "INCONCLUSIVE")}
    green = {item for row in rows for item in ended.all_green(row.items - row.not_shown)}
    assert (ended.code != 0, ended.outcome, lacking, green) == (True, "SURVEY", set(), set()), ended.explain()
    for row in rows:
        note(Noticed(row.faults, row.stage, row.red[0]))


def told(row: Power, verdict: str, reason: str) -> bool:
    """Tell whether the row's check said what it must."""
    wanted = {10: "INCONCLUSIVE"}
    return row.told in reason and verdict in {wanted.get(code, "FAIL") for code in row.code}
