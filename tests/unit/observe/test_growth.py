"""What a service holds must not grow with its requests."""

import pytest

from acceptance.observe import growth
from acceptance.observe.growth import grown
from acceptance.observe.prometheus import Sample
from acceptance.verdict import NotApplicable

MIB = 2**20


class Server:
    def __init__(self, **held):
        self._held = held

    def instant(self, query, at=None):
        found = next((pair for metric, pair in self._held.items() if metric in query), None)
        return [Sample({}, found[at is None], 0.0)] if found else []


@pytest.fixture(autouse=True)
def scraped(monkeypatch):
    monkeypatch.setattr(growth, "await_scrape", lambda *_: None)


@pytest.mark.parametrize(
    ("held", "sent", "kinds"),
    [
        ({"fds": (20, 148), "resident_memory": (100 * MIB, 384 * MIB)}, 100, []),
        ({"fds": (20, 149)}, 100, ["left open"]),
        ({"fds": (20, 520)}, 1000, []),
        ({"fds": (20, 521)}, 1000, ["left open"]),
        ({"resident_memory": (100 * MIB, 385 * MIB)}, 100, ["memory grows"]),
        ({"resident_memory": (1000 * MIB, 1400 * MIB)}, 100, []),
        ({"fds": (20, 20), "virtual_memory": (1000 * MIB, 5000 * MIB)}, 600, []),
        ({"fds": (20, 20), "virtual_memory": (1000 * MIB, 5800 * MIB)}, 600, ["threads left"]),
        ({"fds": (20, 20), "virtual_memory": (1000 * MIB, 5800 * MIB)}, 3000, []),
    ],
)
def test_what_has_grown_is_named(held, sent, kinds):
    assert [each.kind for each in grown(Server(**held), "bot", 0.0, sent, 1.0)] == kinds


def test_a_service_that_does_not_say_what_it_holds_is_not_compared():
    with pytest.raises(NotApplicable, match="exports neither"):
        grown(Server(), "bot", 0.0, 100, 1.0)
