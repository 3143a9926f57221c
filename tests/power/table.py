"""One row of a stage's table: a seeded fault, how the stage is run with it, and what must be red then."""

import re
import shlex
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import httpx
import pytest
from held_lab import SHORT, broken, retold

from acceptance.observe.new_path import new_path
from acceptance.observe.prometheus import Prometheus
from acceptance.polling import poll
from acceptance.stage_folders import declared
from acceptance.target.loading import load_target
from acceptance.target.model import Target
from lab.faults import catalogue
from power.noticed import Noticed, note
from power.stage_run import StageRun, folder_of, holds, left_over, run_stage

CATALOGUE = {fault.name: fault for fault in catalogue()}
INCONCLUSIVE = (10,)
ROLLBACK_FAILED = 12
SHOWS_WITHIN_S = 20
NEW_PATH = "{new path}"
"""In what a row is to be told: what shows the new path of its stage."""
ALERTS_GONE_WITHIN_S = 90
"""The lab's alerts look back over a minute at most."""


@dataclass(frozen=True)
class Means:
    """What breaks a target where no seeded fault does: ``keep(target_file)`` keeps it broken.

    What ``keep`` gives are settings of the target file for the run, often none.
    """

    name: str
    keep: Callable[[Path], AbstractContextManager[Mapping[str, str]]]


@dataclass(frozen=True)
class Power:
    """What the suite must do about a fault.

    Attributes:
        faults: Seeded together.
        red: Names that may be the first to be not good: a check with its parameters, or ``trigger`` and its id.
        told: What the reason of the first red must say.
        besides: What its findings must say too, where one check tells several faults that do not hide each other.
        code: Exit codes that the run may end with.
        settings: Of the target file, beside the short times.
        not_shown: Items of the catalogue that one evaluation cannot turn red; the stage is red all the same.
        stage: Whose checks are run.
        only: The phases that show it, such as ``flag_on``; none for all.
        k: Pytest's ``-k``, where one check of a phase is enough.
        restarts: The fault is taken up at a service's start: it is restarted before the run, and after it.
        shows: PromQL that has a sample once Prometheus sees the fault: the run begins then; none for at once.
        by: What breaks the target besides the faults, or instead of any.
        also: Checks that must be red in the same run too, where the first red does not end the stage.
        arguments_too: Further arguments of the run, such as ``--ticket=X``.
        survey: Rows of a table with the same name here have faults that do not disturb each other: one survey, in which
            no red check ends anything, must tell all of them. None for a run of its own.
        needs: As a fault's in the catalogue, where there is none, or it needs more here.
    """

    faults: tuple[str, ...]
    red: tuple[str, ...]
    told: str
    code: tuple[int, ...] = (1,)
    settings: dict[str, str] = field(default_factory=dict)
    not_shown: frozenset[str] = frozenset()
    stage: str = "21_01c"
    only: tuple[str, ...] = ()
    k: str = ""
    restarts: bool = False
    shows: str = ""
    by: Means | None = None
    also: tuple[str, ...] = ()
    besides: tuple[str, ...] = ()
    arguments_too: tuple[str, ...] = ()
    survey: str = ""
    needs: str = ""

    def __str__(self) -> str:
        """Name the row, for a test's id."""
        where = [self.stage, *self.only, self.k]
        broken_by = [*self.faults, *([self.by.name] if self.by else []), *self.arguments_too]
        return "-".join([*filter(None, where), "+".join(broken_by or self.settings)]).replace(" ", "_")

    def on(self, target: Target) -> "Power":
        """Give the row with the words and the PromQL of a deployment."""
        say = partial(in_words_of, target, stage=self.stage)
        return replace(self, told=say(self.told), besides=tuple(map(say, self.besides)), shows=say(self.shows))

    def lacks(self, target: Target) -> str:
        """Name what alone shows this row's faults and this deployment has not; empty where it has all."""
        has = {
            "log events": all("events" in each.log_format.shows for each in target.services.values()),
            "trace ids": bool(target.trace_header),
            "services without a login": not any(each.login for each in target.services.values()),
            "new paths shown before their use": all(how == "metric" for how in target.shown_by.values()),
            "a log that shows no flag": not any(how.startswith("log:") for how in target.shown_by.values()),
            "ids of any text": target.student_ids == "text",
            "a start metric": all(each.started == "metric" for each in target.services.values()),
        }
        needs = [self.needs, *(CATALOGUE[name].needs for name in self.faults)]
        return ", ".join(each for each in needs if each and not has[each])

    @property
    def arguments(self) -> list[str]:
        """The part of the stage that is run, for pytest."""
        return [*part_of(self.stage, *self.only, k=self.k), *self.arguments_too]

    @property
    def turned_red(self) -> set[str]:
        """The checks that this row turns red, as STAGE::NAME: where any of several may be first, none is sure."""
        sure = [*self.also, *(self.red if len(self.red) == 1 else ())]
        return {f"{self.stage}::{name}" for name in sure if not name.startswith("trigger ")}

    @property
    def items(self) -> set[str]:
        """The checklist items that the catalogue says turn red."""
        return {item for name in self.faults for item in CATALOGUE[name].turns_red}


