"""Stage 21_01a, pre-flight checks."""

import pytest

pytestmark = [pytest.mark.stage_21_01a]


@pytest.mark.signoff
@pytest.mark.checklist("21_01a.preflight.1")
def test_characterization_tests_passed_in_staging(signoff):
    """Characterization tests pass in production environment (staging)."""
    assert signoff("21_01a.preflight.1").name


@pytest.mark.signoff
@pytest.mark.checklist("21_01a.preflight.2")
def test_rollback_plan_is_reviewed(signoff):
    """Rollback plan reviewed."""
    assert signoff("21_01a.preflight.2").name
