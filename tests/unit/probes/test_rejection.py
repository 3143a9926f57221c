"""A refusal is proper with the contract's own status, nothing kept, nothing told, and its event logged."""

from pathlib import Path

import pytest

from acceptance.probes.http.exchange import Exchange
from acceptance.probes.storage.rejection import Refusal


def refusal(status, kept=(), events=("checksum_failed",), body='{"detail": "no"}'):
    exchange = Exchange("POST", "http://here/api/v1/reviews", status, "", {}, body, 0.1, 9, "t1")
    return Refusal("half a zip", exchange, kept, events)


@pytest.mark.parametrize(
    ("seen", "kinds"),
    [
        (refusal(400), []),
        (refusal(422), []),
        (refusal(415), ["wrong status"]),
        (refusal(421), ["accepted"]),
        (refusal(404), ["accepted"]),
        (refusal(201), ["accepted"]),
        (refusal(422, kept=(Path("/store/a.zip"),)), ["accepted"]),
        (refusal(422, events=()), ["not logged"]),
        (refusal(422, body='{"detail": "at /srv/app/main.py, line 3"}'), ["leaked"]),
        (refusal(422, body="no"), ["no detail"]),
    ],
    ids=["400", "422", "415", "421", "404", "201", "kept", "not logged", "leaked", "no detail"],
)
def test_refusal_is_judged_by_status_effect_and_log(seen, kinds):
    assert sorted({finding.kind for finding in seen.findings("checksum_failed")}) == kinds


@pytest.mark.parametrize(("most", "kinds"), [(None, []), (9, []), (8, ["read whole"])])
def test_a_refusal_may_have_to_come_before_all_is_sent(most, kinds):
    assert [finding.kind for finding in refusal(422).findings("checksum_failed", None, most)] == kinds


def test_one_status_can_be_asked_for():
    assert [finding.kind for finding in refusal(400).findings("checksum_failed", status=422)] == ["wrong status"]