EITHER_WAY = (ROLLBACK_FAILED,)
"""On both paths: with the flag off the service is as bad, so the rollback has failed, and the next run pays for it."""
RestartsNothing = partial(
    Power, ("restart-does-nothing",), told="newer than", settings={"RESTART_TIMEOUT_SECONDS": "2"}, only=("deploy",)
)
"""A restart that does nothing where the stage deploys its code; wants ``red`` and ``stage``."""
OldCode = partial(
    Power,
    ("old-code",),
    ("test_running_code_is_the_newest_of_the_main_branch",),
    "expected the commit of CODE_DIR",
    only=("deploy",),
    restarts=True,
)
"""The service goes on with the code of the last deployment; wants ``stage``."""
Later = partial(
    Power,
    red=("test_latency_is_at_most_twice_the_baseline",),
    told="requests as quick as before",
    only=("flag_off", "soak"),
    k="timed or twice",
)
"""The new path answers later, within all thresholds; wants the fault and ``stage``."""
NotMeasured = partial(
    Power,
    ("times-not-measured",),
    ("test_metrics_keep_to_the_label_standard",),
    "that took no time at all",
    only=("soak",),
    k="label_standard",
)
"""What the new path does takes no time by its metrics; wants ``stage``."""
LeftBehind = partial(
    Power, red=("test_requests_leave_nothing_behind",), told="now", only=("soak",), k="left_behind or leave_nothing"
)
"""Each request leaves something behind; wants the fault and ``stage``."""
OtherLog = partial(
    Power,
    red=("test_log_is_as_with_the_flag_off",),
    only=("flag_off", "soak"),
    k="answered_and_timed or with_the_flag_off",
)
"""Where a flag is on, the log is of another form; wants the fault and ``stage``."""
OddCrash = partial(
    Power,
    ("odd-requests-crash",),
    ("test_odd_requests_are_refused_as_with_the_flag_off",),
    "as by the old path",
    only=("flag_off", "flag_on"),
    k="odd_requests",
)
"""What a service with its flag on should refuse is a 500; wants ``stage``."""
OddCalls = partial(
    Power,
    ("other-calls-served",),
    ("test_odd_requests_are_refused_as_with_the_flag_off",),
    "expected 405, as by the old path, found 200",
    only=("flag_off", "flag_on"),
    k="odd_requests",
)
"""A service with its flag on serves calls that there were not; wants ``stage``."""
OddCrashBefore = partial(
    Power,
    ("odd-requests-always-crash",),
    ("test_odd_requests_do_not_crash",),
    "expected",
    only=("flag_off",),
    k="odd_requests",
)
"""The same on both paths; wants ``stage``."""
RestartsItself = partial(
    Power,
    (),
    ("test_service_ran_through",),
    "to run on",
    only=("soak",),
    k="ran_through",
    arguments_too=("-ptests.power.broken.restart",),
)
"""The service restarts by itself in the soak; wants ``stage``."""
Unwatched = partial(
    Power,
    (),
    ("test_stage_can_be_switched_and_watched",),
    "a process of job nobody that is up, found none",
    INCONCLUSIVE,
    only=("preflight",),
)
"""A job that Prometheus does not scrape; wants ``stage``, and as ``settings`` the key that names it."""


def in_words_of(target: Target, text: str, *, stage: str = "21_01c") -> str:
    """Give a text with a deployment's names of services, routes, metrics and collections, and of what shows a flag."""
    if NEW_PATH in text:
        return text.replace(NEW_PATH, str(new_path(target, stage, Prometheus(target.prometheus_url))))
    names = {f"butler-{key}": service.name for key, service in target.services.items()} | dict(target.metrics.names)
    database, collections = target.mongo.database, target.mongo.names.collections
    names |= {f"butler.{name}": f"{database}.{theirs}" for name, theirs in collections.items()}
    for service in target.services.values():
        names |= service.names.routes
    return re.sub("|".join(map(re.escape, sorted(names, key=len, reverse=True))), lambda found: names[found[0]], text)


def part_of(stage: str, *phases: str, k: str = "") -> list[str]:
    """Give pytest's arguments for some phases of a stage, none for all, and its ``-k``."""
    return [*(f"ops_tests/{folder_of(stage)}/test_{phase}.py" for phase in phases), *([f"-k{k}"] if k else [])]


