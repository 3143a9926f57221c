"""Post-deployment, stakeholder communication and retrospective."""

import pytest

from acceptance.evidence import Evidence
from acceptance.record.messages import summaries, summary_email

pytestmark = [pytest.mark.post_24h]

SECTIONS = ("**What Changed**:", "**Results**:", "**Next Steps**:")


@pytest.mark.checklist("post24.communication.1")
def test_summary_email_is_generated(record, run, deployment, evidence):
    """Send deployment summary email: it is there, says how it ended, what changed, and every rollback."""
    email = summary_email(record)
    text = f"Subject: {email['Subject']}\n\n{email.get_content()}"
    evidence.add(Evidence("document", "summary e-mail, as of now", {"text": text}))
    kept = [summaries()[stage.id] for stage in record.stages if stage.id in summaries() and stage.kept]
    undone = [f"- Rolled back: stage {each.stage}, " for each in record.rollbacks if not each.routine]
    facts = [str(record.outcome), deployment.began[:10], run.operator, *SECTIONS, *kept, *undone]
    missing = [fact for fact in facts if fact not in text]
    assert missing == [], f"expected {missing} in the e-mail, found: {text}"


@pytest.mark.signoff
@pytest.mark.checklist("post48.retrospective.1")
def test_retrospective_is_scheduled(signoff):
    """Schedule retro meeting (30 minutes)."""
    assert signoff("post48.retrospective.1").name


@pytest.mark.signoff
@pytest.mark.checklist("post48.retrospective.2")
def test_retrospective_has_its_agenda(signoff):
    """Agenda: what went well, what could be improved, action items for the next deployment."""
    assert signoff("post48.retrospective.2").name
