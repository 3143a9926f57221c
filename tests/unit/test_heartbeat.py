"""A long wait is told; while a soak is shown it is not."""

import os
import signal
from contextlib import suppress
from types import SimpleNamespace

import pytest

from acceptance.commands.interruption import SIGNALS
from acceptance.polling import poll
from acceptance.stages.board import STATUS
from acceptance.stages.progress import SoakProgress
from fixtures.heartbeat import Heartbeat, pytest_configure
from fixtures.interruption import Interruption
from fixtures.run import LIVE
from fixtures.terminal import soak_teller


@pytest.fixture
def telling(tmp_path):
    """A heartbeat that tells every 0.3 s while the test lasts, and the end that a terminal would show."""
    reader, screen = os.pipe()
    os.set_blocking(reader, False)
    run = SimpleNamespace(folder=tmp_path, events=tmp_path / "events.jsonl")
    heartbeat = Heartbeat(SimpleNamespace(stash={LIVE: SimpleNamespace(run=run)}), screen, 0.3, {"21_01c": 0.005})
    loop = heartbeat.pytest_runtestloop()
    next(loop)
    yield heartbeat, reader
    with suppress(StopIteration):
        loop.send(None)
    os.close(reader)


def said(reader):
    with suppress(BlockingIOError):
        return os.read(reader, 65536).decode()
    return ""


def test_what_takes_long_is_named_again_and_again(telling):
    heartbeat, reader = telling
    assert "getting ready" in poll(lambda: said(reader), lambda text: "getting ready" in text, 5)
    heartbeat.pytest_runtest_logstart("ops_tests/a.py::test_attacks[x]")
    for _ in range(2):
        assert "... test_attacks[x], " in poll(lambda: said(reader), lambda text: "test_attacks[x]" in text, 5)


def test_a_stage_that_takes_longer_than_planned_is_told_once(telling):
    heartbeat, reader = telling
    heartbeat.pytest_runtest_logstart("ops_tests/stage_21_01c/test_soak.py::test_x")
    told = poll(lambda: said(reader), lambda text: "stage 21_01c" in text, 5)
    assert "stage 21_01c takes longer than its planned 0.005 min and goes on" in told
    heartbeat.pytest_runtest_logstart("ops_tests/stage_21_01c/test_soak.py::test_y")
    assert "21_01c" not in poll(lambda: said(reader), lambda text: "test_y, 0" in text, 5)


def test_a_soak_that_is_shown_speaks_for_itself(telling, tmp_path):
    _, reader = telling
    (tmp_path / STATUS).touch()
    said(reader)

    def told_while_it_is_shown():
        (tmp_path / STATUS).touch()
        return said(reader)

    assert poll(told_while_it_is_shown, lambda text: text != "", 0.8) == ""
    assert "getting ready" in poll(lambda: said(reader), lambda text: text != "", 5), (
        "and when it is over, its file stays"
    )


def test_a_terminal_that_is_gone_ends_no_run_as_an_internal_error(tmp_path):
    """ssh broke: after SIGHUP each write would raise, the panel's too."""
    reader, screen = os.pipe()
    output = os.dup(screen)
    live = SimpleNamespace(run=SimpleNamespace(events=tmp_path / "events.jsonl"))
    interruption = Interruption(live, screen, {output})
    interruption.waiting("finish", 3)
    interruption.waiting("rollback", 3)
    interruption.waiting("rollback", 4)
    told = "\nundo, 3 s: removing test data\nundo, 3 s: waiting for the change in progress"
    assert os.read(reader, 1000).decode() == told, "nobody pressed a key; in a log each step stands once in 4 s"
    os.close(reader)
    with pytest.raises(KeyboardInterrupt, match="SIGHUP"):
        interruption._handle(signal.SIGHUP, None)
    assert os.write(output, b"panel") == 5
    os.close(screen)
    os.close(output)


def test_a_signal_after_the_panel_changes_no_exit_code(tmp_path):
    """Somebody pressed twice, and the run was over by then: it died of the signal, where its panel said exit 10."""
    live = SimpleNamespace(run=SimpleNamespace(events=tmp_path / "events.jsonl"))
    interruption = Interruption(live, os.open(os.devnull, os.O_WRONLY))
    before = {number: signal.signal(number, signal.default_int_handler) for number in SIGNALS}
    try:
        interruption.install()
        interruption.pytest_unconfigure()
        for number in SIGNALS:
            signal.raise_signal(number)
    except KeyboardInterrupt:
        pytest.fail("a signal ended what is left of the run")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_folder_that_cannot_be_written_does_not_end_a_soak(tmp_path):
    """What is shown decides nothing."""
    live = SimpleNamespace(run=SimpleNamespace(folder=tmp_path / "gone"))
    plugins = SimpleNamespace(getplugin=lambda _: None)
    tell = soak_teller(SimpleNamespace(stash={LIVE: live}, pluginmanager=plugins))
    tell(SoakProgress("21_01c", 1.0, 2.0))
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize(
    ("verbose", "at_terminal", "told"),
    [(0, False, 30.0), (0, True, 4.0), (-1, True, 4.0), (-2, True, 0), (-1, False, 0)],
)
def test_who_waits_at_a_terminal_is_told_under_q_too(monkeypatch, verbose, at_terminal, told):
    made = []
    monkeypatch.setattr("fixtures.heartbeat.screen_of", lambda _: 1)
    monkeypatch.setattr("fixtures.heartbeat.stages", lambda _: {})
    monkeypatch.setattr("fixtures.heartbeat.is_worker", lambda _: False)
    plugins = SimpleNamespace(
        getplugin=lambda _: SimpleNamespace(isatty=lambda: at_terminal), register=lambda made_, _: made.append(made_)
    )
    live = SimpleNamespace(run=SimpleNamespace(folder=None, events=None))
    pytest_configure(
        SimpleNamespace(stash={LIVE: live}, pluginmanager=plugins, option=SimpleNamespace(verbose=verbose))
    )
    assert sum(each._every_s for each in made) == told
