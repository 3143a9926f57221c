"""Stage 21_01c, monitor for 20 minutes."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from acceptance.baseline.response_times import slower
from acceptance.disk import free_bytes
from acceptance.evidence import Evidence
from acceptance.finding import summary
from acceptance.gates.judging import ALPHA
from acceptance.gates.statistics import binomial_tail
from acceptance.observe.store import Document
from acceptance.probes.archives import archives
from acceptance.probes.attacks.attacks import Attacks
from acceptance.probes.storage.directory import as_prepared
from acceptance.probes.storage.kept_archives import KeptArchives
from acceptance.probes.storage.oracle import findings_of_all
from acceptance.stages.soak import SoakReport
from acceptance.verdict import NotApplicable, Verdict
from fixtures.given import TIMES, Before, EvidenceBox, FlagState, Logs, StageWork, Storage, Store, Timed

from .conftest import Refuse, Sent

pytestmark = pytest.mark.soak

EVENTS = ("checksum_failed", "path_traversal", "av_scan_reject")
WRONG_DIGESTS = 0.01
"""The share of uploads that users may declare a wrong digest of; the same as of the gate `checksum-failures`."""


@pytest.mark.checklist("21_01c.monitor.1")
@pytest.mark.parametrize("gate_id", ["write-errors", "checksum-failures", "write-latency-p95"])
def test_gate_holds(gate_id: str, soaked: SoakReport, evidence: EvidenceBox) -> None:
    """Prometheus metrics: the gate holds over the soak."""
    result = soaked.results[gate_id]
    evidence.add(result.evidence())
    assert result.judged().verdict is Verdict.PASS, result.explain()


@pytest.mark.checklist("21_01c.monitor.1")
def test_every_upload_of_the_soak_was_stored(soaked: SoakReport) -> None:
    """Prometheus metrics: what the counters say is true, each upload is on disk."""
    assert soaked.findings == [], summary(soaked.findings)
    assert soaked.sent > 0, "expected requests of ours in the soak, found none"


@pytest.mark.checklist("21_01c.monitor.1")
def test_archives_of_the_stage_are_still_there(soaked: object, kept: KeptArchives) -> None:
    """Prometheus metrics: what was stored since the stage began is there at the end of its soak, byte for byte."""
    found = kept.lost()
    assert found == [], summary(found)


@pytest.mark.checklist("21_01c.monitor.2")
def test_no_unexpected_security_events(
    soaked: SoakReport, flag_on: FlagState, api_logs: Logs, stage_work: StageWork, evidence: EvidenceBox
) -> None:
    """Check logs for security events: beside our own no attack, and no more wrong digests than users make."""
    told = [name for name in EVENTS if stage_work.service.log_format.tells(name)]
    if not told:
        raise NotApplicable("security events: LOG_SHOWS or LOG_EVENTS of the target file say that none is logged")
    start = datetime.fromtimestamp(flag_on.intended, UTC)
    lines = {name: [line.brief() for line in stage_work.foreign(api_logs.since(start, [name]))] for name in told}
    evidence.add(Evidence("log", "security events", {"source": api_logs.source, "since": start, "lines": lines}))
    wrong, uploads = lines.get("checksum_failed", []), soaked.results["checksum-failures"].samples
    unusual = wrong if binomial_tail(len(wrong), uploads, WRONG_DIGESTS) < ALPHA else []
    found = [*lines.get("path_traversal", []), *lines.get("av_scan_reject", []), *unusual]
    assert found == [], f"{len(found)} security events of others beside {uploads} uploads: {'; '.join(found[:5])}"


@pytest.mark.checklist("21_01c.monitor.1")
def test_no_new_errors_in_the_log(
    flag_on: FlagState, soaked: SoakReport, stage_work: StageWork, evidence: EvidenceBox
) -> None:
    """Prometheus metrics, beside them the log: no errors come again and again that were not there before."""
    level = stage_work.log_compared(flag_on)
    evidence.add(level.evidence())
    # A wrong digest or an attack of others is judged above: the old path may not look, and so logs none.
    found = level.new_errors(soaked.start, lambda line: any(map(line.tells_of, (*EVENTS, "size_limit"))))
    assert found == [], summary(found)


@pytest.mark.checklist("21_01c.monitor.2", "trigger.4")
def test_log_is_as_with_the_flag_off(flag_on: FlagState, soaked: object, stage_work: StageWork) -> None:
    """Check logs for security events: our requests stand there as with the flag off, and no secret does."""
    found = stage_work.log_findings(flag_on)
    assert found == [], summary(found)


@pytest.mark.checklist("21_01c.security.1")
def test_wrong_digest_is_still_refused(soaked: object, refuse: Refuse) -> None:
    """Security tests pass: what was refused by a process just started is refused at the end of the soak."""
    found = refuse(archives.good(), event="checksum_failed", declared_sha256=secrets.token_hex(32))
    assert found == [], summary(found)


@pytest.mark.path_traversal
@pytest.mark.checklist("21_01c.security.2")
def test_attacks_have_written_nothing_since(attacks: Attacks, soaked: object) -> None:
    """Security tests pass: nothing of the attacks was written later either, by a queue or a background task."""
    found = attacks.written_late()
    assert found == [], summary(found)


@pytest.mark.checklist("21_01c.preflight.3")
def test_virus_is_still_refused(soaked: object, refuse: Refuse, av_enabled: None) -> None:
    """Security tests pass: uploads are scanned at the end of the soak, as when the process was just started."""
    found = refuse(archives.eicar_zip(), event="av_scan_reject", status=422)
    assert found == [], summary(found)


@pytest.mark.checklist("21_01c.preflight.1")
def test_storage_directory_is_as_it_was_prepared(soaked: object, storage: Storage) -> None:
    """Storage directories prepared: owner and mode are the same with the new adapter."""
    found = as_prepared(storage)
    assert found == [], summary(found)


@pytest.mark.checklist("21_01c.monitor.3")
def test_disk_has_room(soaked: object, storage: Storage) -> None:
    """Disk usage: more than 10 GB are free."""
    free, least = free_bytes(storage.root), storage.min_free_bytes
    assert free > least, f"expected more than {least:,} bytes free at {storage.root}, found {free:,}; make room"


@pytest.mark.checklist("21_01c.monitor.1", "trigger.2")
def test_latency_is_at_most_twice_the_baseline(
    times_on: Sequence[float], time_requests: Timed, before: Before, stage_work: StageWork
) -> None:
    """Latency >2x baseline: the same requests take at most twice as long as with the flag off."""
    found = slower(stage_work.service.name, before.all(TIMES), times_on, time_requests)
    assert found == [], summary(found)


@pytest.mark.checklist("21_01c.monitor.1", "trigger.5")
def test_service_ran_through(soaked: object, stage_work: StageWork) -> None:
    """Services restart only when they are told to: since flag-on neither this one did, nor any other."""
    found = stage_work.restarted_unasked()
    assert found == [], summary(found)


@pytest.mark.checklist("21_01c.monitor.1")
def test_every_upload_of_the_soak_is_recorded(
    soaked: object, soak_uploads: list[Sent], mongo: Store, storage: Storage
) -> None:
    """Prometheus metrics: what the counters say is true, each upload has its one document, each field of it right."""
    found = findings_of_all(soak_uploads, mongo, storage.root)
    assert (len(soak_uploads) > 0, found) == (True, []), (
        summary(found) if found else "no upload of the soak was accepted"
    )


@pytest.mark.checklist("21_01c.monitor.1")
def test_metrics_keep_to_the_label_standard(
    soaked: SoakReport, stage_work: StageWork, submitted: object, stored_of_run: list[Document]
) -> None:
    """Prometheus metrics: each operation is counted and timed, its bytes too, and no label is an id."""
    found = stage_work.metric_findings(soaked, ("save_new", "save_previous", "save_logs"))
    found += stage_work.uncounted_bytes(soaked, stored_of_run)
    assert found == [], summary(found)


@pytest.mark.checklist("21_01c.monitor.1")
def test_requests_leave_nothing_behind(soaked: SoakReport, stage_work: StageWork) -> None:
    """Prometheus metrics: neither open files nor memory grow with the requests of the soak."""
    found = stage_work.grown(soaked)
    assert found == [], summary(found)
