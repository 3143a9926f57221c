"""Logs: one notion of a line, a level and an error, whatever writes them; what is not seen is not "no errors"."""

import bz2
import gzip
import json
import lzma
import os
from datetime import UTC, datetime, timedelta
from threading import Timer

import pytest

from acceptance.observe.logs import Logs
from acceptance.target.log_format import FIELDS, LogFormat
from acceptance.target.parsers import log_fields, log_source
from acceptance.verdict import Inconclusive

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


def line(event, minutes=0, **fields):
    at = (NOON + timedelta(minutes=minutes)).isoformat()
    return json.dumps({"timestamp": at, "level": "INFO", "event": event, **fields}) + "\n"


@pytest.fixture
def logs(tmp_path):
    path = tmp_path / "api.log"

    def make(text, **form):
        path.write_text(text)
        return Logs(f"file://{path}", LogFormat(**form))

    return make


def events(found):
    return [entry.event for entry in found]


def test_lines_that_several_processes_wrote_into_one_are_told_apart(logs):
    first, second = line("one", text='a "}{" b').rstrip(), line("two", minutes=1).rstrip()
    found = logs(
        f'{first}{second}\n\n{line("three").rstrip()}INFO:     127.0.0.1:1 - "GET / HTTP/1.1" 200 OK\n\n'
    ).since(NOON)
    assert [each.event for each in found if each.event] == ["one", "two", "three"]
    assert found[0].fields["text"] == 'a "}{" b'
    assert len(logs(first * 2000).since(NOON)) == 2000


def test_lines_since_a_moment(logs):
    assert events(logs(line("before", -1) + line("at") + line("after", 1)).since(NOON)) == ["at", "after"]


def test_only_the_events_asked_for(logs):
    text = line("path_traversal") + line("archive_stored")
    assert events(logs(text).since(NOON, ["path_traversal"])) == ["path_traversal"]


@pytest.mark.parametrize(
    "stated",
    [
        '"timestamp": "2026-11-28T13:30:00+01:00", "level": "ERROR"',
        '"timestamp": "2026-11-28T12:30:00Z", "level": 50',
        '"timestamp": "2026-11-28T12:30:00Z", "levelno": 40',
        '"@t": "2026-11-28T12:30:00.1234567Z", "@mt": "boom", "@l": "Error"',
        '"Timestamp": "2026-11-28T12:30:00Z", "SeverityNumber": 17',
        '"timestamp": "2026-11-28T12:30:00Z", "severity": "ERROR"',
        '"asctime": "2026-11-28 12:30:00,000", "levelname": "ERROR"',
        '"time": 1795869000000, "level": "err"',
        '"ts": 1795869000.5, "lvl": "crit"',
        '"timestamp": "2026-11-28T12:30:00Z", "level": "panic"',
        '"@timestamp": "2026-11-28T12:30:00.000Z", "log": {"level": "fatal"}',
        '"timestamp": "2026-11-28T12:30:00Z", "level": "\\u001b[31mERROR\\u001b[0m"',
        '"timestamp": "2026-11-28T12:30:00Z", "PRIORITY": "3"',
        '"timestamp": "2026-11-28T12:30:00Z", "message": "Traceback (most recent call last):"',
        '"Timestamp": "2026-11-28T12:30:00Z", "Level": "Error"',
        '"timestamp": null, "ts": 1795869000, "SeverityText": "ERROR"',
        '"@timestamp": "2026-11-28T12:30:00Z", "level_value": 40000',
        '"timestamp": "2026-11-28T12:30:00Z", "levelno": 40.0, "message": "a\tb"',
        '"timestamp": "2026-11-28T12:30:00Z", "level": "exception"',
        '"timestamp": "2026-11-28T12:30:00Z", "exc_info": "OSError: 28"',
        '"timestamp": "2026-11-28T12:30:00Z", "error": "no space left"',
        '"timestamp": "2026-11-28T12:30:00Z", "message": "Failed to save dialog context"',
    ],
)
@pytest.mark.parametrize("mark", ["", "\t", "\0\0\ufeff"], ids=["", "set in", "after a hole"])
def test_every_spelling_of_an_error_in_json_is_an_error(logs, stated, mark):
    found = logs(line("before", -1) + mark + "{" + stated + ', "event": "e"}\n').since(NOON)
    assert [(entry.is_error, entry.at >= NOON) for entry in found] == [(True, True)]


