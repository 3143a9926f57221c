"""Run and watchdog talk over a socket; either may find the other one gone."""

import gc
from io import BytesIO
from multiprocessing.connection import Listener
from threading import Thread

import pytest

from acceptance.conduct.connection import Line, WatchdogGone

VIEW = type(BytesIO().getbuffer().obj)


def test_a_watchdog_that_is_gone_leaves_nothing_that_ends_python_3_12_1(tmp_path):
    """Its garbage collector ends with a segmentation fault where it meets such a view: in the middle of the undo."""
    with Listener(str(tmp_path / "socket"), family="AF_UNIX") as listener:
        ends = Thread(target=lambda: listener.accept().close())
        ends.start()
        line = Line(tmp_path / "socket")
        ends.join()
        with pytest.raises(WatchdogGone, match=r"BrokenPipeError.*cannot «renew»") as gone:
            line.ask("renew", "21_01c", True)
    assert [each for each in gc.get_objects() if type(each) is VIEW] == []
    assert type(gone.value.__cause__) is BrokenPipeError  # held until here
