"""What checks do beside switching flags, told from the fixtures and names that they use: for ``--plan``.

A fixture of a stage that is not in the table is told in its own words, so that nothing goes untold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from acceptance.conduct.admission import Selected
from acceptance.conduct.testdata import OWNED
from acceptance.target.model import Target

#: What a check is said to do where one of these is used: its uploads or messages are told by that.
_TELL_MORE = frozenset({"attacks", "refuse", "soaked"})


def doings(target: Target, checks: Sequence[Selected], traffic_seconds: float) -> Iterator[tuple[str, str]]:
    """Give (label, what) for all that these checks do, mutations first.

    Args:
        target: Where.
        checks: Of one phase.
        traffic_seconds: How long a baseline is measured under traffic.
    """
    for name, (label, words) in {**_library(target, traffic_seconds), **_clients(target)}.items():
        using = [check for check in checks if name in check.fixtures | check.calls]
        if name == "uploader":
            using = [check for check in using if not check.fixtures & _TELL_MORE]
        if using:
            yield label, f"{words}, by {count(len(using), 'check')}"
    known = {*_clients(target), *_TELL_MORE}
    own = {name: doc for check in checks for name, doc in check.own if name not in known}
    yield from (("uses", f"{name}: {doc}") for name, doc in own.items())


def count(number: int, what: str) -> str:
    """Give a number with its noun."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def _library(target: Target, traffic_seconds: float) -> Mapping[str, tuple[str, str]]:
    """Give what the library's own functions do that change something, send something, or run a command."""
    rate = target.traffic_per_minute
    volume = f"{traffic_seconds:g} s of requests to bot, worker and api, at most {rate} a minute each"
    return {
        "add_flags": ("change", f"flags that {target.env_file} lacks are added as false; a rehearsal takes them out"),
        "back_up": ("write", f"a backup below {target.backup_dir}: MongoDB's {', '.join(OWNED)}, and configuration"),
        "restore_faults": ("write", "the backup, restored into a scratch database of the run's prefix, then dropped"),
        "mongo_faults": ("test data", "one document, written and read back"),
        "measure": ("traffic", f"the baseline: {volume}"),
        "drive": ("traffic", f"after the restart: {volume}, for a part of that time"),
        "Hindsight": (
            "traffic",
            f"if a stage was accepted: a few requests to bot, worker and api, at most {rate} a minute each; then its "
            "gates and triggers over all the time since",
        ),
        "vulnerabilities": ("command", f"bandit over {target.code_dir}, where it is there"),
        "Antivirus": ("request", f"{target.clamd or 'no clamd'}: scan of the test virus"),
        "PARTS": ("request", "health of the parts that Butler stands on"),
        "service_faults": ("request", "GET /health of each service"),
        "grafana_faults": ("request", f"health of {target.grafana.url}"),
        "collect": ("query", f"range queries at {target.prometheus_url}, every service"),
    }


def _clients(target: Target) -> Mapping[str, tuple[str, str]]:
    """Give what each client fixture does, most telling first."""
    url = {key: service.url for key, service in target.services.items()}
    return {
        "attacks": ("request", f"POST {url['api']}/api/v1/reviews, once for each attack of the corpus"),
        "refuse": ("request", f"POST {url['api']}/api/v1/reviews, uploads that must be refused"),
        "uploader": ("request", f"POST {url['api']}/api/v1/reviews, as a student"),
        "butler": ("request", f"POST to {url['bot']}, messages as a user"),
        "homework": ("request", f"requests to {url['worker']}, as a student"),
        "reviews": ("request", f"POST {url['api']}/api/v1/reviews, submissions that are followed to their report"),
        "worker": ("request", f"requests to {url['worker']}"),
        "checker": ("request", f"requests to {target.hw_checker_url}, as Butler makes them"),
        "new_id": ("test data", "of users whose ids begin with the run's prefix"),
        "mongo": ("query", f"documents of MongoDB's {target.mongo.database}"),
        "prometheus": ("query", f"{target.prometheus_url}/api/v1/query"),
        "grafana": ("query", target.grafana.url),
        "loki": ("query", target.loki_url),
        **{f"{key}_logs": ("look", f"log {service.logs}") for key, service in target.services.items()},
        "storage": ("look", f"folder {target.storage.root}"),
        "signoff": ("ask", "a person's sign-off"),
    }
