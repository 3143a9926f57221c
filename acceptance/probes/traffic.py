"""Send a little timed traffic to every service, so that a silent deployment has something to show.

Source: checklist items 21_00.checklist.2 and .5, post24.monitoring.1; contract, "HTTP".
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from acceptance.probes.archives.archives import good
from acceptance.probes.clients import Clients
from acceptance.probes.homework.worker import LIST_PATH
from acceptance.probes.storage.uploads import Upload
from acceptance.target.model import ServiceKey, Target

Send = Callable[[], tuple[float, str]]
"""Sends one request; returns its seconds, and what was wrong with the answer, or nothing."""


def drive(
    target: Target, seconds: float, *, new_id: Callable[[str], str], trace_prefix: str, least: int = 0
) -> dict[str, tuple[Probe, ...]]:
    """Send requests to all services side by side for `seconds`.

    Args:
        target: Each service gets at most its `traffic_per_minute`.
        seconds: Length.
        new_id: Makes the id of a test user.
        trace_prefix: First half of every trace id.
        least: Requests to each service, however long they take.

    Returns:
        By the service's name, in the order sent.
    """
    sends = senders(target, new_id, trace_prefix)
    until = time.time() + seconds
    with ThreadPoolExecutor(len(sends)) as pool:
        running = {
            name: pool.submit(_steady, send, until, 60 / target.traffic_per_minute, least)
            for name, send in sends.items()
        }
        return {name: probes.result() for name, probes in running.items()}


def senders(target: Target, new_id: Callable[[str], str], trace_prefix: str) -> Mapping[str, Send]:
    """Give one kind of request for each service, by its name: a message, a list of homework, an upload."""
    clients = Clients(target, trace_prefix)

    def message() -> tuple[float, str]:
        turn = clients.butler.say(new_id("baseline"), "Hello")  # 200 with an error text is no good answer
        return turn.exchange.elapsed_s, _line("; ".join(map(str, turn.findings())))

    def homework() -> tuple[float, str]:
        called = clients.caller("worker").get(LIST_PATH, student_id=new_id("baseline"), days=7)
        good = called.exchange.status == 200 and called.get("commits") is not None
        fault = "" if good else f"expected 200 with commits, found {called.exchange.explain()}"
        return called.exchange.elapsed_s, _line(fault)

    def upload() -> tuple[float, str]:
        answer = clients.uploader.send(Upload(new_id("baseline"), "hw00", good()))
        return answer.elapsed_s, "" if answer.status == 201 else _line(f"expected 201, found {answer.explain()}")

    sends: dict[ServiceKey, Send] = {"bot": message, "worker": homework, "api": upload}
    return {service.name: sends[key] for key, service in target.services.items()}


def _line(text: str) -> str:
    return " ".join(text.split())


def in_turn(send: Send, count: int, pause: float) -> tuple[Probe, ...]:
    """Send so many requests, one every `pause` seconds."""
    return _steady(send, time.time(), pause, count)


def _steady(send: Send, until: float, pause: float, least: int) -> tuple[Probe, ...]:
    """Send one request every `pause` seconds; one that takes longer is followed by the next at once."""
    probes: list[Probe] = []
    idle = threading.Event()
    due = time.time()
    while (now := time.time()) < until or len(probes) < least:
        probes.append(Probe(now, *send()))
        due = max(due + pause, time.time())
        idle.wait(max(0.0, (due if len(probes) < least else min(due, until)) - time.time()))
    return tuple(probes)


@dataclass(frozen=True)
class Probe:
    """One request of our own: when (unix seconds), how long, and what was wrong with the answer, or nothing."""

    at: float
    seconds: float
    fault: str = ""
