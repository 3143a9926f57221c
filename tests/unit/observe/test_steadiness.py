"""A service that Prometheus sees now and then, or whose counters begin anew, is not seen steadily."""

import pytest

from acceptance.finding import summary
from acceptance.gates.series import Row
from acceptance.observe.steadiness import unsteady
from acceptance.verdict import Inconclusive

GROWS = range(20)


class Server:
    """Gives a sample of each series each second up to now, which is 0."""

    def __init__(self, *series):
        self._rows = [
            Row({"__name__": name, "instance": "bot:1"}, [(at - len(of), value) for at, value in enumerate(of, 1)])
            for name, of in series
            if of
        ]

    def clock(self):
        return 0.0

    def raw(self, selector, start, end):
        assert (selector.count('job="bot"'), start < end) == (1, True)
        return self._rows


def found(up, *counters):
    return unsteady(Server(("up", up), *counters), "bot", -20.0, 0.01)


@pytest.mark.parametrize(
    ("up", "counter", "told"),
    [
        ([1] * 20, GROWS, ""),
        ([0] * 5 + [1] * 15, GROWS, ""),  # it was not up yet
        ([1] * 9 + [0] + [1] * 10, [9, *GROWS], ""),  # chance, and the last answer of the process before
        ([1, 1, 1, 0] * 5, GROWS, "5 of 20 that failed"),
        ([1] * 20, [9, 0] * 10, "began anew 10 times in 20 scrapes"),
    ],
)
def test_what_is_not_seen_steadily_is_named(up, counter, told):
    named = found(up, *[("butler_messages_total", counter)] * 2)  # of two kinds of messages
    assert (told in summary(named), len(named)) == (True, bool(told))


@pytest.mark.parametrize(("later", "told"), [([1] * 16, ""), ([1, 1, 0] * 6, "8 of 26 that failed")])
def test_scrapes_that_fail_while_a_machine_starts_are_looked_at_again(later, told):
    before = [1, 0, 0, 1, 1, 1, 1, 1]
    looks = [Server(("up", before)), Server(("up", before + later))]
    server = Server()
    server.raw = lambda *asked: looks.pop(0).raw(*asked) if len(looks) > 1 else looks[0].raw(*asked)
    named = unsteady(server, "bot", -20.0, 0.01)
    assert (told in summary(named), len(named)) == (True, bool(told))


@pytest.mark.parametrize("up", [[], [1] * 7, [0] * 20], ids=["none", "too few", "never up"])
def test_too_few_scrapes_say_nothing(up):
    with pytest.raises(Inconclusive, match="expected 8 scrapes"):
        found(up)