PATTERN = r"(?P<time>\S+ \S+) (?P<level>\w+) \[(?P<trace>\w+)\] (?P<event>\w+): (?P<message>.*)"


@pytest.mark.parametrize(
    ("line", "form"),
    [
        ("2026-11-28 12:30:00,123 INFO [t1] report_published: done", {"kind": "text", "pattern": PATTERN}),
        ("[11/28/26 12:30:00] INFO     done                app.py:12", {"kind": "rich"}),
    ],
    ids=["a pattern", "rich"],
)
def test_the_time_of_a_text_line_is_no_field_of_it(logs, line, form):
    """Its form is known to nobody, and Rich leaves a repeated one out: it cannot be compared with another line's."""
    (found,) = logs(f"{line}\n", **form).read(NOON).lines
    assert ("time" in found.fields, found.at.minute, found.message) == (False, 30, "done")


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("2026-11-28 12:30:00,123 - bot - ERROR - boom", {"kind": "text"}),
        ("2026-11-28T12:30:00Z \x1b[31mERROR\x1b[0m boom", {"kind": "text"}),
        ("2026-11-28 12:30:00.123 | CRITICAL | app:run:12 - boom", {"kind": "text"}),
        ("[2026-11-28 12:30:00 +0000] [12] [ERROR] boom", {"kind": "text"}),
        ("28.11.2026 12:30:00 ERROR boom", {"kind": "text"}),
        ("2026-11-28 12:30:00,123 [TRACE-ID=1] ERROR boom", {"kind": "text"}),
        ("2026-11-28 12:30:00,123 DEBUG=0 /api/info bot.info ERROR boom", {"kind": "text"}),
        ("[2026-11-28 12:30:00] production.ERROR: boom", {"kind": "text"}),
        ("E1128 12:30:00.123456       1 controller.go:114] boom", {"kind": "text"}),
        ("E, [2026-11-28T12:30:00.123456 #7] ERROR -- : boom", {"kind": "text"}),
        ("[Sat Nov 28 12:30:00.123456 2026] [core:error] [pid 7] boom", {"kind": "text"}),
        ("<131>1 2026-11-28T12:30:00.123Z host api 7 - - boom", {"kind": "text"}),
        ('2026-11-28T12:30:00.123456789Z stderr F {"level": "error", "msg": "boom"}', {}),
        (
            '{"ts": "2026-11-28T12:30:00Z", "stream": "stderr", "log": "{\\"lvl\\":\\"err\\", \\"msg\\":\\"boom\\"}"}',
            {},
        ),
        ('{"@timestamp": "2026-11-28T12:30:00Z", "message": "{\\"level\\": \\"error\\", \\"msg\\": \\"boom\\"}"}', {}),
        ('{"time": "2026-11-28T12:30:00Z", "stream": "stdout", "log": "fail: Api[0] boom\\n"}', {}),
        ("[2026-11-28 12:30:00,123: ERROR/MainProcess] boom", {"kind": "text"}),
        ("2026/11/28 12:30:00 [crit] 7#7: boom", {"kind": "text"}),
        ("2026-11-28 13:30:00,123 - bot - ERROR - boom", {"kind": "text", "zone": "Europe/Berlin"}),
        ("[11/28/26 12:30:00] ERROR    boom                app.py:12", {"kind": "rich"}),
        ("ERR 28.11.2026 boom", {"kind": "text", "pattern": r"(?P<level>\w+) (?P<time>[\d.]+) (?P<message>.*)"}),
        ('time=2026-11-28T12:30:00Z level=error msg="boom in it" user=u1', {"kind": "logfmt"}),
        ('ts=1795869000 severity=panic msg="boom"', {"kind": "logfmt"}),
        (
            '{"when": "2026-11-28T12:30:00Z", "how": 50, "msg": "boom"}',
            {"fields": {**FIELDS, "time": "when", "level": "how"}},
        ),
    ],
)
def test_every_form_of_an_error_line_is_an_error(logs, text, form):
    (found,) = logs(f"{text}\n", **form).read(NOON).lines or logs(f"{text}\n", **form).read(NOON).unplaced
    assert (found.is_error, "boom" in found.message) == (True, True)
    if "ERR 28" not in text:
        assert found.at.replace(microsecond=0, second=0) == NOON + timedelta(minutes=30)


