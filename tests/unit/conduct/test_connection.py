"""Run and watchdog talk over a socket; either may find the other one gone."""

import gc
from io import BytesIO
from multiprocessing.connection import Listener, Pipe
from threading import Thread

import pytest

from acceptance.conduct.connection import Line, WatchdogGone, hear, say

VIEW = type(BytesIO().getbuffer().obj)


def views() -> int:
    return sum(type(each) is VIEW for each in gc.get_objects())


def test_a_watchdog_that_is_gone_leaves_nothing_that_ends_python_3_12_1(tmp_path):
    """Its garbage collector ends with a segmentation fault where it meets such a view: in the middle of the undo."""
    with Listener(str(tmp_path / "socket"), family="AF_UNIX") as listener:
        ends = Thread(target=lambda: listener.accept().close())
        ends.start()
        line = Line(tmp_path / "socket")
        ends.join()
        with pytest.raises(WatchdogGone, match=r"BrokenPipeError.*cannot «renew»") as gone:
            line.ask("renew", "21_01c", True)
    assert (views(), type(gone.value.__cause__)) == (0, BrokenPipeError)


def test_a_run_that_is_gone_leaves_none_either():
    ours, theirs = Pipe()
    theirs.close()
    with pytest.raises(BrokenPipeError) as gone:
        say(ours, (1, True, "an answer"))
    assert (views(), gone.type) == (0, BrokenPipeError)  # the error, and what it holds, is still there


def test_what_is_said_is_heard():
    ours, theirs = Pipe()
    say(ours, (1, False, WatchdogGone("why")))
    number, done, error = hear(theirs)
    assert (number, done, type(error), str(error)) == (1, False, WatchdogGone, "why")
