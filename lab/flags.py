"""The flags that the services of this lab read: as the stages' folders declare them.

Read as data: the lab imports nothing of the suite.
"""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

STAGES = Path(__file__).resolve().parents[1] / "ops_tests"


@cache
def flagged() -> dict[str, dict[str, Any]]:
    """Give what each stage with a flag declares, by the stage's id, in the order of the deployment."""
    found = {
        path.parent.name.removeprefix("stage_"): tomllib.loads(path.read_text(encoding="utf-8"))
        for path in STAGES.glob("stage_*/stage.toml")
    }
    by_order = sorted(found.items(), key=lambda stage: int(stage[1]["order"]))
    return {stage_id: declared for stage_id, declared in by_order if declared.get("flag")}


def flag_of(stage_id: str) -> str:
    """Name the flag that a stage switches."""
    return str(flagged()[stage_id]["flag"])


def env_lines() -> str:
    """Write the env file's lines of all flags, each off."""
    return "".join(
        f"# {stage_id}, butler-{declared['service']}\n{declared['flag']}=false\n"
        for stage_id, declared in flagged().items()
    )
