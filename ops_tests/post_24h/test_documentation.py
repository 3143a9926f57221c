"""Post-deployment, stakeholder communication and retrospective."""

import pytest

from acceptance.finding import summary
from fixtures.given import Ask, Delivered


@pytest.mark.checklist("post24.communication.1")
def test_summary_email_was_sent(delivered: Delivered, signoff: Ask) -> None:
    """Send deployment summary email: it was handed over after the last stage, and says every rollback."""
    found = delivered("email")
    if found is None:
        assert signoff("post24.communication.1").name
        return
    assert found == [], summary(found)


@pytest.mark.signoff
@pytest.mark.checklist("post48.retrospective.1")
def test_retrospective_is_scheduled(signoff: Ask) -> None:
    """Schedule retro meeting (30 minutes)."""
    assert signoff("post48.retrospective.1").name


@pytest.mark.signoff
@pytest.mark.checklist("post48.retrospective.2")
def test_retrospective_has_its_agenda(signoff: Ask) -> None:
    """Agenda: what went well, what could be improved, action items for the next deployment."""
    assert signoff("post48.retrospective.2").name