@pytest.mark.parametrize("ago", [0, 200])
def test_a_line_of_syslog_is_of_the_last_such_day(logs, ago):
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=ago)
    text = f"{at:%b} {at.day:2} {at:%H:%M:%S} host butler[7]: ERROR boom\n"
    (found,) = logs(text, kind="text").read(at - timedelta(minutes=1)).lines
    assert (found.at, found.is_error) == (at, True)


@pytest.mark.parametrize(
    ("level", "numbers", "meant"),
    [
        (30, "python", "WARNING"),
        (30, "pino", "INFO"),
        (40, "pino", "WARNING"),
        (60, "pino", "CRITICAL"),
        (17, "python", ""),
        ("WARN+1", "", "WARNING"),
        (3, "dotnet", "WARNING"),
        (4, "dotnet", "ERROR"),
        (5, "dotnet", "CRITICAL"),
        (3, "syslog", "ERROR"),
        (40000, "", "ERROR"),
        (50, "", "CRITICAL"),  # what is an error by each scheme that has it
        ("oops", "level:error=oops|KRITISCH", "ERROR"),
        ("kritisch", "level:error=oops|KRITISCH", "ERROR"),
        ("oops", "", ""),
        (40, "", ""),
        (4, "", ""),
    ],
)
def test_levels_in_figures_mean_what_the_target_file_says(logs, level, numbers, meant):
    fields = log_fields(numbers if "=" in numbers else f"numbers={numbers}")
    (found,) = logs(line("e", level=level), fields=fields).since(NOON)
    assert (found.level, bool(found.level or found.figure)) == (meant, True)


def test_an_information_that_speaks_of_an_error_is_none(logs):
    told = line("e", message="ERROR rate is 0") + (
        "2026-11-28 12:00:00,001 - uvicorn.error - INFO - no FATAL or panic\n"
        '{"@t": "2026-11-28T12:00:01Z", "@mt": "ERROR rate is {Rate}"}\n'
        "W1128 12:00:02.123456 1 reflector.go:1] watch ended with: error: FATAL\n"
        '10.0.0.1 - alice [28/Nov/2026:12:00:03 +0000] "GET /ERROR HTTP/1.1" 500 12\n'
        '{"time": "2026-11-28T12:00:04Z", "stream": "stderr", "log": "12:00:04.123 [main] INFO x - ERROR page\\n"}\n'
        "<4>the ERROR rate is 0\n"
    )
    assert [entry.is_error for entry in logs(told, kind="text").since(NOON)] == [False] * 7


@pytest.mark.timeout(5)
def test_a_line_without_a_level_that_reports_no_error_is_none(logs):
    told = line("e", level="", error=None, err="<nil>", message="a." * 30_000) + line(
        "e", level="", message='"GET /reviews?status=failed" 200'
    )
    assert not any(entry.is_error for entry in logs(told).since(NOON))


@pytest.mark.parametrize(
    "crash",
    [
        "Killed",
        "Config ERROR: bad key",
        "Config error: bad key",
        "Trace export FATAL, no space",
        "thread 'main' panicked at src/main.rs:2:5:",
        "MemoryError",
        "Trace/breakpoint trap (core dumped)",
        "TypeError [ERR_INVALID_ARG_TYPE]: no path",
        "[UnhandledPromiseRejection: no reason] {",
        "E1128 12:00:05",
        "  + Exception Group Traceback (most recent call last):\n  | OSError: 1",
    ],
)
def test_a_crash_belongs_to_no_entry_before_it(logs, crash):
    text = f"2026-11-28 12:00:00,000 - bot - INFO - a review\nof two lines that failed\n{crash}\n"
    assert [entry.is_error for entry in logs(text, kind="text").since(NOON)] == [False, True]


