"""Give a person what a failed undo needs: the state of every flag and service, and the commands."""

from __future__ import annotations

from typing import NamedTuple

from acceptance.envfile.file import EnvFile, EnvFileError
from acceptance.observe.health import health_fault
from acceptance.stage import Stage
from acceptance.target import by_hand
from acceptance.target.model import Service, Target


class Found(NamedTuple):
    """How flags and services stand, in words, and the values of the flags; no value of one that is not in the file."""

    said: list[str]
    flags: dict[str, str]


def by_hand_commands(target: Target, service: str, flag: str) -> list[str]:
    """Give the commands that switch a flag off and restart its service, and that show how the flag stands then."""
    return [by_hand.switch_off(target, flag), by_hand.restart(target, service), by_hand.last_line(target, flag)]


def state_found(target: Target, stage: Stage | None = None) -> Found:
    """Read how flags stand in the env file, once, and ask services; all of them, or a stage's; never raises."""
    try:
        values, absent = EnvFile(target.env_file).read(), "absent"
    except (EnvFileError, OSError) as error:
        values, absent = {}, f"not known ({error})"
    names = [target.flags[stage.id]] if stage and stage.flagged else target.flags.values()  # 21_00 adds them all
    patience = min(target.http_timeout_s, 3.0)
    services = [
        f"{service.name}: {service.health_url} {_answers(service, patience)}"
        for service in target.services.values()
        if stage is None or stage.service in (service.key, "all")
    ]
    said = [f"{name} is {values.get(name, absent)} in {target.env_file}" for name in names]
    return Found([*said, *services], {name: values[name] for name in target.flags.values() if name in values})


def _answers(service: Service, patience: float) -> str:
    fault = health_fault(service, patience)
    return f"does not answer {service.health.status}: {fault}" if fault else f"answers {service.health.status}"
