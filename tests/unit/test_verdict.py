"""No verdict at all is none that passes; what an outcome follows from is in `record/test_build.py`."""

from acceptance.verdict import Verdict, worst


def test_no_verdict_at_all_is_not_run():
    assert worst([]) is Verdict.NOT_RUN
