"""What a job exports: looked at by a scrape of every instance that began after the question, or not at all."""

import pytest

from acceptance.observe.exported import await_scrape, still_exported
from acceptance.observe.prometheus import Sample
from acceptance.verdict import Inconclusive

NOW = 100.0
JOB = "butler-api"


class Prometheus:
    """Gives, look by look, when each instance was scraped last (0 where it is down), and what is exported."""

    def __init__(self, *scrapes, names=((),)):
        self.scrapes, self.exported = list(scrapes), [set(one) for one in names]
        self.looks = 0

    def clock(self):
        return NOW

    def instant(self, query):
        self.looks += 1
        assert query == f'timestamp(up{{job="{JOB}"}}) * up{{job="{JOB}"}}'
        return [Sample({"instance": str(number)}, at, NOW) for number, at in enumerate(_next(self.scrapes))]

    def names(self, job, prefix, *, used):
        return _next(self.exported)


def _next(looks):
    return looks.pop(0) if len(looks) > 1 else looks[0]


@pytest.mark.parametrize(
    "scrapes",
    [([99], [101]), ([99, 99], [101, 99], [101, 101]), ([101, 0], [102, 102]), ([], [101])],
    ids=["one", "the later of two", "one that was down", "new"],
)
def test_every_instance_is_waited_for(scrapes):
    prometheus = Prometheus(*scrapes)
    await_scrape(prometheus, JOB, 5)
    assert prometheus.looks == len(scrapes)


@pytest.mark.parametrize(
    ("scrapes", "told"),
    [([99], "1 s before"), ([101, 97], "3 s before"), ([101, 0], "one down"), ([], "or none")],
    ids=["old", "one of two is old", "one of two is down", "no instance"],
)
def test_without_a_scrape_of_every_instance_nothing_is_said(scrapes, told):
    with pytest.raises(Inconclusive, match=told):
        await_scrape(Prometheus(scrapes), JOB, 0.2)


def test_what_ends_in_time_is_no_longer_exported():
    old = Prometheus([NOW], names=[("new_total",), ("new_total",), ()])
    assert still_exported(old, JOB, "new_", 5) == set()
    assert still_exported(Prometheus([NOW], names=[("new_total",)]), JOB, "new_", 0.2) == {"new_total"}
