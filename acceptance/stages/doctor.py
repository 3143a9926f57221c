"""Ask at once, read-only, all that a deployment night needs of a target; a fault names the key of the target file."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

from acceptance.finding import Finding, Severity, about
from acceptance.stage import Stage
from acceptance.stages.doctor_questions import STAGE_FILE, Question, asked_of
from acceptance.stages.readiness import parsed
from acceptance.target.model import Target
from acceptance.verdict import Inconclusive, NotApplicable

LIMIT_S = 9.0
"""Within so many seconds each question must be answered; one that is not is not known."""


@dataclass(frozen=True)
class Examined:
    """What came of all questions.

    Attributes:
        asked: The keys that were asked about.
        findings: What is wrong, or not known.
        seconds: How long it took.
        absent: The keys whose part the target file declares absent: they were not asked about.
    """

    asked: tuple[str, ...]
    findings: tuple[Finding, ...]
    seconds: float
    absent: tuple[str, ...] = ()


def examine(target: Target, stages: Iterable[Stage], limit_s: float = LIMIT_S, run_id: str = "") -> Examined:
    """Ask everything side by side; a question without an answer in time is a finding too.

    Args:
        target: Whose services, logs and monitoring are asked.
        stages: What they will need.
        limit_s: Seconds for each answer.
        run_id: Of the run that asks, if one does: its own lock and journal are no finding.
    """
    begin = time.monotonic()
    asked = dict(asked_of(target, list(stages), run_id))
    pool = ThreadPoolExecutor(max_workers=len(asked))
    futures = {key: pool.submit(_answer, key, ask) for key, ask in asked.items()}
    wait(futures.values(), timeout=limit_s)
    pool.shutdown(wait=False, cancel_futures=True)
    told = {key: _told(key, future, limit_s) for key, future in futures.items()}
    found = dict.fromkeys(finding for findings in told.values() for finding in findings or ())
    absent = tuple(key for key, findings in told.items() if findings is None)
    known = tuple(key for key in asked if key not in absent)
    return Examined(known, tuple(_told_once(found)), time.monotonic() - begin, absent)


def unproved_logs(target: Target) -> list[str]:
    """Name the keys of the logs that cannot be proved to be the service's: they log no request of ours."""
    return [f"{each.key.upper()}_LOGS" for each in target.services.values() if "requests" not in each.log_format.shows]


def _answer(key: str, ask: Question) -> list[Finding] | None:
    """Give what is wrong; None where the part is declared absent."""
    try:
        return list(about(key, ask()))
    except NotApplicable:
        return None
    except Inconclusive as error:
        return [parsed(key, str(error))]
    except Exception as error:  # whatever it is, it is told, and the other questions are answered
        return [_unknown(key, f"{type(error).__name__}: {error}")]


def _told(key: str, future: Future[list[Finding] | None], limit_s: float) -> list[Finding] | None:
    if future.done() and not future.cancelled():
        return future.result()
    return [_unknown(key, f"none within {limit_s:g} s")]


def _told_once(findings: Iterable[Finding]) -> list[Finding]:
    """Join the findings on gates and triggers without an answer: Prometheus is away for all of them alike."""
    every = list(findings)
    blind = [each for each in every if each.kind == "not known" and STAGE_FILE in each.subject]
    if len(blind) < 2:
        return every
    one = replace(blind[0], subject=f"{len(blind)} gates and triggers, the first of them {blind[0].subject}")
    return [each for each in every if each not in blind] + [one]


def _unknown(key: str, found: str) -> Finding:
    return Finding(
        "not known", key, "an answer", found, Severity.HIGH, "correct the key, or see why it does not answer"
    )
