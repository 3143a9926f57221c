"""Find one request of ours in the service's log before anything is changed.

It shows that this is the log of the running service, that its lines are read in the form that they have, how far its
clock is from ours, and whether our requests can be told from others'. Source: checklist items 21_01a.monitor.2 and
21_01c.monitor.2, which prove nothing on a log that tells of nothing.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from acceptance.evidence import Evidence
from acceptance.finding import Finding
from acceptance.observe.log_comparison import say_level
from acceptance.observe.log_lines import LogLine
from acceptance.observe.logs import Logs
from acceptance.observe.our_lines import CLOCKS
from acceptance.polling import poll
from acceptance.probes.http.client import Caller
from acceptance.target.model import Service, Target

_PATIENCE_S = 7.0
_TRACE_DIGITS = 16


@dataclass(frozen=True)
class Probed:
    """What became of the request.

    Attributes:
        service: Whose log.
        path: What was asked for; nothing is there.
        sent: When it was sent.
        answered: When its answer was there.
        line: Its line in the log; None when there is none.
        traced: Whether the line has the trace id that we sent.
        refused: The status by which the service refused our login, 401 or 403; None where it did not.
    """

    service: Service
    path: str
    sent: datetime
    answered: datetime
    line: LogLine | None
    traced: bool
    refused: int | None = None

    @property
    def ahead(self) -> timedelta:
        """How far the log's clock is ahead of ours (below nought: behind), given that the answer took its time."""
        if not self.line or not self.line.at:
            return timedelta(0)
        early, late = self.sent - self.line.at - self.line.exact, self.line.at - self.answered
        return -early if early > timedelta(0) else max(late, timedelta(0))

    def evidence(self) -> Evidence:
        """Give it for the record."""
        line = self.line
        other = "not ours" if line and line.trace_id else "none"
        told = {
            "source": self.service.logs,
            "format": self.service.log_format.kind,
            "clock": f"{self.ahead.total_seconds():+.1f} s from ours",
            "trace id": "ours" if self.traced else other,
            "lines": [line.text] if line else [],
        }
        return Evidence("log", f"our GET {self.path} in the log of {self.service.name}", told)

    def findings(self, trace_header: str) -> list[Finding]:
        """Name what keeps the log from being believed."""
        source, line = self.service.logs, self.line
        key = self.service.key.upper()
        if line is None:
            expected = f"a line of our GET {self.path} in {source} within {_PATIENCE_S:.0f} s"
            found = "none"
            step = f"see that it is the running service's log and that it logs requests, or correct {key}_LOG_SHOWS"
            if self.refused:  # what logs the requests may stand behind the login
                ours = "its login was refused" if self.service.headers else "it had no login"
                found = f"none: the request was answered {self.refused}, {ours}"
                step = f"correct SERVICE_LOGIN or {key}_LOGIN, and LOGIN_HEADER; else {step}"
            return [Finding("no log line", "", expected, found, next_step=step)]
        if line.at is None:
            expected = f"a time in the line of our request, as {self.service.log_format.kind} has it"
            step = (
                f"set {key}_LOG_FORMAT, {key}_LOG_FIELDS or {key}_LOG_PATTERN to what it is; where only lines of "
                f"requests have no time, leave `requests` out of {key}_LOG_SHOWS"
            )
            return [Finding("no time", "", expected, f"none: {line.text[:160]!r}", next_step=step)]
        if line.figure:
            expected = "a level in a known word, or in numbers of a named scheme, in the line of our request"
            step = f"{say_level(line.figure)} in {key}_LOG_FIELDS"
            return [Finding("level of any scheme", "", expected, f"{line.figure}: {line.text[:160]!r}", next_step=step)]
        if abs(self.ahead) > CLOCKS:
            expected = f"our request of {self.sent:%H:%M:%S} UTC at most {CLOCKS.seconds} s from its time"
            found = f"it {self.ahead.total_seconds():+.0f} s away: {line.text[:160]!r}"
            both = "see that both hosts keep time (chronyc tracking, timedatectl)"
            step = f"{both}, or set {key}_LOG_ZONE if its times name no zone"
            return [Finding("other time", "", expected, found, next_step=step)]
        if trace_header and line.trace_id and not self.traced:
            found = f"{line.trace_id}: our own attacks could not be told from others'"
            step = "set TRACE_HEADER to the header that the service reads, or leave it empty"
            return [
                Finding("other trace id", "", f"the trace id that we sent in {trace_header}", found, next_step=step)
            ]
        return []


def probe(service: Service, target: Target) -> Probed:
    """Send one request to a service and look for it in its log; reads, and asks for a page that is not there.

    Raises:
        Inconclusive: The log cannot be read.
    """
    mark = secrets.token_hex(_TRACE_DIGITS // 2)
    path, logs = f"/ops-{mark}", Logs.of(service)
    sent = datetime.now(UTC)
    status = Caller.of(service, target, mark).get(path).exchange.status
    answered = datetime.now(UTC)

    def find() -> LogLine | None:
        lines = [each for each in logs.newest() if each.trace_id.startswith(mark) or each.mentions(mark)]
        return next((each for each in lines if each.mentions(path)), lines[0] if lines else None)

    line = poll(find, lambda found: found is not None, _PATIENCE_S)
    traced, refused = bool(line and line.trace_id.startswith(mark)), status if status in (401, 403) else None
    return Probed(service, path, sent, answered, line, traced, refused)
