"""The flags that the services of this lab read: as the stages' folders declare them.

Read as data: the lab imports nothing of the suite.
"""

import tomllib
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1]


def _stages() -> Path:
    """Find the stages' folders: beside this lab, or, for a copy of the lab alone, beside the installed suite.

    Raises:
        SystemExit: There are none.
    """
    installed = find_spec("acceptance")
    places = [HERE, *([Path(installed.origin).parents[1]] if installed and installed.origin else [])]
    for place in places:
        if any(place.glob("ops_tests/stage_*/stage.toml")):
            return place / "ops_tests"
    raise SystemExit(
        f"the lab: expected ops_tests/stage_*/stage.toml in {' or '.join(map(str, places))}, found none; "
        "copy ops_tests beside the lab"
    )


@cache
def flagged() -> dict[str, dict[str, Any]]:
    """Give what each stage with a flag declares, by the stage's id, in the order of the deployment."""
    found = {
        path.parent.name.removeprefix("stage_"): tomllib.loads(path.read_text(encoding="utf-8"))
        for path in _stages().glob("stage_*/stage.toml")
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
