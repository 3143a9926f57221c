"""The flow of a stage, whatever ends it. Each test runs a small project of checks against a real lab."""

import re
import signal

import pytest

from acceptance.polling import poll
from acceptance.record.verify import verify
from acceptance.run_folder import at_work

GOOD = "def test_good(flag_on): assert flag_on.restarted.proved\n"
BAD = "def test_bad(flag_on): assert 'seen' == 'expected', '5 % of %%32'\n"
BLIND = "from acceptance.verdict import Inconclusive\ndef test_blind(flag_on): raise Inconclusive('no series')\n"
LATER = "def test_later(flag_on): pass\n"
WAIT = """
def test_waits(flag_on, tmp_path_factory):
    pathlib.Path('waiting').touch()
    time.sleep(300)
"""


def test_phases_run_in_order_and_the_flag_is_restored(project):
    project.stage("21_01c", soak=LATER, flag_on=GOOD, preflight="def test_first(): pass\n")
    done = project.run("ops_tests/stage_21_01c/test_soak.py", "ops_tests/stage_21_01c")
    assert (done.code, list(done.verdicts())) == (10, ["test_first", "test_good", "test_later"]), done.output
    assert "flag.restored" in done.kinds()


def test_first_failure_rolls_back_once_and_the_rest_is_not_run(project):
    project.stage("21_01c", flag_on=GOOD + BAD + LATER, soak="def test_soak(flag_on): pass\n")
    done = project.run()
    assert done.verdicts() == {"test_good": "PASS", "test_bad": "FAIL", "test_later": "NOT RUN", "test_soak": "NOT RUN"}
    assert done.of("check.finished")[1]["reason"] == "5 % of %%32"
    assert done.kinds().count("rollback.started") == 1
    assert (done.code, done.outcome) == (1, "NO-GO")
    assert "1 failed, 1 passed, 2 not run" in done.output


def test_dependent_stage_is_not_started_and_an_independent_one_is(project):
    project.stage("21_01a", flag_on=BAD)
    project.stage("21_01b", depends=["21_01a"], flag_on="def test_dependent(flag_on): pass\n")
    project.stage("21_01c", flag_on="def test_independent(flag_on): pass\n")
    done = project.run()
    assert done.verdicts() == {"test_bad": "FAIL", "test_dependent": "NOT RUN", "test_independent": "PASS"}
    assert "stage 21_01a, on which it depends, is not good" in str(done.events)


def test_not_seeing_rolls_back_and_has_its_own_exit_code(project):
    project.stage("21_01c", flag_on=BLIND + LATER)
    done = project.run()
    assert (done.code, done.outcome) == (10, "INCONCLUSIVE"), done.output
    assert done.verdicts() == {"test_blind": "INCONCLUSIVE", "test_later": "NOT RUN"}


@pytest.mark.parametrize("says", ["assert 'seen' == 'expected'", "raise Inconclusive('none')"], ids=["failed", "blind"])
def test_check_under_which_a_trigger_rolls_back_says_so_first(project, says):
    body = f"""
from acceptance.verdict import Inconclusive, Verdict
def test_cut(flag_on, stage_work):
    stage_work.end(Verdict.FAIL, "trigger write-failures: found 0.5")
    {says}
"""
    done = project.stage("21_01c", flag_on=body).run()
    assert done.verdicts() == {"test_cut": "INCONCLUSIVE"}, done.output
    reason = done.of("check.finished")[0]["reason"]
    assert reason.startswith("cut short: trigger write-failures: found 0.5; the check itself says: "), reason


def test_stop_at_first_failure_rolls_back(project):
    done = project.stage("21_01c", flag_on=BAD + LATER).run("-x")
    assert "rollback.finished" in done.kinds(), done.output


def test_error_in_set_up_rolls_back(project):
    body = "@pytest.fixture\ndef broken(flag_on): raise OSError('disk')\ndef test_x(broken): pass\n" + LATER
    done = project.stage("21_01c", flag_on=body).run()
    assert done.verdicts() == {"test_x": "FAIL", "test_later": "NOT RUN"}, done.output


def test_deploy_keeps_the_flag_of_an_accepted_stage(project):
    accept = "def test_accepted(flag_on, stage_work): assert stage_work.conductor.accept('21_01c')\n"
    done = project.stage("21_01c", exit_gate=accept).run("--mode", "deploy")
    kept = project.flags()
    file = project.target.env_file
    file.write_text(file.read_text().replace("USE_NEW_STORAGE_ADAPTER=true", "USE_NEW_STORAGE_ADAPTER=false"))
    assert (done.outcome, kept) == ("GO", ["USE_NEW_STORAGE_ADAPTER"]), done.output


def interrupted(project, number):
    process = project.stage("21_01c", flag_on=WAIT).start()
    assert poll(lambda: (project.folder / "waiting").exists(), bool, 120), "the check was not begun"
    assert project.flags() == ["USE_NEW_STORAGE_ADAPTER"]
    process.send_signal(number)
    return process