@pytest.mark.parametrize(
    "when",
    [0, -5, 12.5, 10**400, float("inf"), float("nan"), *(f"{y}-01-01T00:00:12Z" for y in ("0001", 1970, 9999)), "soon"],
)
@pytest.mark.timeout(5)
def test_a_clock_that_was_never_set_dates_nothing(logs, when):
    with pytest.raises(Inconclusive, match="to have a time, found 1 without one"):
        logs(line("one", -1) + line("two", level="ERROR", timestamp=when)).since(NOON)


def test_trouble_by_another_clock_is_not_of_the_time_that_it_states(logs):
    """The second logger of a service writes local time where the first writes UTC."""
    with pytest.raises(Inconclusive, match="to have a time, found 1 without one"):
        logs(line("one", 1) + line("two", -59, level="ERROR")).since(NOON)


def test_a_service_may_write_in_the_fields_of_docker_and_name_no_zone(logs):
    (found,) = logs('{"log": "x", "time": "2026-11-28T12:00:00", "level": "ERROR"}\n').since(NOON)
    assert (found.at, found.is_error) == (NOON, True)


def test_the_hour_that_comes_twice_dates_nothing(logs):
    text = "2026-10-25 01:59:00,1 INFO a\n2026-10-25 02:30:00,1 ERROR boom\n2026-10-25 03:01:00,1 INFO b\n"
    with pytest.raises(Inconclusive, match="to have a time, found 1 without one"):
        logs(text, kind="text", zone="Europe/Berlin").since(datetime(2026, 10, 25, 1, 20, tzinfo=UTC))


TRACE = 'Traceback (most recent call last):\n  File "x.py", line 1\nKeyError: 1\n'
CHAIN = TRACE + "\nDuring handling of the above exception, another one:\n\n" + TRACE.replace("KeyError", "OSError")


@pytest.mark.parametrize(
    ("text", "form", "exceptions"),
    [
        (line("a") + TRACE + line("b", 1), {}, ["", "KeyError", ""]),
        (line("a") + CHAIN + line("b", 1), {}, ["", "OSError", ""]),
        (
            f"2026-11-28 12:00:00,1 ERROR boom\n{TRACE}2026-11-28 12:00:01,1 INFO ok\n",
            {"kind": "text"},
            ["KeyError", ""],
        ),
        (line("a", level="ERROR", traceback=TRACE), {}, ["KeyError"]),
        (line("a", level="ERROR", err={"type": "TypeError", "stack": "x"}), {}, ["TypeError"]),
        (json.dumps(json.loads(line("a")), indent=1) + "\n" + line("b"), {}, ["", ""]),
        (line("a")[:30] + "\n" + line("a")[30:] + line("b"), {}, ["", ""]),
        (
            "2026-11-28 12:00:00,1 ERROR a\njava.lang.AnyException: b\n\tat c\nCaused by: java.io.IOException: d\n",
            {"kind": "text"},
            ["java.lang.AnyException < java.io.IOException"],
        ),
        (
            line("a", level="ERROR", exception="A.BException: c\n ---> D.EException: f\n   at g"),
            {},
            ["A.BException < D.EException"],
        ),
        (
            '2026-11-28T12:00:00Z stderr P {"level": "err\n2026-11-28T12:00:00Z stdout F {"level": "info"}\n'
            '2026-11-28T12:00:00Z stderr F or"}\n',
            {},
            ["", ""],
        ),
        (
            "[11/28/26 12:00:00] ERROR    a long\n" + " " * 29 + "message\n" + " " * 20 + "INFO     b\n",
            {"kind": "rich"},
            ["", ""],
        ),
    ],
    ids=[
        *("crash", "chained", "logged", "in a field", "in an object", "indented JSON", "split JSON", "Java"),
        *(".NET", "CRI", "wrapped by Rich"),
    ],
)
def test_what_belongs_together_is_one_entry(logs, text, form, exceptions):
    found = logs(text, **form).since(NOON)
    assert [entry.exception for entry in found] == exceptions
    assert all(entry.since(NOON) for entry in found)


def test_a_message_that_rich_wraps_is_of_one_kind_wherever_it_is_cut(logs):
    def wrapped(*lines):
        return "[11/28/26 12:00:00] ERROR    " + ("\n" + " " * 29).join(lines) + "\n"

    trace = ["Traceback (most recent call last):", '  File "x.py", line 1', "KeyError: 1"]
    text = wrapped("Turn of user u1 failed", *trace) + wrapped("Turn of user", "u22 failed", *trace)
    found = logs(text, kind="rich").since(NOON)
    assert {line.kind for line in found} == {("", "KeyError", "Turn of user # failed")}


