"""Judge the log of a stage's service with its flag on: the stage's checks rely on what they read there.

The probe before the stage shows the log of the old path. The new path has code of its own, which may log under another
clock, under one trace id for all, twice, or what nobody may read (21_01a.monitor.2, 21_01c.monitor.2, trigger.4).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from acceptance.finding import Finding
from acceptance.observe.log_lines import LogLine
from acceptance.observe.logs import Logs
from acceptance.observe.our_lines import OurLines
from acceptance.probes.attacks.leaks import shown_in, written
from acceptance.stages.log_probe import probe
from acceptance.target.model import Service, Target
from acceptance.target.redaction import known_secrets


def log_findings(
    target: Target,
    service: Service,
    started: datetime,
    begun: datetime,
    change: datetime,
    trace_prefix: str,
    before: Sequence[LogLine] = (),
    restarted: Sequence[tuple[float, float]] = (),
) -> list[Finding]:
    """Name what is wrong with a service's log since its flag was switched on.

    Args:
        target: The deployment.
        service: Whose log.
        started: When the run began.
        begun: When the stage began.
        change: When the flag was about to be switched on.
        trace_prefix: What the trace ids of the run begin with.
        before: What the log held of the stage then: a container that is made anew may begin another.
        restarted: When the suite restarted the service, from and to, unix seconds.

    Raises:
        Inconclusive: The log cannot be read.
    """
    logs = Logs.of(service)
    asked = probe(service, target).findings(target.trace_header) if "requests" in service.log_format.shows else []
    lines = logs.read(started).sure().lines
    anew = not any(line.since(begun) and line.since(change) is False for line in lines)
    of_both = [*before, *lines] if anew else lines
    ours = OurLines.of_stage(logs.source, of_both, begun, change, trace_prefix, restarted)
    known = known_secrets(target)  # none where all secrets are kept elsewhere; 21_01c.security asks for one
    secrets = shown_in([(logs.source, written(lines))], known) if known else []
    return [*asked, *ours.untimely(logs.newest(), started, datetime.now(UTC)), *ours.otherwise(), *secrets]
