"""Find out which Butler runs: the commit of the checkout, of the main branch, and what each service says."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from acceptance import deadline
from acceptance.finding import Finding, Severity
from acceptance.observe.prometheus import Prometheus
from acceptance.polling import poll
from acceptance.process import answer
from acceptance.target.model import Service, Target
from acceptance.verdict import Inconclusive

COMMIT = re.compile(r"[0-9a-f]{7,64}")
"""What names a commit; words such as `unknown` and `latest` do not."""
ASKED = 8
"""So often a service is asked by HTTP: each call may reach another of its processes."""
PATIENCE_S = 30
"""Longest time, in seconds, of git and of a command that names a commit: a remote is asked."""


@dataclass(frozen=True)
class Code:
    """What is deployed, as far as somebody says.

    Attributes:
        checkout: The commit of `CODE_DIR`; empty where that is not known.
        main: The newest commit of the main branch, as its remote says; empty where it does not.
        changed: Files of the checkout that differ from its commit.
        running: Service -> the commits that its processes say they run.
        unknown: What nobody says, each with the reason.
    """

    checkout: str = ""
    main: str = ""
    changed: tuple[str, ...] = ()
    running: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    def findings(self) -> list[Finding]:
        """Name what differs: the checkout from the main branch, a service from the checkout.

        Raises:
            Inconclusive: Nothing differs, but somebody does not say.
        """
        found = list(self._differences())
        if not found and self.unknown:
            raise Inconclusive("; ".join(self.unknown))
        return found

    def _differences(self) -> Iterator[Finding]:
        if self.checkout and self.main and not _same(self.checkout, self.main):
            yield _other("CODE_DIR", f"the main branch, {self.main}", self.checkout, "git pull, install, restart")
        if self.changed:
            files = ", ".join(self.changed[:5])
            yield _other("CODE_DIR", "files as they were committed", f"{files} changed", "commit or restore them")
        for service, commits in self.running.items():
            for commit in commits:
                if self.checkout and not _same(commit, self.checkout):
                    yield _other(service, f"the commit of CODE_DIR, {self.checkout}", commit, "deploy and restart it")


def deployed(target: Target, services: Sequence[Service], prometheus: Prometheus, patience_s: float = 0) -> Code:
    """Ask checkout, remote and services for their commits; what one does not say is listed as unknown.

    Args:
        target: Whose code.
        services: Which of its services are asked.
        prometheus: For a commit that is told by a metric.
        patience_s: How long a service may say another commit: Prometheus shows a new process only at its next scrape.
    """
    checkout, why_checkout = _said(_git, target.code_dir, "rev-parse", "HEAD")
    # An env file that is kept in the checkout, and the log of deployments, are changed by this suite.
    ours = [
        f":(exclude){file}" for file in (target.env_file, target.deployment_log) if file.is_relative_to(target.code_dir)
    ]
    changed, why_changed = _said(
        _git, target.code_dir, "status", "--porcelain", "--untracked-files=no", "--", ":/", *ours
    )
    remote, _, branch = target.main_branch.partition("/")
    main, why_main = _said(_git, target.code_dir, "ls-remote", remote, f"refs/heads/{branch}")
    if not main and not why_main:
        why_main = f"{target.code_dir}: expected branch {branch} at {remote}, found none; correct MAIN_BRANCH"
    commit = "".join(checkout[:1])

    def as_wanted(answer: tuple[tuple[str, ...], str]) -> bool:
        return bool(answer[0]) and all(_same(each, commit) for each in answer[0])

    asked = {
        service.name: poll(partial(_said, running_commits, target, service, prometheus), as_wanted, patience_s)
        for service in services
    }
    return Code(
        checkout=commit,
        main="".join(main[:1]).partition("\t")[0],
        changed=tuple(line[3:] for line in changed),
        running={name: commits for name, (commits, _) in asked.items() if commits},
        unknown=tuple(filter(None, [why_checkout or why_changed or why_main, *(why for _, why in asked.values())])),
    )


def running_commits(target: Target, service: Service, prometheus: Prometheus) -> tuple[str, ...]:
    """Give the commits that the processes of a service say they run, by the target's `RUNNING_COMMIT`.

    Raises:
        Inconclusive: Nobody says.
    """
    kind, _, rest = (target.running_commit or "").partition(":")
    if not kind:
        raise Inconclusive(f"{service.name}: nobody says which code runs; set RUNNING_COMMIT of {target.source.name}")
    where, _, key = rest.rpartition(":")
    if kind == "metric":
        found = [sample.labels.get(key, "") for sample in prometheus.instant(f'{where}{{job="{service.job}"}}')]
    elif kind == "http":
        found = [_answered(service, where, key, target.http_timeout_s) for _ in range(ASKED)]
    else:
        found = list(_ran(shlex.split(rest.replace("{NAME}", service.name)), target.infra_dir))
    commits = {text for text in found if COMMIT.fullmatch(text)}
    if not commits:
        raise Inconclusive(f"{service.name}: expected a commit by {target.running_commit}, found {found}")
    if kind != "command":  # a process beside it that does not say is of another release
        commits |= {f"no commit ({text!r})" for text in found if not COMMIT.fullmatch(text)}
    return tuple(sorted(commits))


def _said(ask: Callable[..., tuple[str, ...]], *words: Any) -> tuple[tuple[str, ...], str]:
    """Give an answer, or nothing and the reason."""
    try:
        return ask(*words), ""
    except Inconclusive as error:
        return (), str(error)


def _answered(service: Service, path: str, key: str, timeout_s: float) -> str:
    try:
        with deadline.client(timeout_s, headers=service.headers) as client:
            value = client.get(f"{service.url}{path}").json()
        for part in key.split("."):
            value = value[part]
    except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
        raise Inconclusive(f"{service.url}{path}: expected a JSON answer with {key}, found {error!r}") from error
    return str(value)


def _git(code: Path, *words: str) -> tuple[str, ...]:
    # `git status` would write what it learned into the checkout's index, and hold its lock from whoever deploys.
    return _ran(["git", "--no-optional-locks", "-C", str(code), *words], Path.cwd())


def _ran(command: Sequence[str], folder: Path) -> tuple[str, ...]:
    printed = answer(command, folder, PATIENCE_S)
    return tuple(line.rstrip() for line in printed.splitlines() if line.strip())


def _same(commit: str, other: str) -> bool:
    return commit.startswith(other) or other.startswith(commit)


def _other(subject: str, expected: str, found: str, step: str) -> Finding:
    return Finding("other code", subject, expected, found, Severity.CRITICAL, step)
