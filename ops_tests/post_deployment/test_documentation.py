"""Post-deployment, documentation and backup clean-up: what is generated, and what is kept."""

from datetime import UTC, datetime

import pytest

from acceptance.backup.retention import retention
from acceptance.evidence import Evidence
from acceptance.record.messages import deployment_log, ops_post
from acceptance.verdict import Inconclusive

pytestmark = [pytest.mark.post_deployment]

KEEP_DAYS = 7
LINES = ("Date", "Duration", "Issues", "Rollbacks", "Deployed by", "Validated by")


@pytest.fixture
def facts(record, run, deployment, deployed):
    """What each text must hold: the day, who deployed, and which stages."""
    return [deployment.began[:10], run.operator, *(["21_01"] if deployed else [])]


@pytest.mark.checklist("post.documentation.1")
def test_deployment_log_entry_is_generated(record, facts, evidence):
    """Update deployment log: its entry is there, with the checklist's six lines and the facts of all its runs."""
    text = deployment_log(record)
    evidence.add(Evidence("document", "deployment log entry, as of now", {"text": text}))
    lines = [f"- **{line}**: " for line in LINES]
    missing = [fact for fact in [*lines, *facts] if fact not in text]
    # In its own line: the entry's title names the stages too.
    told = next((line for line in text.splitlines() if line.startswith("- **Rollbacks**: ")), "")
    undone = [f"stage {each.stage}, " for each in record.rollbacks if not each.routine]
    missing += [f"rollback of {stage}" for stage in undone if stage not in told]
    assert missing == [], f"expected {missing} in the entry, found: {text}"


@pytest.mark.checklist("post.documentation.2")
def test_ops_post_is_generated(record, facts, evidence):
    """Post to `#ops-shared`: it is there, and says how it stands and every rollback."""
    text = ops_post(record)
    evidence.add(Evidence("document", "post for #ops-shared, as of now", {"text": text}))
    told = "Complete" if record.outcome == "GO" else str(record.outcome)
    undone = [f"- Rolled back: stage {each.stage}, " for each in record.rollbacks if not each.routine]
    missing = [fact for fact in [told, *facts[2:], *undone] if fact not in text]
    assert missing == [], f"expected {missing} in the post, found: {text}"


@pytest.mark.checklist("post.backup.1")
def test_backups_are_kept_for_seven_days(target, evidence):
    """Retain backups for 7 days: what is kept and what is too old (a dry run); this deployment's holds something."""
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
