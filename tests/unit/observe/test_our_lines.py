"""What a log tells of our requests with the flag on: their times, trace ids and number."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from acceptance.observe.log_lines import LogLine
from acceptance.observe.our_lines import OurLines
from acceptance.stages import log_with_flag_on
from acceptance.target.log_format import LogFormat

NOW = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
OURS, HOURS = "0123456789abcdef", timedelta(hours=3)


def lines(*traces, event="turn", at=NOW):
    return [LogLine(at, event, "INFO", trace, {}) for trace in traces]


def ours(*numbers):
    return [f"{OURS}{number:016x}" for number in numbers]


OLD = lines(*ours(1, 2, 3))


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (lines(*ours(4, 5, 6)), []),
        (lines(*ours(4, 4, 5)), ["3 lines of 2 requests"]),
        (lines(*ours(4), *["f" * 32] * 9), []),  # of other users
        (lines(*["f" * 32] * 9), ["none in 9, such as ffff"]),
        (lines(*[""] * 9), ["none in 9, such as no trace id"]),
        (lines(*ours(7, 7, 7, 7)), ["4 lines of 1 requests"]),  # one trace id for all
        (lines(*ours(4, 5, 6), *ours(4, 5, 6)), ["6 lines of 3 requests"]),
        (lines(*["f" * 32] * 2), []),  # too few to tell
        (lines(*["f" * 32] * 9, event="new"), []),
    ],
)
def test_lines_are_held_to_those_of_the_old_path(after, told):
    found = [each.found for each in OurLines("log", OLD, after, OURS).otherwise()]
    assert [text[: len(want)] for text, want in zip(found, told, strict=True)] == told


def test_an_event_that_leaves_several_lines_by_the_old_path_may_leave_as_many():
    assert OurLines("log", [*OLD, *OLD], lines(*ours(4, 4, 5, 5)), OURS).otherwise() == []


@pytest.mark.parametrize(("after", "told"), [(["storage_path", ""], []), (["", ""], ["with storage_path"]), ([], [])])
def test_fields_that_no_request_leaves_any_more_are_told(after, told):
    def stored(fields):
        return [LogLine(NOW, "", "INFO", ours(n)[0], {of: "x" for of in [each] if of}) for n, each in enumerate(fields)]

    found = OurLines("log", stored(["storagePath"] * 3), stored(after), OURS).otherwise()
    assert [it.expected.partition("requests ")[2][: len(want)] for it, want in zip(found, told, strict=True)] == told


@pytest.mark.parametrize(("away", "found"), [(timedelta(seconds=1), 0), (HOURS, 1), (-HOURS, 1)])
def test_times_out_of_the_run_are_told(away, found):
    newest = [*lines(*ours(4), at=NOW + away), *lines("f" * 32, at=NOW - HOURS)]
    assert len(OurLines("log", [], [], OURS).untimely(newest, NOW, NOW)) == found


def test_what_another_stage_asked_of_the_same_service_is_no_measure():
    """A run of all stages has reviews done by the worker before 21_01b, whose own requests tell of no task."""
    reviews = [LogLine(NOW - HOURS, "", "INFO", each, {"task_id": "t"}) for each in ours(1, 2, 3)]
    lists = [LogLine(NOW + timedelta(minutes=n), "", "INFO", ours(n)[0], {}) for n in (4, 5, 6)]
    change = NOW + timedelta(minutes=5)
    assert OurLines.of_stage("log", [*reviews, *lists], NOW, change, OURS).otherwise() == []
    told = OurLines.of_stage("log", [*reviews, *lists], NOW - 2 * HOURS, change, OURS).otherwise()
    assert [each.kind for each in told] == ["not logged"]


def test_a_log_that_begins_anew_with_the_restart_is_held_to_what_stood_there_before(tmp_path, monkeypatch):
    log = tmp_path / "bot.log"
    told = [{"timestamp": NOW.isoformat(), "event": "turn", "trace_id": "f" * 32, "level": "INFO"}] * 9
    log.write_text("".join(f"{json.dumps(line)}\n" for line in told))
    form = LogFormat(shows=frozenset({"events"}))
    service = SimpleNamespace(logs=f"file://{log}", log_format=form)
    monkeypatch.setattr(log_with_flag_on, "known_secrets", lambda _: ())
    old = lines(*ours(1, 2, 3), at=NOW - HOURS / 2)
    found = log_with_flag_on.log_findings(None, service, NOW - HOURS, NOW - HOURS, NOW - HOURS / 4, OURS, old)
    assert [each.kind for each in found] == ["other trace id"]


def test_work_is_begun_again_sooner_than_the_restart_is_seen():
    """A healthy 21_01d was rolled back: the process was back at once, and a busy Prometheus told of it 3 s later."""
    begin = NOW.timestamp()
    cut, straight, twice = (
        [NOW + timedelta(seconds=each) for each in at] for at in ((0.1, 0.4), (-1.5, -0.8), (1, 1.1))
    )
    told = [each for n, at in enumerate((cut, straight, twice)) for time in at for each in lines(*ours(n), at=time)]
    (again,) = OurLines.of_stage("log", told, NOW, NOW, OURS, [(begin, begin + 3)]).cut
    assert again == told[0].trace_id


@pytest.mark.parametrize(
    ("again", "found"), [((4,), []), ((5,), ["5 lines of 4 requests"]), ((4, 4), ["6 lines of 4 requests"])]
)
def test_work_that_a_restart_cut_off_is_begun_again_and_is_no_repetition(again, found):
    """A healthy 21_01d was rolled back: a review was under way when its flag was switched, and was done twice."""
    change, back = NOW + timedelta(minutes=5), NOW + timedelta(minutes=6)
    old = [line for n in (1, 2, 3) for line in lines(*ours(n), at=NOW + timedelta(minutes=n))]
    cut = lines(*ours(4), at=change)
    new = [line for n in (5, 6, 7, *again) for line in lines(*ours(n), at=NOW + timedelta(minutes=2 * n))]
    spell = (change.timestamp(), back.timestamp())
    told = OurLines.of_stage("log", [*old, *cut, *new], NOW, change, OURS, [spell]).otherwise()
    assert [each.found for each in told] == found


def test_work_that_a_restart_cut_off_with_the_flag_off_is_no_measure():
    """What is begun again leaves two lines; a path that always leaves two would pass."""
    begun, change = NOW, NOW + timedelta(minutes=9)
    old = [line for n in (1, 1.9, 3, 4, 5) for line in lines(*ours(int(n)), at=NOW + timedelta(minutes=n))]
    new = lines(*ours(6, 6, 7, 7, 8, 8), at=NOW + timedelta(minutes=20))
    spell = ((NOW + timedelta(minutes=1.2)).timestamp(), (NOW + timedelta(minutes=1.8)).timestamp())
    told = OurLines.of_stage("log", [*old, *new], begun, change, OURS, [spell]).otherwise()
    assert [each.found for each in told] == ["6 lines of 3 requests"]


def test_what_was_asked_right_before_the_change_is_a_measure_too():
    """A healthy 21_01c was rolled back: its uploads of three files were the last before the flag, and were left out."""
    change = NOW + timedelta(minutes=5)
    single = [line for n in (1, 2, 3) for line in lines(*ours(n), at=NOW + timedelta(minutes=n))]
    three_files = lines(*ours(4, 4, 4), at=change - timedelta(seconds=1))
    new = lines(*ours(6, 6, 6, 7, 8), at=NOW + timedelta(minutes=20))
    spell = (change + timedelta(seconds=0.5)).timestamp(), (change + timedelta(seconds=4)).timestamp()
    assert OurLines.of_stage("log", [*single, *three_files, *new], NOW, change, OURS, [spell]).otherwise() == []
