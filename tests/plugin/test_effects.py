"""A check that does more than it declares fails, and what checks declare is known before the run, under xdist too."""

import pytest

GOOD = "def test_good(flag_on): pass\n"
BEYOND = """
from acceptance.probes.http.client import Caller

def test_looks(target): assert target.env_file.is_file()

def test_restarts(stage_work): stage_work.conductor.restart(stage_work.stage, "api")

def test_writes_quietly(target):
    try:
        Caller(target.services["api"].url).post("/api/v1/reviews", {})
    except Exception:
        pass

def test_asks_later(request): request.getfixturevalue("flag_on")

def test_declares(restart): assert restart()[0].proved
"""


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["plain", "xdist"])
def test_a_check_that_does_more_than_it_declares_fails(project, workers):
    project.stage("21_01c", validation=BEYOND)
    description = project.folder / "ops_tests" / "stage_21_01c" / "stage.toml"
    description.write_text(description.read_text().replace("flag = ", "summary = "))
    done = project.run(*workers)
    good = {"test_looks", "test_declares"}
    assert {name for name, verdict in done.verdicts().items() if verdict == "PASS"} == good, done.output
    assert {verdict for name, verdict in done.verdicts().items() if name not in good} == {"FAIL"}, done.output
    assert done.kinds().count("service.restarted") == 1
    assert "let it ask for the fixture that allows it to restart a service" in done.output


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["plain", "xdist"])
def test_what_a_check_declares_is_judged_before_the_run(project, workers):
    """Its phase tells nothing: a check of the preflight that writes is refused where nothing may be changed."""
    closed = project.lab.with_name("closed.env")
    closed.write_text(project.lab.read_text().replace("ALLOW_MUTATIONS=true", "ALLOW_MUTATIONS=false"))
    project.lab = closed
    project.stage("21_01c", preflight="def test_writes(new_id): new_id('x')\n\ndef test_looks(target): pass\n")
    done = project.run(*workers)
    assert (done.code, done.verdicts()) == (13, {}), done.output
    assert "ALLOW_MUTATIONS is not true" in done.output
    done = project.run(*workers, "-k", "looks")
    assert done.verdicts() == {"test_looks": "PASS"}, done.output


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["plain", "xdist"])
def test_a_flag_is_not_switched_on_without_the_check_that_proves_the_new_path(project, workers):
    project.stage("21_01c", flag_on=GOOD)
    description = project.folder / "ops_tests" / "stage_21_01c" / "stage.toml"
    description.write_text(description.read_text().replace("::test_good", "::test_proof"))
    done = project.run(*workers)
    assert (done.code, done.verdicts()) == (4, {}), done.output
    assert "proof: expected a check that asks for flag_on" in done.output
    assert "found no test_proof in test_flag_on.py; add it" in done.output
