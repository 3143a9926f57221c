"""A lab under production's rules, and a clock that starts where a test wants it, in every process of a run."""

from small_project import ROOT, Finished, Project

GOOD = "def test_good(flag_on): assert flag_on.restarted.proved\n"
CLOCK = """
import datetime, os, pathlib, threading, time, time_machine
def travel(to):
    time_machine.travel(to, tick=True).start()
def watch(path):
    while not path.exists():
        time.sleep(0.05)
    travel(datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1))
if now := os.environ.get("TESTED_NOW"):
    travel(datetime.datetime.fromisoformat(now))
if jump := os.environ.get("CLOCK_JUMPS_AT"):
    threading.Thread(target=watch, args=[pathlib.Path(jump)], daemon=True).start()
"""
"""The `sitecustomize` of such processes; once the file of `CLOCK_JUMPS_AT` is there, each is an hour ahead."""


def production(project: Project, **settings: str) -> Project:
    """Make the project's target a production one: the lab, under production's rules."""
    settings = {"TARGET_KIND": "production"} | settings
    kept = [each for each in project.lab.read_text().splitlines() if each.partition("=")[0] not in settings]
    kept = [each for each in kept if not each.startswith("SOAK_SECONDS")]
    copy = project.lab.with_name("production.env")
    copy.write_text("\n".join([*kept, *(f"{key}={value}" for key, value in settings.items()), ""]))
    project.lab = copy
    return project


def run_at(project: Project, now: str, *args: str, zone: str = "UTC") -> Finished:
    """Run the project with the clock of its processes, the watchdog's too, starting at ``now``.

    It goes on an hour once a check makes the file ``clock/jump`` of the project's folder.
    """
    clock = project.folder / "clock"
    clock.mkdir(exist_ok=True)
    (clock / "sitecustomize.py").write_text(CLOCK)
    times = {"TESTED_NOW": now, "CLOCK_JUMPS_AT": str(clock / "jump"), "TZ": zone}
    return project.finish(project.start(*args, PYTHONPATH=f"{clock}:{ROOT}", **times))


def planned(project: Project, stage_id: str, minutes: float) -> None:
    """Say in a stage's description how long it is planned to take."""
    file = project.folder / "ops_tests" / f"stage_{stage_id}" / "stage.toml"
    file.write_text(f"planned_minutes = {minutes}\n{file.read_text()}")
