"""Check that the flags are what they should be: in the env file, and in the services that run.

Source: checklist items pre.technical.4, 21_00.exit.1; rollback plan `check_feature_flags.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches

from acceptance.envfile.file import EnvFile
from acceptance.finding import Finding, Severity
from acceptance.observe.new_path import new_paths_of
from acceptance.observe.prometheus import Prometheus
from acceptance.target.model import Target
from acceptance.target.redaction import weak_secrets
from acceptance.verdict import Inconclusive


def flag_findings(
    target: Target, *, expected: Mapping[str, bool] | None = None, may_be_missing: bool = False
) -> list[Finding]:
    """Name what is wrong with the flags in the env file.

    Args:
        target: Whose flags.
        expected: What a flag must be; false where it is not named.
        may_be_missing: Whether it is good that none of them is there yet, which is off by default. That only some
            are there is never good: one may be misspelt.

    Raises:
        EnvFileError: The file cannot be read.
    """
    env, flags = EnvFile(target.env_file), list(target.flags.values())
    there = env.read()
    none_there = may_be_missing and not any(flag in there for flag in flags)
    found = list(env.refusals(flags, may_be_missing=none_there))
    for flag in flags:
        wanted, other = (
            str(value).lower() for value in ((expected or {}).get(flag, False), not (expected or {}).get(flag))
        )
        if there.get(flag, "").lower() == other:
            found.append(Finding("wrong flag", f"{target.env_file}: {flag}", wanted, other))
    return [*found, *_misspelt(target, there)]


def flag_notes(target: Target) -> list[Finding]:
    """List what is no fault but may mislead: how each program reads a line, duplicates, a symbolic link."""
    findings = [*EnvFile(target.env_file).diagnose(target.flags.values()), *weak_secrets(target)]
    return [finding for finding in findings if finding.severity < Severity.HIGH]


def flag_states(target: Target) -> dict[str, str]:
    """Give each flag's value as it stands, `absent` where it is not there."""
    there = EnvFile(target.env_file).read()
    return {flag: there.get(flag, "absent") for flag in target.flags.values()}


def new_paths_at_work(target: Target, prometheus: Prometheus) -> dict[str, set[str]]:
    """Name, by flag, what shows a new path although its flag is off; nothing is good.

    Raises:
        Inconclusive: Prometheus is out of reach, or sees no process of a service: that it exports nothing says nothing.
    """
    paths = new_paths_of(target, prometheus)
    seen = {target.flags[path.stage.id]: found for path in paths if (found := path.seen())}
    jobs = {path.service.job for path in paths if path.by_metric}
    if not seen and (missing := sorted(job for job in jobs if not prometheus.is_up(job))):
        raise Inconclusive(
            f"Prometheus at {prometheus.url} sees no running process of job {', '.join(missing)}: what it exports "
            "is not known; correct the *_JOB keys of the target file, or the configuration of Prometheus"
        )
    return seen


def _misspelt(target: Target, there: Mapping[str, str]) -> list[Finding]:
    """Name keys that are spelt nearly as a missing flag: the service may read one name while we write the other."""
    missing = [flag for flag in target.flags.values() if flag not in there]
    strangers = [key for key in there if key.startswith("USE_") and key not in target.flags.values()]
    near = {flag: get_close_matches(flag, strangers, n=1, cutoff=0.75) for flag in missing}
    return [
        Finding(
            "misspelt flag",
            str(target.env_file),
            flag,
            keys[0],
            next_step=f"the same flag? Correct the line, or FLAG_* of {target.source.name} if the service spells it so",
        )
        for flag, keys in near.items()
        if keys
    ]


_FORM = re.compile(r"[A-Z][A-Z0-9]+-(?:(?P<year>\d{4})-(?P<month>0[1-9]|1[0-2])-)?\d+")
OLDEST_TICKET = timedelta(days=730)
"""A ticket that names an earlier month than this is another change's, or made up."""


def ticket_fault(ticket: str, now: datetime) -> str:
    """Say what is wrong with a ticket's form or month; empty when nothing is. Only the tracker knows whether it exists.

    Args:
        ticket: As it was given.
        now: The present, aware.
    """
    found = _FORM.fullmatch(ticket)
    if not found:
        return f"expected a ticket such as CHG-2025-11-042, found {ticket!r}; give the real one with --ticket"
    if found["year"]:
        month = datetime(max(1, int(found["year"])), int(found["month"]), 1, tzinfo=UTC)
        if not now - OLDEST_TICKET <= month <= now:
            return f"expected a ticket of the last two years, found {ticket!r}; give the real one with --ticket"
    return ""