def test_a_line_without_a_time_lies_between_its_neighbours(logs):
    crash = line("request", -1) + TRACE + line("next", 1) + line("last", 2)
    assert events(logs(crash).since(NOON - timedelta(minutes=2))) == ["request", "", "next", "last"]
    with pytest.raises(Inconclusive, match="to have a time, found 1 without one"):
        logs(crash).since(NOON)
    assert events(logs(crash).since(NOON + timedelta(minutes=2))) == ["last"]


def test_a_line_without_a_time_says_nothing_of_others(logs):
    """It used to be dated 1970, and counted as proof that the log can be read."""
    text = "ERROR - old\n" + "ERROR - Failed to save dialog context: boom\n" * 30
    with pytest.raises(Inconclusive, match="expected lines with a time in the declared format"):
        logs(text).since(NOON)


@pytest.mark.parametrize("text", ["", "not json at all\n"], ids=["empty", "no-json"])
def test_log_without_a_line_is_inconclusive(logs, text):
    with pytest.raises(Inconclusive, match="prove"):
        logs(text).since(NOON)


def test_a_log_that_names_no_event_does_not_say_that_there_was_none(logs):
    text = "2026-11-28 12:00:00,000 - api - INFO - Archive stored\n"
    with pytest.raises(Inconclusive, match="expected lines that name their event"):
        logs(text, kind="text").since(NOON, ["path_traversal"])
    told = "2026-11-28 12:00:00,000 - api - WARNING - refused (path_traversal)\n"
    assert len(logs(text + told, kind="text").since(NOON, ["path_traversal"])) == 1


@pytest.mark.parametrize(
    "told", ["Suppressed 812 messages from butler-api.service", "imuxsock lost 20 messages from pid 7"]
)
def test_log_that_says_that_lines_were_dropped_proves_nothing(logs, told):
    text = line("stored") + f"2026-11-28 12:00:01,000 - journald - INFO - {told}\n"
    with pytest.raises(Inconclusive, match=r"some were dropped: .*RateLimitBurst"):
        logs(text, kind="text").since(NOON)


def test_log_with_older_lines_only_is_without_lines_since(logs):
    assert logs(line("before", -1)).since(NOON) == []
    assert logs(line("before", -1)).since(NOON, ["path_traversal"]) == []


def test_of_a_long_file_only_the_end_is_read(logs, monkeypatch):
    monkeypatch.setattr("acceptance.observe.logs.TAILS", (1000,))
    text = "".join(line(f"e{minute}", minute) for minute in range(-60, 3))
    found = logs(text).read(NOON)
    assert (events(found.lines), found.begin < NOON) == (["e0", "e1", "e2"], True)
    assert len(logs(text).since(NOON - timedelta(minutes=30))) == 33


def test_each_instance_of_a_service_has_its_log(logs, tmp_path):
    second = tmp_path / "api 2.log"
    one, two = logs(line("a") + line("c", 2)).source, f"file://{second}"
    both = Logs(log_source(f"{one} {two}"))
    second.write_text(line("before", -9) + line("b", 1) + "  of b\n")
    assert events(both.since(NOON)) == ["a", "b", "c"]
    assert both.read(NOON).begin == NOON
    second.write_text("")
    with pytest.raises(Inconclusive, match="expected lines with a time"):
        both.since(NOON)


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("api.log.1", bytes),
        ("api.log.2026-11-28", bytes),
        ("api-20261128.log", bytes),
        ("api.log.1.gz", gzip.compress),
        ("api.log.1.bz2", bz2.compress),
        ("api.log.1.xz", lzma.compress),
        ("api.log.20261128-120000.gz", gzip.compress),
    ],
)
def test_a_log_that_was_rotated_is_read_with_those_before(logs, tmp_path, name, pack):
    log = logs(line("after", 1))
    (tmp_path / name).write_bytes(pack((line("before", -1) + line("at")).encode()))
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(line("at").encode())[:30])  # it is just being packed
    (tmp_path / "api.log.2.gz").write_bytes(gzip.compress(line("older", -2).encode()))
    os.utime(tmp_path / "api.log.2.gz", (NOON.timestamp(), NOON.timestamp()))
    (tmp_path / "api.log.pos").write_text("17")
    (tmp_path / "api-2.log").write_text(line("of another instance"))
    assert events(log.since(NOON)) == ["at", "after"]


