"""Compare a target's flags and services with what its journal expects, where no change is open.

A journal may be gone with its folder, and a flag may be switched by hand: then the env file and the services are all
that is left to ask.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from acceptance.conduct.journal import Journal
from acceptance.conduct.manual_recovery import by_hand_commands
from acceptance.envfile.file import EnvFile, EnvFileError
from acceptance.finding import Finding, Severity
from acceptance.observe.health import health_fault, healthy_answer
from acceptance.observe.new_path import new_paths_of
from acceptance.observe.prometheus import Prometheus
from acceptance.stage_folders import flagged
from acceptance.target import by_hand
from acceptance.target.model import Target
from acceptance.verdict import Inconclusive


def unexpected(target: Target) -> list[Finding]:
    """Name the flags and services that are not as the journal expects; those of low severity are notes only.

    Raises:
        RecoveryNeeded: The journal cannot be read.
    """
    stay = Journal(target.journal_file, "look").left_enabled()
    try:
        found = EnvFile(target.env_file).read()
        flags = unexpected_flags(target, found, stay)
    except EnvFileError as error:
        return [Finding("env file", str(target.env_file), "a readable env file", str(error))]
    on = {stage for stage, flag in target.flags.items() if found.get(flag, "false").lower() != "false"}
    return flags + list(_services(target, on))


def unexpected_flags(target: Target, found: Mapping[str, str], stay: Collection[str]) -> list[Finding]:
    """Name the flags that are not as expected, in an env file that holds this, where these stay on by choice.

    Raises:
        EnvFileError: The env file cannot be read.
    """
    env = EnvFile(target.env_file)
    overruled = {flag: env.overruled(flag) for flag in target.flags.values()}
    flags = (
        _flag(target, stage, found.get(flag, "absent"), flag in stay, overruled[flag])
        for stage, flag in target.flags.items()
    )
    return [finding for finding in flags if finding]


def _flag(target: Target, stage: str, value: str, stays: bool, overruled: Finding | None) -> Finding | None:
    flag = target.flags[stage]
    where = f"{flag} in {target.env_file}"
    reader = next(one.service for one in flagged() if one.id == stage)
    commands = "; ".join(by_hand_commands(target, reader, flag)[:2])
    if overruled and not stays:
        return replace(overruled, next_step=f"{overruled.next_step}, and restart: {commands}")
    if value.lower() in ("false", "absent"):
        note = "nothing to undo: the old path is at work; its stage may be started again"
        return (
            Finding("flag", where, "true, as its stage left it enabled", value, Severity.LOW, note) if stays else None
        )
    if stays:
        return None
    step = f"leave it if somebody enabled it on purpose, else: {commands}"
    return Finding("flag", where, "false: the journal knows of no stage that left it enabled", value, next_step=step)


def _services(target: Target, on: set[str]) -> Iterator[Finding]:
    """Yield the services that do not answer, or that take the new path although its flag is false."""
    prometheus = Prometheus.of(target)
    for service in target.services.values():
        if fault := health_fault(service, min(target.http_timeout_s, 3.0)):
            step = f"see its log; restart it: {by_hand.restart(target, service.key)}"
            yield Finding("service", service.name, healthy_answer(service), fault, next_step=step)
    for path in new_paths_of(target, prometheus):
        if path.stage.id in on:
            continue
        try:
            seen = path.seen()
        except Inconclusive as error:
            yield Finding("path", path.service.name, f"no sign of {path}", f"not known: {error}", Severity.LOW)
            continue
        if seen:
            restart = by_hand.restart(target, path.service.key)
            step = f"restart it so that it reads {target.env_file} again: {restart}"
            expected = f"no sign of the new path, as {target.flags[path.stage.id]} is off"
            yield Finding("path", path.service.name, expected, ", ".join(sorted(seen)), next_step=step)
