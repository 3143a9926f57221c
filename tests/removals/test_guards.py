"""Every guard is missed by a test when it is gone; the rows are in ``guards.toml``."""

import pytest

from removals.guards import load
from removals.trials import trials


@pytest.fixture(scope="session")
def tried(tmp_path_factory, request):
    """The chosen rows, all under way."""
    parameters = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    chosen = [each["guard"] for each in parameters if "guard" in each]
    with trials(chosen, tmp_path_factory.mktemp("removals")) as under_way:
        yield under_way


@pytest.mark.parametrize("guard", load(), ids=str)
def test_removal_is_noticed(tried, guard):
    trial = tried[guard].result()
    if trial.with_it.kind == "skipped":
        pytest.skip(f"{guard.test} is skipped here: {trial.with_it.said}")
    assert trial.fault() == "", guard.why
