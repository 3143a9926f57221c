"""What the old path's requests have in common is held against the new path's, and nothing else is."""

from datetime import UTC, datetime, timedelta

import pytest

from acceptance.probes.likeness import OldPath
from acceptance.probes.seen import Seen

NOW = datetime(2025, 11, 15, 2, 0, tzinfo=UTC)


SAID = [{"role": role, "text": f"{role} {turn}"} for turn in range(3) for role in ("user", "butler")]


def seen(number=1, *, repeated=(), **report):
    after = NOW + timedelta(seconds=number)
    times = {"created_at": NOW.replace(tzinfo=None), "published_at": after.isoformat()}
    stored = {"student": f"Student-{number}", "text": f"text {number}", "kind": "code_review", **times}
    stored |= {"result": {"text": f"text {number}"}, "said": SAID, "score": number}
    parts = {"sent": {"student_id": f"Student-{number}"}, "report": stored | report, "answer": None}
    return Seen(parts, NOW, NOW + timedelta(minutes=1), frozenset(repeated))


OLD = OldPath([seen(1), seen(2)], lists=frozenset({"report"}))


def test_same_work_by_the_new_path_is_alike():
    assert OLD.unlike("report", seen(3), seen(1)) == []


@pytest.mark.parametrize(
    ("new", "told"),
    [
        (seen(3, student="student-3"), "report.student and sent.student_id to be the same"),
        (seen(3, text="text 4"), "report.result.text and report.text to be the same"),
        (seen(3, published_at=(NOW + timedelta(hours=3)).isoformat()), "report.published_at from 02:00:00"),
        (seen(3, published_at=NOW - timedelta(seconds=1)), "report.created_at not after report.published_at"),
        (seen(3, score="3"), "report.score with a number"),
        (seen(3, result={}), "report.result.text with a text"),
        (seen(3, kind=None), "report.kind with a text"),
        (seen(3, said=[{"role": "assistant", "text": "x"}]), "report.said[].role of ['butler', 'user']"),
        (seen(3, repeated={"report"}), "one report"),
        (seen(3, published_at=NOW.replace(tzinfo=None).isoformat()), "report.published_at with the zone of its time"),
        (seen(3, said=SAID[:2] + SAID[3:1:-1] + SAID[4:]), "report.said[].role in turn, user after butler"),
    ],
)
def test_what_is_unlike_is_named(new, told):
    found = OLD.unlike("report", new, seen(1))
    assert any(told in str(each) for each in found), found
    assert all("as by the old path" in str(each) for each in found)


SIMILAR = {
    "a list with nothing in it": seen(3, said=[]),
    "a list that begins later": seen(3, said=SAID[1:]),
    "other words, one more field": seen(3, kind="another", more=1),
    "a part that nobody asked for": Seen({"sent": {"student_id": "x"}, "report": None}, NOW),
}


@pytest.mark.parametrize("new", SIMILAR.values(), ids=SIMILAR)
def test_what_the_old_path_leaves_open_is_free(new):
    assert OldPath([seen(1), seen(2, said=[])]).unlike("report", new, seen(1)) == []


def test_the_type_is_that_of_the_same_work_by_the_old_path():
    old = OldPath([seen(1), seen(2, result={"text": 2})])
    assert old.unlike("report", seen(3, result={"text": 3}), seen(2, result={"text": 2})) == []
    (found,) = old.unlike("report", seen(3, result={"text": "3"}), seen(2, result={"text": 2}))
    assert "report.result.text with a number" in str(found)


def test_nothing_is_learned_from_what_does_not_hold_for_each():
    old = OldPath([seen(1), seen(2, student="Student-1", published_at="soon")], lists=frozenset({"report"}))
    assert old.unlike("report", seen(3, student="nobody", published_at="later"), seen(1)) == []


def timed(number, published, *, logged=0, copied=0):
    """A report whose times are of one clock, their copies, and the time of its log line; all in seconds after."""
    at = [(NOW + timedelta(seconds=number + more)).isoformat() for more in (0, published, logged, copied)]
    parts = {"report": {"created_at": at[0], "published_at": at[1]}, "answer": {"created_at": at[3]}}
    parts["log"] = {"report_published": {"timestamp": at[2]}}
    return Seen(parts, NOW, NOW + timedelta(minutes=1))


def test_times_that_were_equal_by_chance_may_differ():
    """A quick service, or times in whole seconds, make what happens one after the other equal for a while."""
    old = OldPath([timed(1, 0), timed(2, 0), timed(3, 0)])
    assert old.unlike("report", timed(4, 1, logged=1)) == []
    (found,) = old.unlike("report", timed(4, 0, copied=1))  # the answer copies what is stored
    assert found.kind == "no longer the same"


def test_a_time_as_an_http_date_names_its_zone():
    date = "Sat, 15 Nov 2025 02:00:01 GMT"
    assert OldPath([seen(1, edited=date)]).unlike("report", seen(1, edited=date), seen(1, edited=date)) == []
