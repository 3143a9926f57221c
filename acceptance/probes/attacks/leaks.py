"""Look for the target's secrets where strangers and readers could find them: answers to odd requests, and the logs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from acceptance.finding import Finding, Severity
from acceptance.observe.log_lines import LogLine
from acceptance.observe.logs import Logs
from acceptance.probes.http.client import Caller
from acceptance.probes.http.exchange import Exchange
from acceptance.redact import spellings
from acceptance.verdict import Inconclusive

ODD = ("/config", "/env", "/debug", "/openapi.json", "/no-such-page")
"""Pages that show a configuration, where a service has them, and one that none has: its answer is an error."""


def leaks(caller: Caller, logs: Logs, name: str, start: datetime, known: Mapping[str, str]) -> list[Finding]:
    """Ask a service for its odd pages and with a body that is none; name each secret in an answer or in its log.

    Args:
        caller: What calls it.
        logs: Its log.
        name: Its name.
        start: From when on its log is read.
        known: Secret -> the key that holds it.

    Raises:
        Inconclusive: No secret is known, the service gives no answer, or its log has no line since then.
    """
    answers = [caller.get(path).exchange for path in ODD]
    answers.append(caller.post(ODD[-1], {"student_id": {"": []}}, writes=False).exchange)
    if silent := [each for each in answers if each.status is None]:
        raise Inconclusive(f"{name}: expected an answer, found {silent[0].error}")
    texts = [(f"{each.method} {path_of(each)} of {name}", f"{each.headers} {each.body}") for each in answers]
    lines = logs.read(start).lines
    if not lines:
        raise Inconclusive(f"log of {name}: expected lines since {start:%H:%M:%S} UTC, found none")
    return list(shown_in([*texts, (f"log of {name}", written(lines))], known))


def written(lines: Iterable[LogLine]) -> str:
    """Give the text of log lines, as it stands and without line wraps."""
    return "\n".join(f"{line.text}\n{line.message}" for line in lines)


def path_of(exchange: Exchange) -> str:
    """Give the path of an exchange's address."""
    return "/" + exchange.url.split("//", 1)[-1].partition("/")[2]


def shown_in(texts: Sequence[tuple[str, str]], known: Mapping[str, str]) -> Iterator[Finding]:
    """Name each secret that stands in a text, also encoded or broken over lines, by where the text is from.

    Raises:
        Inconclusive: No secret is known.
    """
    if not known:
        raise Inconclusive("expected a secret of the target or env file to look for, found none that is random")
    spelt = {secret: re.compile("|".join(map(re.escape, spellings(secret)))) for secret in known}
    for where, text in texts:
        whole = f"{text}\n{''.join(text.split())}"
        for key in dict.fromkeys(key for secret, key in known.items() if spelt[secret].search(whole)):
            step = "change that secret, and take it out of what is shown"
            yield Finding("secret shown", where, "no secret", f"the value of {key}", Severity.CRITICAL, step)
