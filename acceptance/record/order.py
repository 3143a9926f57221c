"""Put runs in the order in which they followed one another, also where the clock was turned back between them. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

One = TypeVar("One")


@dataclass(frozen=True, order=True)
class Place:
    """Where a run belongs.

    Attributes:
        at: When it began by its clock, RFC 3339.
        name: Of its folder, for runs of the same second.
        run_id: Its id.
        follows: Id of the target's run that was the last one when it began; empty where it does not say.
    """

    at: str
    name: str
    run_id: str = ""
    follows: str = ""


def in_order(runs: Iterable[One], place_of: Callable[[One], Place]) -> list[One]:
    """Sort runs: each after the one that it found there, and else by their clocks."""
    places = [(place_of(run), number, run) for number, run in enumerate(runs)]
    here = {place.run_id for place, *_ in places} - {""}
    free = [each for each in places if each[0].follows not in here]
    later: dict[str, list[tuple[Place, int, One]]] = {}
    for each in places:
        if each[0].follows in here:
            later.setdefault(each[0].follows, []).append(each)
    heapq.heapify(free)
    order = []
    while free or later:
        if not free:  # they name one another in a circle: somebody changed them
            free = sorted(each for waiting in later.values() for each in waiting)
            later = {}
        place, _, run = heapq.heappop(free)
        order.append(run)
        for each in later.pop(place.run_id, []):
            heapq.heappush(free, each)
    return order
