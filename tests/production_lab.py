"""A lab under production's rules, and a clock that starts where a test wants it, in every process of a run."""

from small_project import ROOT, Finished, Project

GOOD = "def test_good(flag_on): assert flag_on.restarted.proved\n"
FROZEN = """
import os, time_machine, datetime
if now := os.environ.get("TESTED_NOW"):
    time_machine.travel(datetime.datetime.fromisoformat(now), tick=True).start()
"""


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
    """Run the project with the clock of its processes, the watchdog's too, starting at ``now``."""
    (project.folder / "clock").mkdir(exist_ok=True)
    (project.folder / "clock" / "sitecustomize.py").write_text(FROZEN)
    path = f"{project.folder / 'clock'}:{ROOT}"
    return project.finish(project.start(*args, PYTHONPATH=path, TESTED_NOW=now, TZ=zone))


def planned(project: Project, stage_id: str, minutes: float) -> None:
    """Say in a stage's description how long it is planned to take."""
    file = project.folder / "ops_tests" / f"stage_{stage_id}" / "stage.toml"
    file.write_text(f"planned_minutes = {minutes}\n{file.read_text()}")
