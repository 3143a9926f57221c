"""A check is held to what it declares, whoever does it for it; outside of checks nothing is refused."""

import threading

import httpx
import pytest
from pymongo import monitoring

from acceptance.effects import Effect, UndeclaredError, about_to, declared
from acceptance.observe.mongo import _Commands
from acceptance.probes.http.client import Caller
from acceptance.probes.http.raw import request
from acceptance.probes.storage import canary

LOOKS = frozenset()


def post(*_):
    Caller("http://x", transport=httpx.MockTransport(lambda _: httpx.Response(200))).post("/p", {})


def upload(*_):
    request("POST", "http://127.0.0.1:1/", {}, [b""], deadline=0)


def plant(folder):
    canary.plant(folder / "canary", b"x")


@pytest.mark.parametrize("act", [post, upload, plant])
def test_a_client_refuses_what_the_check_does_not_declare(act, tmp_path):
    with declared("test_x", LOOKS), pytest.raises(UndeclaredError, match=r"only look.*allows it to write test data"):
        act(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("act", [post, plant])
def test_a_client_does_what_the_check_declares(act, tmp_path):
    with declared("test_x", frozenset({Effect.DATA})) as mine:
        act(tmp_path)
    mine.settle()
    act(tmp_path)  # and outside of checks


def test_what_leaves_nothing_is_no_write():
    transport = httpx.MockTransport(lambda _: httpx.Response(422))
    with declared("test_x", LOOKS):
        assert Caller("http://x", transport=transport).post("/p", {}, writes=False).exchange.status == 422


def test_a_refusal_that_was_swallowed_in_a_thread_fails_the_check():
    def quietly():
        with pytest.raises(UndeclaredError):
            about_to(Effect.RESTART, "it restarts api")

    with declared("test_x", frozenset({Effect.DATA})) as mine:
        thread = threading.Thread(target=quietly)
        thread.start()
        thread.join()
    with pytest.raises(UndeclaredError, match=r"write test data.*found: it restarts api"):
        mine.settle()


@pytest.mark.parametrize(("command", "undeclared"), [("insert", 1), ("find", 0)])
def test_a_write_to_mongodb_fails_the_check(command, undeclared):
    event = monitoring.CommandStartedEvent({command: "c"}, "butler", 1, ("h", 1), 1)
    with declared("test_x", LOOKS) as mine:
        _Commands().started(event)
    assert len(mine.undeclared) == undeclared
