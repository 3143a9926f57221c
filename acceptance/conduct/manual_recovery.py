"""Give a person what a failed undo needs: the state of every flag and service, and the commands."""

from __future__ import annotations

from acceptance.envfile.file import EnvFile, EnvFileError
from acceptance.observe.health import health_fault
from acceptance.stage import Stage
from acceptance.target import by_hand
from acceptance.target.model import Service, Target


def by_hand_commands(target: Target, service: str, flag: str) -> list[str]:
    """Give the commands that switch a flag off and restart its service, and that show how the flag stands then."""
    return [by_hand.switch_off(target, flag), by_hand.restart(target, service), by_hand.last_line(target, flag)]


def state_found(target: Target, stage: Stage | None = None) -> list[str]:
    """Say how flags stand in the env file, and whether services answer; all of them, or a stage's; never raises."""
    env = EnvFile(target.env_file)
    names = [target.flags[stage.id]] if stage and stage.flagged else target.flags.values()  # 21_00 adds them all
    flags = [f"{name} is {_flag(env, name)} in {target.env_file}" for name in names]
    patience = min(target.http_timeout_s, 3.0)
    services = [
        f"{service.name}: {service.health_url} {_answers(service, patience)}"
        for service in target.services.values()
        if stage is None or stage.service in (service.key, "all")
    ]
    return flags + services


def flags_found(target: Target) -> dict[str, str]:
    """Give the values of the flags that stand in the env file; none where it cannot be read."""
    try:
        found = EnvFile(target.env_file).read()
    except (EnvFileError, OSError):
        return {}
    return {name: value for name, value in found.items() if name in target.flags.values()}


def _answers(service: Service, patience: float) -> str:
    fault = health_fault(service, patience)
    return f"does not answer {service.health.status}: {fault}" if fault else f"answers {service.health.status}"


def _flag(env: EnvFile, flag: str) -> str:
    try:
        return env.read().get(flag, "absent")
    except (EnvFileError, OSError) as error:
        return f"not known ({error})"
