"""What a person needs when an undo has failed: the state of every flag and service, and the commands to finish."""

from __future__ import annotations

from acceptance.conduct.services import is_healthy
from acceptance.envfile.file import EnvFile, EnvFileError
from acceptance.target.model import Target


def by_hand_commands(target: Target, service: str, flag: str) -> list[str]:
    """Give the exact commands that finish a rollback, in the rollback plan's own way."""
    commands = {one.key: one.restart for one in target.services.values()} | {"all": target.restart_all}
    return [
        f"printf '%s=false\\n' {flag} >> {target.env_file}",
        f"cd {target.infra_dir} && {commands[service]}",
        f"grep -n {flag} {target.env_file}  # the last line wins",
    ]


def state_found(target: Target) -> list[str]:
    """Say how each flag stands in the env file, and whether each service answers; never raises."""
    env = EnvFile(target.env_file)
    flags = [f"{flag} is {_flag(env, flag)}" for flag in target.flags.values()]
    patience = min(target.http_timeout_s, 3.0)
    services = [
        f"{service.name}: /health {'answers 200' if is_healthy(service, patience) else 'does not answer 200'}"
        for service in target.services.values()
    ]
    return flags + services


def _flag(env: EnvFile, flag: str) -> str:
    try:
        return env.read().get(flag, "absent")
    except EnvFileError as error:
        return f"not known ({error})"
