"""The record within pytest-html's report: order of the hooks, with and without xdist, and what lies beside it."""

from __future__ import annotations

import hashlib
import json

import pytest

pytest_plugins = ["pytester"]

CONFTEST = """
import pytest
from pathlib import Path
from acceptance.events import EventLog
from fixtures.record import EVENT_LOG, REDACT

LOG = Path("run/events.jsonl")

@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        LOG.parent.mkdir(exist_ok=True)
        config.stash[EVENT_LOG] = LOG.absolute()
        config.stash[REDACT] = lambda text: text.replace("hunter2", "[redacted]")
        EventLog(LOG).append("run.started", ticket="CHG-7", mode="deploy", target_kind="staging")
        plan = [{"nodeid": "test_it.py::test_a", "stage": "21_01c", "phase": "soak", "items": ["21_01c.exit.1"]}]
        EventLog(LOG).append("checks.expected", checks=plan)

def pytest_runtest_logreport(report):
    if report.when == "call" and report.nodeid.endswith("test_a"):
        verdict = "PASS" if report.passed else "FAIL"
        EventLog(LOG).append("check.finished", nodeid="test_it.py::test_a", verdict=verdict)

def pytest_sessionfinish(session):
    if not hasattr(session.config, "workerinput") and not (LOG.parent / "silent").exists():
        EventLog(LOG).append("run.finished", outcome="GO", reasons=["all is well"])

def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        (LOG.parent / "provider.log").write_text("the target's last words")
"""


@pytest.fixture
def project(pytester):
    """A project that writes an event log of its own, as a run of the suite does."""
    pytester.makeconftest(CONFTEST)
    check = ["def test_a(record_property):", "record_property('verdict', 'NOT RUN')", "print('password hunter2')"]
    pytester.makepyfile(test_it="\n    ".join(check))
    return pytester


def run(project, *args):
    return project.runpytest_subprocess(
        "-p", "fixtures.record", "--html=run/record.html", "--self-contained-html", "--junitxml=run/junit.xml", *args
    )


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["plain", "xdist"])
def test_record_comes_first_in_pytest_html_and_the_folder_is_sealed(project, workers):
    """The page holds our outcome before pytest-html's table; record.json, JUnit and manifest lie beside it."""
    assert run(project, *workers).ret == 0
    folder = project.path / "run"
    page = (folder / "record.html").read_text()
    assert page.index("</span> GO</h1>") < page.index('id="results-table"') < page.index("data-jsonblob")
    assert (page.count("&gt;NOT RUN&lt;"), page.count("&gt;Passed&lt;")) == (1, 0), "its own table says our verdict"
    assert '<title id="head-title">GO · CHG-7 · staging · deployment record</title>' in page
    assert json.loads((folder / "record.json").read_text())["outcome"] == "GO"
    listed = dict(reversed(line.split("  ")) for line in (folder / "MANIFEST.sha256").read_text().splitlines())
    assert set(listed) == {
        "ctrf.json",
        "events.jsonl",
        "intoto.json",
        "junit.xml",
        "provider.log",
        "record.html",
        "record.json",
    }
    for name, digest in listed.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name


def test_secrets_do_not_reach_pytest_html(project):
    """Captured output in pytest-html's own table goes through the run's redactor."""
    run(project)
    page = (project.path / "run" / "record.html").read_text()
    assert "password [redacted]" in page
    assert "hunter2" not in page


def test_a_log_without_an_end_is_not_go(project):
    """Nobody wrote run.finished: the page says INTERRUPTED, although pytest itself was green."""
    (project.path / "run").mkdir()
    (project.path / "run" / "silent").touch()
    run(project)
    assert "</span> INTERRUPTED</h1>" in (project.path / "run" / "record.html").read_text()


def test_a_changed_log_is_told_and_not_green(project):
    """A log that does not fit its own chain gives no record, a clear line and a red exit."""
    project.makepyfile(
        test_it="""
        from pathlib import Path
        def test_a():
            log = Path("run/events.jsonl")
            log.write_text(log.read_text().replace("CHG-7", "CHG-8"))
    """
    )
    result = run(project)
    assert result.ret == pytest.ExitCode.INTERNAL_ERROR
    result.stderr.fnmatch_lines(["record: the record could not be rendered from *the log was changed*"])
    assert "NO RECORD" in (project.path / "run" / "record.html").read_text()


def test_without_pytest_html_the_page_is_ours(project):
    """No --html: the folder gets a page all the same."""
    project.runpytest_subprocess("-p", "fixtures.record", "-p", "no:html")
    assert "</span> GO</h1>" in (project.path / "run" / "record.html").read_text()


def test_without_a_run_nothing_is_touched(pytester):
    """Other projects' reports stay pytest-html's."""
    pytester.makepyfile("def test_a(): pass")
    pytester.runpytest_subprocess("-p", "fixtures.record", "--html=record.html", "--self-contained-html")
    assert 'id="record"' not in (pytester.path / "record.html").read_text()
    assert not (pytester.path / "MANIFEST.sha256").exists()
