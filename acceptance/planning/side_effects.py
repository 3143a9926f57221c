"""List what checks do besides switching flags, as they declare it (for `--plan`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from acceptance.conduct.admission import Selected
from acceptance.target.model import Target

_TELL_MORE = frozenset({"attacks", "refuse", "soaked"})
"""What a check is said to do where one of these is used: its uploads or messages are told by that."""


def side_effects(target: Target, checks: Sequence[Selected]) -> Iterator[tuple[str, str]]:
    """Give (label, what) for all that these checks of one phase do, mutations first."""
    clients = _clients(target)
    for name, (label, words) in clients.items():
        using = [check for check in checks if name in check.fixtures]
        if name == "uploader":
            using = [check for check in using if not check.fixtures & _TELL_MORE]
        if using:
            yield label, f"{words}, by {count(len(using), 'check')}"
    told = {*clients, *_TELL_MORE}
    own = {name: doc for check in checks for name, doc in check.own if name not in told}
    yield from (("uses", f"{name}: {doc}") for name, doc in own.items())
    plain = [check.title for check in checks if not check.effects and not check.fixtures & {*clients, *own}]
    yield from (("look", title) for title in dict.fromkeys(plain))


def count(number: int, what: str) -> str:
    """Give a number with its noun."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def _clients(target: Target) -> Mapping[str, tuple[str, str]]:
    """Give what each fixture of the suite does, most telling first."""
    there = {key: service.url for key, service in target.services.items()}
    url = defaultdict(lambda: "a service that is declared absent", there)
    telegram = target.telegram
    bot = f"to the bot, which polls {telegram.listen}" if telegram else f"POST to {url['bot']}"
    return {
        "add_flags": ("change", f"flags that {target.env_file} lacks are added as false; a rehearsal takes them out"),
        "attacks": ("request", f"POST {url['api']}/api/v1/reviews, once for each attack of the corpus"),
        "refuse": ("request", f"POST {url['api']}/api/v1/reviews, uploads that must be refused"),
        "uploader": ("request", f"POST {url['api']}/api/v1/reviews, as a student"),
        "butler": ("request", f"{bot}, messages as a user"),
        "homework": ("request", f"requests to {url['worker']}, as a student"),
        "reviews": ("request", f"POST {url['api']}/api/v1/reviews, submissions that are followed to their report"),
        "worker": ("request", f"requests to {url['worker']}"),
        "checker": ("request", f"requests to {target.hw_checker_url}, as Butler makes them"),
        "writes_data": ("test data", "which bears the run's prefix, until the end of the run"),
        "mongo": ("query", f"documents of MongoDB's {target.mongo.database}"),
        "prometheus": ("query", f"{target.prometheus_url}/api/v1/query"),
        "grafana": ("query", target.grafana.url),
        "loki": ("query", target.loki_url),
        **{f"{key}_logs": ("look", f"log {service.logs}") for key, service in target.services.items()},
        "storage": ("look", f"folder {target.storage.root}"),
        "signoff": ("ask", "a person's sign-off"),
    }
