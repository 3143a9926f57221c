"""How a flag and its service stand at this moment: looked at once, with a short deadline, changing nothing."""

from __future__ import annotations

import httpx

from acceptance.envfile.file import EnvFile
from acceptance.stages.stage import Stage
from acceptance.target.model import Target
from acceptance.verdict import Refused

_PATIENCE_S = 3.0


def standing(target: Target, stage: Stage) -> list[str]:
    """Say what the env file holds for a stage's flag, and whether its services answer ``/health``."""
    services = [one for one in target.services.values() if stage.service in (one.key, "all")]
    return [_flag(target, stage), *(f"{one.name}: {_health(one.url)}" for one in services)]


def _flag(target: Target, stage: Stage) -> str:
    name = target.flags.get(stage.id, "")
    try:
        return f"{name}={EnvFile(target.env_file).read().get(name, '(absent)')} in {target.env_file}"
    except (Refused, OSError) as error:
        return f"{name}: not known, {error}"


def _health(url: str) -> str:
    try:
        answer = httpx.get(f"{url}/health", timeout=_PATIENCE_S)
    except httpx.HTTPError as error:
        return f"does not answer {url}/health ({type(error).__name__})"
    return f"answers {url}/health with {answer.status_code}"
