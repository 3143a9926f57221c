"""Compare what the target file declares with what can be seen without a change; for the doctor.

Each of these is otherwise found out in the window, by the stage that first needs it.
"""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from acceptance.finding import Finding, Severity
from acceptance.observe.evidence_command import folder_of
from acceptance.polling import poll
from acceptance.probes.attacks.control_uploads import StorageRoots
from acceptance.probes.clients import Clients
from acceptance.probes.health import PARTS
from acceptance.probes.homework.hw_checker import DAYS
from acceptance.probes.storage.snapshot import Tree, diff
from acceptance.process import answer
from acceptance.stage_folders import flagged
from acceptance.target.keys import evidence_key
from acceptance.target.log_format import log_sources
from acceptance.target.model import Target
from acceptance.target.parts import Service, ServiceKey

SETTLED_S = 3.0
"""So long the watched folders are looked at while the other questions are asked."""

_CONTAINERS = {"docker", "docker-compose", "podman", "podman-compose"}
_BEHIND_LOGIN: Mapping[ServiceKey, str] = {"bot": "dialog-gateway", "worker": "homework-list", "api": "review-api"}


def written_by_itself(target: Target, patience_s: float = SETTLED_S) -> list[Finding]:
    """Name what changes in the watched folders by itself: an attack would be blamed for it.

    Raises:
        Inconclusive: A folder cannot be read.
    """
    storage = target.storage
    roots = StorageRoots(storage.root, storage.watch_dirs, storage.root, storage.writers).resolved()
    own = {path.resolve() for path in (storage.legacy_root, target.journal_dir)}
    before = Tree.of(roots.watch_dirs)

    def others() -> list[Path]:
        now = diff(before, Tree.of(roots.watch_dirs))
        found = (*now.appeared, *now.changed, *now.vanished)
        return [each for each in found if not (roots.holds(each) or roots.is_own(each) or own & {each, *each.parents})]

    return [
        Finding(
            "written by itself",
            str(path),
            "no change in WATCH_DIRS while nobody attacks",
            "one",
            next_step="name it in KNOWN_WRITERS, or watch a smaller folder",
        )
        for path in poll(others, bool, patience_s, every=0.5)
    ]


def known_students(target: Target) -> list[Finding]:
    """Name the test students of whom the HW checker has no commit, as the worker lists them.

    Raises:
        Inconclusive: The HW checker does not answer with the key of the env file.
        NotApplicable: There is no HW checker, or no worker.
    """
    clients = Clients(target.having("hw-checker").having("worker"))
    clients.checker.checks(days=1)
    known = target.known
    names = {"HOMEWORK_STUDENT": known.student, "HOMEWORK_STUDENT_FLAG_ON": known.student_flag_on}
    expected = f"a commit of the last {DAYS} days"
    step = "submit one, or name a student who has one"
    found = []
    for key, name in names.items():
        rows = clients.homework.listing(name).rows
        if rows is not None and not rows:
            found.append(Finding("no commit", f"{key}={name}", expected, "none", next_step=step))
    return found


def logins(target: Target) -> list[Finding]:
    """Name the services that ask for a login, or for none, contrary to the target file."""
    return [each for key in target.services for each in _unlike_stated(target, key)]


def _unlike_stated(target: Target, key: ServiceKey) -> Iterable[Finding]:
    service = target.services[key]
    stated, probe = service.authentication, PARTS[_BEHIND_LOGIN[key]]
    if stated is None or (key == "bot" and target.telegram) or probe(Clients(target)):
        return  # another question tells it
    stranger = replace(target, services={**target.services, key: replace(service, login="")})
    expected = f"{service.key.upper()}_AUTHENTICATION to be true, {stated}"
    refused = bool(probe(Clients(stranger)))
    if refused and not stated.required:
        step = "set it to required, or required:service: what opens with a flag would not be told"
        yield Finding(
            "wrong statement", service.name, expected, "that a call without a login is refused", next_step=step
        )
    elif stated.required and not refused:
        found = "that a call without a login is served"
        yield Finding("no authentication", service.name, expected, found, Severity.CRITICAL, "see who may call it")


def programs(target: Target) -> list[Finding]:
    """Name the commands of the target file that are not on this machine: those that answer for a person, or attach."""
    commands = {evidence_key(item): asked.command for item, asked in target.evidence.items()}
    if target.attach.command:
        commands["ATTACH_COMMAND"] = target.attach.command
    return no_program(commands, folder_of(target))


def no_program(commands: Mapping[str, str], folder: Path) -> list[Finding]:
    """Name the commands, by their keys, whose program is neither on PATH nor in the folder in which they run."""
    first = {key: shlex.split(text)[0] for key, text in commands.items()}
    return [
        Finding("no command", key, "a program that is there", word, next_step=f"correct {key}")
        for key, word in first.items()
        if not shutil.which(word) and not (folder / word).is_file()
    ]


def kept_environments(target: Target) -> Iterator[Finding]:
    """Name the restarts that keep the environment with which a container was made, where the service's flag is in it.

    Raises:
        Inconclusive: Docker does not tell.
    """
    for service in target.services.values():
        words = [Path(word).name for word in shlex.split(service.restart)]
        if not _CONTAINERS & set(words) or "restart" not in words:
            continue
        flags = [target.flags[stage.id] for stage in flagged() if stage.service == service.key]
        for name in sorted(_containers(service)):
            asked = ["docker", "inspect", "--type", "container", "--format", "{{json .Config.Env}}", name]
            held = json.loads(answer(asked, target.infra_dir, target.http_timeout_s)) or ()
            for flag in {pair.partition("=")[0] for pair in held} & set(flags):
                expected, step = "a restart that reads the env file anew", "use docker compose up -d --force-recreate"
                found = f"«{service.restart}», which keeps {flag} as {name} was made with it"
                yield Finding("keeps the environment", "", expected, found, next_step=f"{step} (docs/restart.md)")


def _containers(service: Service) -> set[str]:
    """Name the containers of a service, by what proves its start and by its log."""
    places = [service.started, *log_sources(service.logs)]
    return {each for place in places if place[:7] == "docker:" for each in place[7:].removeprefix("//").split()}