def test_ctrl_c_rolls_back_and_is_recorded(project):
    done = project.finish(interrupted(project, signal.SIGINT))
    assert (done.code, done.outcome) == (2, "INTERRUPTED"), done.output


def test_sigterm_rolls_back_and_is_recorded(project):
    done = project.finish(interrupted(project, signal.SIGTERM))
    assert (done.code, done.outcome) == (2, "INTERRUPTED"), done.output
    assert "SIGTERM" in done.of("run.finished")[0]["reasons"][0]


def test_output_that_nobody_reads_any_more_ends_the_run_as_a_signal_does(project):
    waits = "\n    pathlib.Path('waiting').touch()\n    while os.path.exists('waiting'): time.sleep(0.1)\n"
    process = project.stage("21_01c", flag_on=f"def test_waits(flag_on):{waits}{LATER}").start()
    assert poll((project.folder / "waiting").exists, bool, 120), "the check was not begun"
    [folder] = (project.folder / "out").iterdir()
    assert at_work(folder), "others are told that it is in progress"
    process.stdout.close()
    process.stdout = None
    (project.folder / "waiting").unlink()
    done = project.finish(process)
    assert (done.code, done.outcome, done.kinds().count("rollback.finished")) == (2, "INTERRUPTED", 1)
    assert "SIGPIPE" in done.of("run.finished")[0]["reasons"][0]
    assert (at_work(folder), verify(folder)) == ("", [])
    again = project.run("-k", "later")
    assert again.of("run.started")[0]["follows"] == done.of("run.started")[0]["run_id"]


def test_sigkill_leaves_the_undo_to_the_watchdog(project):
    done = project.finish(interrupted(project, signal.SIGKILL))
    assert done.code == -signal.SIGKILL
    assert poll(project.flags, lambda on: on == [], 120) == []
    poll(project.journal_is_closed, bool, 120)


def test_second_run_is_told_who_holds_the_target(project):
    process = interrupted(project, 0)
    second = project.run("-k", "waits")
    process.send_signal(signal.SIGINT)
    project.finish(process)
    assert second.code == 13
    assert re.search(r"target in use: run .* \(process \d+\), since .* UTC; ", second.output), second.output


def test_xdist_keeps_a_stage_on_one_worker(project):
    project.stage("21_01c", flag_on=GOOD + BAD + LATER, preflight="def test_first(): pass\n")
    done = project.run("-n", "2")
    assert done.verdicts() == {"test_first": "PASS", "test_good": "PASS", "test_bad": "FAIL", "test_later": "NOT RUN"}
    assert done.kinds().count("rollback.started") == 1


@pytest.mark.parametrize("workers", ["1", "2"])
def test_worker_that_dies_is_rolled_back(project, workers):
    """What was under way is inconclusive, and nothing else is begun: a new worker would find a stage that has ended."""
    body = "def test_dies(flag_on): os.kill(os.getpid(), signal.SIGKILL)\n" + LATER
    done = project.stage("21_01c", flag_on=body).run("-n", workers)
    assert (done.code, done.outcome, done.verdicts()) == (10, "INCONCLUSIVE", {"test_dies": "INCONCLUSIVE"}), (
        done.output
    )
    assert (done.kinds().count("rollback.finished"), "worker 'gw" in done.of("check.finished")[0]["reason"]) == (
        1,
        True,
    )


@pytest.mark.parametrize("options", [["--sw"], ["-n", "2", "--maxfail=1"], ["-x"]], ids=" ".join)
def test_session_that_a_failure_stops_is_no_go(project, options):
    done = project.stage("21_01c", flag_on=GOOD + BAD + LATER).run(*options)
    assert (done.code, done.outcome) == (1, "NO-GO"), done.output
    assert done.kinds().count("rollback.finished") == 1


SHUFFLES = """
@pytest.hookimpl({how})
def pytest_collection_modifyitems(items):
    {act}
"""


@pytest.mark.parametrize(("how", "act"), [("tryfirst=True", "items.reverse()"), ("trylast=True", "items.reverse()")])
def test_own_order_is_kept(project, how, act):
    project.stage("21_01c", flag_on=GOOD + LATER, preflight="def test_first(): pass\n")
    (project.folder / "shuffles.py").write_text("import pytest\n" + SHUFFLES.format(how=how, act=act))
    done = project.run("-p", "shuffles", "ops_tests/stage_21_01c/test_flag_on.py::test_later", "ops_tests")
    assert list(done.verdicts()) == ["test_first", "test_good", "test_later"], done.output


def test_plugin_that_orders_after_us_is_refused_by_name(project):
    project.stage("21_01c", flag_on=GOOD + LATER)
    (project.folder / "late.py").write_text(
        "import pytest\ndef pytest_sessionstart(session): session.config.pluginmanager.register(Late(), 'latecomer')\n"
        "class Late:\n  @pytest.hookimpl(wrapper=True, tryfirst=True)\n"
        "  def pytest_collection_modifyitems(self, items):\n    yield\n    items.reverse()\n"
    )
    done = project.run("-p", "late")
    assert (done.code, done.of("flag.changing"), "latecomer" in done.output) == (13, [], True), done.output