def test_a_log_with_a_date_in_its_name_goes_on_under_other_dates(tmp_path):
    for day, event in enumerate(("old", "before", "after", "next"), start=26):
        file = tmp_path / f"a#b?c-2026-11-{day}.log"
        file.write_text(line(event, day - 28))
        os.utime(file, ((NOON + timedelta(minutes=5 * (day - 28))).timestamp(),) * 2)
    (tmp_path / "today.log").symlink_to(file)
    for name in ("a#b?c-2026-11-28.log", "today.log"):
        read = Logs(log_source(f"file://{tmp_path}/{name}")).read(NOON - timedelta(minutes=3))
        assert events(read.lines) == ["before", "after", "next"]


def test_a_log_whose_beginning_is_gone_says_nothing_of_that_time(logs):
    with pytest.raises(Inconclusive, match="begins at 12:04:00; was it rotated"):
        logs(line("after", 4)).since(NOON)
    assert events(logs(line("after a restart", 1)).since(NOON)) == ["after a restart"]


def test_a_log_that_is_away_while_it_is_rotated_is_waited_for(logs, tmp_path):
    log = logs(line("before"))
    (tmp_path / "api.log").rename(tmp_path / "api.log.1")
    again = Timer(0.2, (tmp_path / "api.log").write_text, [line("after", 1)])
    again.start()
    assert events(log.since(NOON)) == ["before", "after"]
    again.join()


@pytest.mark.parametrize("kind", ["gz", "xz", "zst"])
def test_a_rotated_log_that_is_half_written_or_strange_is_inconclusive(logs, tmp_path, kind):
    log = logs(line("after", 1))
    (tmp_path / f"api.log.1.{kind}").write_bytes(gzip.compress(line("at").encode())[:30])
    with pytest.raises(Inconclusive, match="cannot be read"):
        log.since(NOON)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("file:///nowhere/api.log", "cannot be read"),
        ("docker://no-such-container", "docker"),
        ("syslog://x", "expected file"),
        ("command:sh -c 'echo ERROR >&2'", "standard error"),
        ("command:false {since}", "ended with 1"),
    ],
)
def test_source_out_of_reach_is_inconclusive(source, told):
    with pytest.raises(Inconclusive, match=told):
        Logs(source).since(NOON)


JOURNAL = {"__REALTIME_TIMESTAMP": "1795867200000000", "PRIORITY": "6", "_PID": "825", "MESSAGE": "ERROR - boom"}
ASKED = "-u api --all -o json --output-fields MESSAGE,PRIORITY,_PID,_STREAM_ID,_LINE_BREAK"
LINE = '{"timestamp": "2026-11-28T12:00:00Z", "level": "ERROR", "message": "boom"}'
POD = "logs -l app=api --tail=-1"
DATED = "2026-11-28T12:00:00.000000000Z ERROR - 2026-02-30T12:00:00.123456789Z boom"


@pytest.mark.parametrize(
    ("command", "source", "output", "asked"),
    [
        # As Butler: stderr.
        ("docker", "docker://api", f"echo '{DATED}' >&2", "logs --timestamps --since 2026-11-28T11:58:00Z api"),
        (
            "kubectl",
            f"command:kubectl {POD} --since-time={{since}}",
            f"echo '{LINE}'",
            f"{POD} --since-time=2026-11-28T11:58:00Z",
        ),
        ("journalctl", "journald://api", f"echo '{json.dumps(JOURNAL)}'", f"{ASKED} --since 2026-11-28 11:58:00 UTC"),
    ],
)
def test_lines_are_asked_for_and_dated(tmp_path, monkeypatch, command, source, output, asked):
    program = tmp_path / command
    program.write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/asked\n{output}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (found,) = Logs(source).since(NOON)
    assert (found.at, found.is_error, "boom" in found.message) == (NOON, True, True)
    assert (tmp_path / "asked").read_text().splitlines()[0] == asked
