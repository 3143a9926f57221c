"""Post-deployment, documentation and backup clean-up: what was written and sent, and what is kept."""

from datetime import UTC, datetime

import pytest

from acceptance.backup.making import load
from acceptance.backup.restoring import backup_findings
from acceptance.backup.retention import MANIFEST, retention
from acceptance.evidence import Evidence
from acceptance.finding import Finding, summary
from acceptance.verdict import Inconclusive
from fixtures.given import Ask, Delivered, EvidenceBox, Target

KEEP_DAYS = 7


@pytest.mark.checklist("post.documentation.1")
def test_deployment_log_has_its_entry(logged: list[Finding] | None, signoff: Ask) -> None:
    """Update deployment log: the file holds the entry, with the checklist's lines, every stage and every rollback."""
    if logged is None:
        assert signoff("post.documentation.1").name
        return
    assert logged == [], summary(logged)


@pytest.mark.checklist("post.documentation.2")
def test_ops_post_was_sent(delivered: Delivered, signoff: Ask) -> None:
    """Post to `#ops-shared`: it was delivered after the last stage, and says every rollback."""
    found = delivered("post")
    if found is None:
        assert signoff("post.documentation.2").name
        return
    assert found == [], summary(found)


@pytest.mark.checklist("post.backup.1")
def test_backups_are_kept_for_seven_days(target: Target, evidence: EvidenceBox) -> None:
    """Retain backups for 7 days: what is kept and what is too old (a dry run); this deployment's is still whole."""
    found = retention(target.backup_dir, KEEP_DAYS, datetime.now(UTC), dry_run=True)
    names = {"kept": [path.name for path in found.kept], "too old": [path.name for path in found.removed]}
    evidence.add(Evidence("files", f"backups in {target.backup_dir}", names))
    # The newest is never removed, so that it is there does not say that it is this deployment's.
    recent = [path for path in found.kept if path not in found.spared]
    if not recent:
        raise Inconclusive(
            f"{target.backup_dir}: expected the backup of this deployment, found none of the last {KEEP_DAYS} days; "
            "older ones: " + (", ".join(names["kept"]) or "none")
        )
    assert any(recent[-1].iterdir()), f"expected files in {recent[-1]}, found none"
    changed = backup_findings(load(recent[-1])) if (recent[-1] / MANIFEST).is_file() else []
    assert changed == [], f"{recent[-1].name}: {summary(changed)}"
