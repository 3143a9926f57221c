"""What no service can serve is refused, as the old path did."""

import httpx
import pytest

from acceptance.probes.http.client import Caller
from acceptance.probes.odd_requests import ODD, odd_answers, odd_findings


@pytest.mark.parametrize("key", ODD)
def test_each_odd_request_is_sent_and_its_status_kept(key):
    service = Caller("http://service", transport=httpx.MockTransport(lambda _: httpx.Response(422)))
    assert odd_answers(service, key, "nobody") == dict.fromkeys(ODD[key], 422)


@pytest.mark.parametrize(
    ("now", "before", "told"),
    [
        ({"no user": 422}, None, []),
        ({"no user": 422}, {"no user": 422}, []),
        ({"no user": 500}, {"no user": 500}, []),
        ({"an unknown task": 404}, {"an unknown task": 404}, []),
        ({"no user": 500}, None, ["expected a 4xx, found 500"]),
        ({"no user": None}, None, ["expected a 4xx, found None"]),
        ({"no user": 200}, {"no user": 422}, ["expected 422, as by the old path, found 200"]),
        ({"an unknown task": 200}, {"an unknown task": 200}, ["expected 404, found 200"]),
    ],
)
def test_other_answers_are_named(now, before, told):
    assert [str(each).partition(": ")[2] for each in odd_findings(now, before)] == told
