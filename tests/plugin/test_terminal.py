"""What the operator sees, at a terminal of 80 columns and in a log file, over a real lab."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from pathlib import Path

import pytest
from held_lab import retold

ROOT = Path(__file__).resolve().parents[2]


SGR = re.compile(r"\x1b\[[0-9;]*m")
GATE = """
[[gate]]
id = "lab-is-up"
title = "The service is up"
items = []
kind = "value"
query = 'up{job="$job"}'
threshold = "== 1"
"""
SOAK = "def test_soak(flag_on, stage_work): assert stage_work.soak(lambda: []).sent > 0\n"
BAD = "def test_bad(flag_on): assert 'seen' == 'expected'\n"
LONG = "@pytest.mark.parametrize('x', ['y' * 400])\ndef test_long(flag_on, x): raise AssertionError(x)\n"


@pytest.fixture
def brief(project):
    """The project with a soak of three seconds and one gate."""
    project.lab = retold(project.lab, "brief", SOAK_SECONDS="3", TRAFFIC_PER_MINUTE="1200")
    project.stage("21_01c", soak=SOAK)
    file = project.folder / "ops_tests" / "stage_21_01c" / "stage.toml"
    file.write_text(file.read_text() + GATE)
    return project


def at_terminal(project, *args, **environment):
    """Run the project at a terminal of 80 by 24; returns everything that was written to it."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    options = project.process(*args, **{"TERM": "xterm"} | environment)
    for name in {"COLUMNS", "CI", "NO_COLOR"} - environment.keys():
        options["env"].pop(name, None)
    process = subprocess.Popen(**options, stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    seen = b""
    while True:
        try:
            part = os.read(controller, 65536)
        except OSError:  # how Linux says that the other side has closed
            break
        if not part:
            break
        seen += part
    os.close(controller)
    process.wait(60)
    return seen.decode()


def closing(output):
    """The panel's lines, from its title on."""
    lines = output.rstrip().splitlines()
    first = max(number for number, each in enumerate(lines) if re.match(r"=+ (GO|NO-GO|INCONCL|INTERR|REFUSED)", each))
    return lines[first:]


def test_soak_is_one_rewritten_board_at_a_terminal(brief):
    shown = SGR.sub("", at_terminal(brief))
    boards = re.findall(r"soak 21_01c +0:0\d of 0:03 .*? ends [\d:]+ UTC", shown)
    assert len(boards) >= 4, shown
    assert re.search(r"gate +lab-is-up +1 +== 1 +ok so far", shown)
    assert re.search(r"data \d s old, \d+ evaluations", shown)
    assert "0:03 of 0:03" in boards[-1]


@pytest.mark.parametrize("options", [(), ("-q",), ("-n", "1")], ids=["plain", "short", "xdist"])
def test_soak_is_a_plain_line_a_tenth_in_a_log(brief, options):
    done = brief.run(*options)
    told = [each for each in done.output.splitlines() if "soak 21_01c" in each]
    assert all(each.startswith("soak 21_01c") for each in told), told
    assert 3 <= len(told) <= 11, done.output
    assert "\x1b" not in done.output
    assert "\r" not in done.output
    assert re.fullmatch(
        r"soak 21_01c 0:0\d/0:03  lab-is-up 1 \(== 1\)  0 triggers not fired, data \d s old", told[-1]
    ), told


def test_no_color_is_honoured_at_a_terminal(brief):
    plain = at_terminal(brief, NO_COLOR="1")
    assert SGR.search(plain) is None
    assert "INCONCLUSIVE" in plain


def test_colour_is_used_at_a_terminal(project):
    shown = at_terminal(project.stage("21_01c", flag_on=BAD))
    title = next(each for each in shown.splitlines() if "NO-GO: something is broken" in each)
    assert "\x1b[31m" in title


def test_panel_is_last_and_says_what_was_rolled_back(project):
    lines = closing(project.stage("21_01c", flag_on=BAD).run().output)
    assert "NO-GO" in lines[0]
    labels = [each[:14].strip() for each in lines if each[:14].strip()]
    assert labels[1:] == ["why", "rolled back", "flags now", "sign-offs", "record", "next"], lines
    assert any("USE_NEW_STORAGE_ADAPTER=false" in each for each in lines)


def test_long_node_ids_do_not_break_the_panel(project):
    lines = closing(project.stage("21_01c", flag_on=LONG).run().output)
    assert all(len(each) <= 80 for each in lines if not each.startswith("record")), lines


def test_refused_run_says_so_last(project):
    faulty = project.lab.with_name("faulty.env")
    faulty.write_text(project.lab.read_text().replace("ALLOW_MUTATIONS=true", "ALLOW_MUTATIONS=false"))
    project.lab = faulty
    done = project.stage("21_01c", flag_on=BAD).run()
    assert "REFUSED: the run did not begin, nothing was changed" in closing(done.output)[0], done.output
    assert "_pytest.outcomes.Exit" not in done.output
    assert (done.output.count("\nREFUSED: "), done.output.count("set it to true")) == (1, 1), done.output


def test_failed_rollback_is_the_last_and_loudest(project):
    """The restart command works once, for the flag, and then no more; afterwards the next run recovers."""
    marker = project.folder / "broken"
    copy = project.lab.with_name("stuck.env")
    command = f"RESTART_API=\"sh -c 'test ! -e {marker} && make day-12-restart-api'\""
    kept = [each for each in project.lab.read_text().splitlines() if not each.startswith("RESTART_API")]
    copy.write_text("\n".join([*kept, command, ""]))
    project.lab = copy
    project.stage(
        "21_01c", flag_on=f"def test_bad(flag_on): pathlib.Path({str(marker)!r}).touch(); assert not flag_on\n"
    )
    done = project.run()
    marker.unlink()
    (project.folder / "ops_tests" / "stage_21_01c" / "test_flag_on.py").write_text("def test_bad(flag_on): pass\n")
    after = project.run()  # undoes what was left, before anything else
    lines = done.output.rstrip().splitlines()
    alarm = next(number for number, each in enumerate(lines) if "ROLLBACK FAILED: STAGE 21_01c" in each)
    assert done.code == 12
    assert lines[alarm].startswith("!!!!")
    by_hand = lines[lines.index("DO NOW, BY HAND:") + 1 :]
    assert by_hand == [f"  {command}" for command in done.of("rollback.finished")[-1]["by_hand"]]
    assert "USE_NEW_STORAGE_ADAPTER is false in" in " ".join(lines[alarm:])
    assert "/health answers 200" in " ".join(lines[alarm:])
    assert "recovery.undone" in after.kinds(), after.output
    assert any(each.startswith("undone first") for each in closing(after.output)), after.output