def restart(target_file: Path, *rows: Power) -> None:
    """Restart the services of the rows' stages by the lab's own make targets; all of them where a stage has none."""
    target, stages = load_target(target_file), {row.stage for row in rows}
    services = {stage.service for stage in declared() if stage.id in stages} or {"all"}
    every = not services <= target.services.keys()
    for command in {target.restart_all} if every else {target.service(key).restart for key in services}:
        subprocess.run(shlex.split(command), cwd=target.infra_dir, check=True, stdout=subprocess.DEVNULL)


def await_no_alerts(target_file: Path) -> None:
    """Return when the lab's Prometheus shows no alert, pending ones included: one would fire in this row's soak.

    What an alert looks back at is deleted: to wait until it is old enough would prove nothing.
    """
    url = load_target(target_file).prometheus_url
    server = Prometheus(url)
    if server.instant("ALERTS"):
        everything = {"match[]": '{__name__=~".+"}'}
        httpx.post(f"{url}/api/v1/admin/tsdb/delete_series", params=everything).raise_for_status()
    assert poll(lambda: server.instant("ALERTS"), lambda alerts: not alerts, ALERTS_GONE_WITHIN_S) == []


@contextmanager
def seeded(target_file: Path, *rows: Power, flags_on: bool = False) -> Iterator[dict[str, str]]:
    """Keep the rows' faults on, and leave the services without them; gives the settings that their means ask for.

    Args:
        target_file: Of the lab.
        rows: They share one restart where any of them asks for it.
        flags_on: Whether to leave the lab meanwhile as a deployment that has ended well leaves its target.
    """
    target = load_target(target_file)
    env_file, before = target.env_file, target.env_file.read_bytes()
    restarts, given = flags_on or any(row.restarts for row in rows), dict[str, str]()
    try:
        with ExitStack() as stack:
            stack.enter_context(broken(target_file, *(name for row in rows for name in row.faults)))
            for means in {row.by.name: row.by for row in rows if row.by}.values():
                given |= stack.enter_context(means.keep(target_file))
            if flags_on:
                lines = "".join(f"{flag}=true\n" for flag in target.flags.values())
                env_file.write_bytes(before + lines.encode())
            if restarts:
                restart(target_file, *rows)
            server = Prometheus(target.prometheus_url)
            for shows in (row.shows for row in rows if row.shows):
                assert poll(lambda: server.instant(shows), bool, SHOWS_WITHIN_S), f"no {shows}"  # noqa: B023
            yield given
    finally:
        if flags_on:
            env_file.write_bytes(before)
        if restarts:
            restart(target_file, *rows)


def assert_noticed(power: Power, held_target: Path, reports: Path) -> None:
    """Run the row's stage with its fault: the right check is the first red, for the right reason, and nothing stays."""
    target = load_target(held_target)
    if lacks := power.lacks(target):
        pytest.skip(f"nothing shows it here: {lacks}")
    power, before = power.on(target), left_over(held_target)
    await_no_alerts(held_target)
    with seeded(held_target, power) as given:
        quick = retold(held_target, "quick", **SHORT | {**power.settings, **given})
        ended = run_stage(quick, reports, *power.arguments, stage=power.stage)
    if ROLLBACK_FAILED in power.code:
        pay_restart(power, held_target, reports)
    assert ended.first_red in power.red, f"{ended.first_red}: {ended.reason}\n{ended.explain()}"
    assert holds(ended.reason, power.told), f"{ended.reason}\n{ended.explain()}"
    assert ended.unsaid(ended.first_red, power.besides) == [], f"{ended.reason}\n{ended.explain()}"
    assert (ended.code in power.code, ended.outcome != "GO") == (True, True), ended.explain()
    assert left_over(held_target) == before, ended.explain()
    found = dict(ended.red)
    assert [name for name in power.also if name not in found] == [], f"{found}\n{ended.explain()}"
    if power.faults:
        assert ended.red_items & power.items, f"expected one of {sorted(power.items)} red, found {ended.red_items}"
    assert ended.all_green(power.items - power.not_shown) == []
    note(Noticed.of(ended, power.faults, power.stage))


def assert_failed(ended: StageRun, told: Mapping[str, str], code: int = 1) -> None:
    """These checks saw what is bad, and their reasons say it; that others are red too is no matter."""
    found = {check: words in ended.failed.get(check, "") for check, words in told.items()}
    assert found == dict.fromkeys(told, True), f"{ended.failed}\n{ended.explain()}"
    assert (ended.code, ended.outcome) == (code, "NO-GO"), ended.explain()


def pay_restart(power: Power | str, held_target: Path, reports: Path) -> StageRun:
    """Have the next run do the rollback that a run still owes."""
    quick = retold(held_target, "quick", **SHORT)
    assert any(" is not closed" in left for left in left_over(quick)), power
    return run_stage(quick, reports / "next", "-ktest_storage_directory_is_prepared")
