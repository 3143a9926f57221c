"""The env file keeps everything but the one value, and gives it back, whoever else writes meanwhile."""

import fcntl
import hashlib
import json
import os
import re
import stat
import subprocess
import sys
import tempfile
from itertools import takewhile
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from acceptance.envfile.file import Change, EnvFile, EnvFileConflict, EnvFileError

KEY = "USE_NEW_STORAGE_ADAPTER"
OTHER = "USE_NEW_DIALOG_CONTEXT_REPO"
CANARY = "canary-of-another-key"
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


@pytest.fixture
def env(tmp_path: Path) -> EnvFile:
    return EnvFile(tmp_path / ".env.infra")


def write(env: EnvFile, content: str | bytes) -> bytes:
    content = content.encode() if isinstance(content, str) else content
    env.path.write_bytes(content)
    return content


# --- reading


def test_last_duplicate_wins(env):
    write(env, f"{KEY}=true\n{KEY}=false\n")
    assert env.read() == {KEY: "false"}
    assert env.flag(KEY) is False


def test_reads_as_a_shell_does(env):
    """export, quotes and a trailing comment; compared with bash itself, not with our own parser."""
    write(env, f"export {KEY}=\"true\" # on\n{OTHER}='false'\nPLAIN=a#b # c\n")
    script = f'. "{env.path}"; printf "%s|%s|%s" "${KEY}" "${OTHER}" "$PLAIN"'
    shell = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout
    assert "|".join(env.read()[key] for key in (KEY, OTHER, "PLAIN")) == shell


def test_no_interpolation(env):
    write(env, "A=1\nB=${A}\n")
    assert env.read()["B"] == "${A}"


@pytest.mark.parametrize("value", ["", "1", "yes", "truee", "true;"])
def test_flag_takes_only_true_and_false(env, value):
    write(env, f"{KEY}={value}\n")
    with pytest.raises(EnvFileError, match=f"{KEY} holds .*expected true or false"):
        env.flag(KEY)


def test_absent_flag_and_absent_file_are_told(env):
    with pytest.raises(EnvFileError, match="no such file; correct ENV_FILE"):
        env.read()
    write(env, "A=1\n")
    with pytest.raises(EnvFileError, match=f"{KEY} is absent"):
        env.flag(KEY)


# --- writing


@pytest.mark.parametrize(
    "before, after",
    [
        ("{k}=false\n", "{k}=true\n"),
        ("{k}=false", "{k}=true"),
        ("{k}=false\r\nB=1\r\n", "{k}=true\r\nB=1\r\n"),
        ('export {k}="false" # why\n', 'export {k}="true" # why\n'),
        ("  export  {k} = 'false'\t# why\n", "  export  {k} = 'true'\t# why\n"),
        ("{k}= # empty\n", "{k}=true # empty\n"),
        ("{k}=\n", "{k}=true\n"),
        ("{k}=''\n", "{k}='true'\n"),
        ("# {k}=false\n{k}=false\n{k}_OLD=false\n", "# {k}=false\n{k}=true\n{k}_OLD=false\n"),
        ("{k}=true\nA=1\n{k}=false\n", "{k}=true\nA=1\n{k}=true\n"),
        ("A='x\n{k}=false\ny'\n{k}=false\n", "A='x\n{k}=false\ny'\n{k}=true\n"),
        ("\ufeff{k}=false\n", "\ufeff{k}=true\n"),
    ],
)
def test_set_changes_the_value_and_nothing_else(env, before, after):
    original = write(env, before.format(k=KEY))
    change = env.set(KEY, "true")
    assert env.path.read_bytes() == after.format(k=KEY).encode()
    assert env.restore(change).outcome == "exact"
    assert env.path.read_bytes() == original


def test_the_checklists_own_grep_finds_what_set_wrote(env):
    write(env, f"{KEY}=true\n")
    env.set(KEY, "false")
    grep = subprocess.run(["grep", "-E", "USE_NEW_.*=false", env.path], capture_output=True, text=True)
    assert grep.stdout == f"{KEY}=false\n"


@pytest.mark.parametrize("content", ["A=1\n", f"{KEY}\n", f'{KEY}="false\n', f"# {KEY}=false\n"])
def test_set_refuses_what_is_not_plainly_there(env, content):
    original = write(env, content)
    with pytest.raises(EnvFileError, match=KEY):
        env.set(KEY, "true")
    assert env.path.read_bytes() == original


@pytest.mark.parametrize("value", ["", "a b", "a'b", "$x", "a#b", "a\nB=1"])
def test_set_refuses_values_that_need_quoting(env, value):
    original = write(env, f"{KEY}=false\n")
    with pytest.raises(EnvFileError, match="nothing was changed"):
        env.set(KEY, value)
    assert env.path.read_bytes() == original


def test_mode_survives(env):
    write(env, f"{KEY}=false\n")
    env.path.chmod(0o640)
    env.set(KEY, "true")
    assert stat.S_IMODE(env.path.stat().st_mode) == 0o640


@root_only
def test_owner_survives(env):
    write(env, f"{KEY}=false\n")
    os.chown(env.path, 12345, 54321)
    env.set(KEY, "true")
    for path in (env.path, env.path.with_name(".env.infra.lock")):
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 54321)


@root_only
def test_another_owners_file_is_refused_before_anything(env, tmp_path):
    """An ordinary user in a folder that all may write to would take the file over."""
    original = write(env, f"{KEY}=false\n")
    env.path.chmod(0o644)
    tmp_path.chmod(0o777)
    for parent in takewhile(lambda folder: folder != Path(tempfile.gettempdir()), tmp_path.parents):
        parent.chmod(0o755)
    script = (
        "import os, sys; from pathlib import Path; from acceptance.envfile.file import EnvFile, EnvFileError\n"
        f"os.setgid(65534); os.setgroups([]); os.setuid(65534)\nenv = EnvFile(Path({str(env.path)!r}))\n"
        f"print([f.message for f in env.diagnose([{KEY!r}]) if f.severity == 'refuse'])\n"
        f"try:\n    env.set({KEY!r}, 'true')\nexcept EnvFileError as error:\n    print(error)\n"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert "belongs to root:root" in out
    assert "nothing was changed; run as the file's owner or as root" in out
    assert env.path.read_bytes() == original
    assert sorted(p.name for p in tmp_path.iterdir()) == [".env.infra", ".env.infra.lock"]


def test_symlink_stays_and_the_real_file_changes(env, tmp_path):
    (tmp_path / "real").mkdir()
    real = tmp_path / "real" / "env"
    real.write_text(f"{KEY}=false\n")
    env.path.symlink_to("real/env")
    env.set(KEY, "true")
    assert env.path.is_symlink()
    assert real.read_text() == f"{KEY}=true\n"
    assert sorted(p.name for p in real.parent.iterdir()) == ["env", "env.lock"]


def test_a_full_disk_leaves_the_file_as_it_was(env, tmp_path, monkeypatch):
    original = write(env, f"{KEY}=false\n")

    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EnvFileError, match=r"No space left on device.*as it was"):
        env.set(KEY, "true")
    assert env.path.read_bytes() == original
    assert sorted(p.name for p in tmp_path.iterdir()) == [".env.infra", ".env.infra.lock"]


def test_what_a_killed_writer_left_is_cleared_away(env, tmp_path):
    """By the next write, and by a restore that finds nothing to do: the half-written copy holds secrets."""
    write(env, f"{KEY}=false\n")
    change = env.set(KEY, "true")
    for _ in range(2):
        (tmp_path / ".env.infra.acceptance.tmp").write_text("half a f")
        env.restore(change)
        assert sorted(p.name for p in tmp_path.iterdir()) == [".env.infra", ".env.infra.lock"]


def test_an_edit_that_would_change_another_key_is_refused(env, monkeypatch):
    """The new text is read again as a reader will before it is written; here the editing itself is broken."""
    original = write(env, f"A=1\n{KEY}=false\n")
    monkeypatch.setattr("acceptance.envfile.planning.replaced", lambda text, edits: f"A=2\n{KEY}=true\n")
    with pytest.raises(EnvFileError, match=r"cannot be told from the lines around it.*nothing was changed"):
        env.set(KEY, "true")
    assert env.path.read_bytes() == original


def test_announce_comes_before_the_write_and_can_stop_it(env):
    original = write(env, f"{KEY}=false\n")
    seen = []

    def journal(change: Change) -> None:
        seen.append((change.value, env.path.read_bytes()))
        raise OSError("journal disk full")

    with pytest.raises(OSError, match="journal disk full"):
        env.set(KEY, "true", announce=journal)
    assert seen == [("true", original)]
    assert env.path.read_bytes() == original


def test_a_held_lock_is_told_after_the_deadline(env):
    write(env, f"{KEY}=false\n")
    lock = env.path.with_name(".env.infra.lock")
    with lock.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(EnvFileError, match="another writer has held"):
            EnvFile(env.path, lock_timeout_s=0.05).set(KEY, "true")


def test_concurrent_writers_lose_nothing(env):
    """8 processes set 5 keys each, all in one file (`dotenv.set_key` lost 29 of 40)."""
    write(env, "".join(f"K{n}_{i}=false\n" for n in range(8) for i in range(5)))
    script = (
        "import sys; from pathlib import Path; from acceptance.envfile.file import EnvFile; sys.stdin.read()\n"
        "for i in range(5): EnvFile(Path(sys.argv[1])).set(f'K{sys.argv[2]}_{i}', 'true')"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", script, env.path, str(n)], stdin=subprocess.PIPE) for n in range(8)
    ]
    for writer in writers:  # all start on the closing of their stdin, as close together as can be
        writer.stdin.close()
    assert [writer.wait(timeout=30) for writer in writers] == [0] * 8
    assert env.path.read_text() == "".join(f"K{n}_{i}=true\n" for n in range(8) for i in range(5))


# --- appending (21_00)


@pytest.mark.parametrize("before", ["", "A=1\n", "A=1", "A=1\r\n", "# c"])
def test_append_ends_the_last_line_first_and_is_taken_back(env, before):
    original = write(env, before)
    change = env.append({KEY: "false", OTHER: "false"}, "Epic 21 feature flags")
    ended = before if before == "" or before.endswith("\n") else before + "\n"
    expected = f"{ended}# Epic 21 feature flags\n{KEY}=false\n{OTHER}=false\n"
    assert env.path.read_bytes() == expected.encode()
    assert env.restore(change).outcome == "exact"
    assert env.path.read_bytes() == original


def test_append_refuses_a_key_that_is_there(env):
    original = write(env, f"{KEY}=false\n")
    with pytest.raises(EnvFileError, match=f"{KEY} on line 1 is there already"):
        env.append({OTHER: "false", KEY: "false"}, "flags")
    assert env.path.read_bytes() == original


def test_append_refuses_to_run_into_an_open_quote(env):
    """The comment's quote would close the one left open above, and so swallow it into A."""
    original = write(env, 'A="open\n')
    with pytest.raises(EnvFileError, match="cannot be told from the lines around it"):
        env.append({KEY: "false"}, 'flags "')
    assert env.path.read_bytes() == original


def test_append_is_taken_back_around_what_others_wrote(env):
    write(env, "A=1\n")
    change = env.append({KEY: "false"}, "flags")
    write(env, f"A=2\n# flags\n{KEY}=false\nB=1\n")
    assert env.restore(change).outcome == "merged"
    assert env.path.read_text() == "A=2\nB=1\n"
    assert env.restore(change).outcome == "already"


def test_append_is_not_taken_back_over_a_flag_that_was_switched(env):
    write(env, "A=1\n")
    change = env.append({KEY: "false"}, "flags")
    env.set(KEY, "true")
    with pytest.raises(EnvFileConflict, match="now line 3 sets USE_NEW_STORAGE_ADAPTER to 'true'"):
        env.restore(change)


# --- restoring


def test_restore_twice_is_harmless(env):
    original = write(env, f"{KEY}=false\n")
    change = env.set(KEY, "true")
    assert [env.restore(change).outcome for _ in range(2)] == ["exact", "already"]
    assert env.path.read_bytes() == original


def test_a_change_that_changed_nothing_is_nothing_to_restore(env):
    write(env, f"{KEY}=true\n")
    assert env.restore(env.set(KEY, "true")).outcome == "already"


def test_change_survives_json(env):
    original = write(env, f"# é \xff\n{KEY}=false # \xfc\n".encode("latin-1"))
    change = env.set(KEY, "true")
    stored = Change.from_dict(json.loads(json.dumps(change.to_dict())))
    assert stored == change
    assert env.restore(stored).outcome == "exact"
    assert env.path.read_bytes() == original


def test_change_tells_what_was_and_holds_no_other_line(env):
    original = write(env, f"MONGO_PASSWORD={CANARY}\n{KEY}=false # c\n")
    change = env.set(KEY, "true")
    assert change.before == ((2, f"{KEY}=false # c"),)
    assert change.after == ((2, f"{KEY}=true # c"),)
    assert change.previous == "false"
    assert change.sha256_before == hashlib.sha256(original).hexdigest()
    assert change.sha256_after == hashlib.sha256(env.path.read_bytes()).hexdigest()
    assert CANARY not in json.dumps(change.to_dict())


def test_other_lines_changed_meanwhile_are_kept(env):
    write(env, f"A=1\n{KEY}=false # c\n")
    change = env.set(KEY, "true")
    write(env, f"NEW=1\nA=2\n\n{KEY}=true # c\nB=3")
    restored = env.restore(change)
    assert restored.outcome == "merged"
    assert "other lines were changed by others" in restored.note
    assert env.path.read_text() == f"NEW=1\nA=2\n\n{KEY}=false # c\nB=3"


@pytest.mark.parametrize(
    "now, says",
    [
        ("{k}=maybe\n", "line 1 sets {k} to 'maybe'"),
        ("{k}=true\n{k}=maybe\n", "line 2 sets {k} to 'maybe' \\(beside this run's own line\\)"),
        ("A=1\n", "{k} is no longer in the file"),
    ],
)
def test_a_key_changed_by_somebody_else_is_a_conflict(env, now, says):
    write(env, f"{KEY}=false\n")
    change = env.set(KEY, "true")
    theirs = write(env, now.format(k=KEY))
    with pytest.raises(EnvFileConflict, match=f"this run wrote {KEY}: true; now {says.format(k=KEY)}"):
        env.restore(change)
    assert env.path.read_bytes() == theirs


@pytest.mark.parametrize(
    "now, outcome, then",
    [
        # the rollback plan's `echo KEY=false >> .env.infra`, by hand, while the run goes on
        ("A=1\n{k}=true\n{k}=false\n", "merged", "A=1\n{k}=false\n{k}=false\n"),
        ("A=1\n{k}=false # by hand\n", "already", "A=1\n{k}=false # by hand\n"),
        ("A=2\n{k}=false\n", "already", "A=2\n{k}=false\n"),
    ],
)
def test_a_rollback_by_hand_is_no_conflict(env, now, outcome, then):
    write(env, f"A=1\n{KEY}=false\n")
    change = env.set(KEY, "true")
    write(env, now.format(k=KEY))
    assert env.restore(change).outcome == outcome
    assert env.path.read_text() == then.format(k=KEY)
    assert env.restore(change).outcome == "already"


def test_one_of_two_lines_set_back_by_hand_leaves_no_line_on(env):
    write(env, f"{KEY}=false\n{KEY}=false\n")
    change = env.set(KEY, "true")
    write(env, f"{KEY}=true\n{KEY}=false\n")
    assert env.restore(change).outcome == "merged"
    assert env.path.read_text() == f"{KEY}=false\n{KEY}=false\n"


def test_a_change_of_another_file_is_refused(env, tmp_path):
    write(env, f"{KEY}=false\n")
    change = env.set(KEY, "true")
    with pytest.raises(EnvFileError, match="restore it there"):
        EnvFile(tmp_path / "other").restore(change)


def test_a_damaged_change_is_not_applied(env):
    write(env, f"{KEY}=false\n")
    data = env.set(KEY, "true").to_dict() | {"before": [[1, f"{KEY}=tampered"]]}
    with pytest.raises(EnvFileError, match="does not lead back"):
        env.restore(Change.from_dict(data))
    assert env.path.read_text() == f"{KEY}=true\n"


# --- properties

_line_ends = st.sampled_from(["\n", "\n", "\r\n"])
_noise = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=12),
    st.sampled_from(["# comment", "A=1", "B='x y'", 'C="a\\"b"', "export D=1", "", f"#{KEY}=false", f"{KEY}X=1"]),
)
_flag_line = st.builds(
    "{}{}{}={}{}".format,
    st.sampled_from(["", "  ", "export "]),
    st.just(KEY),
    st.sampled_from(["", " "]),
    st.sampled_from(["", '"', "'"]).map(lambda quote: quote + "false" + quote),
    st.sampled_from(["", " ", " # note", "\t#x=1 'y'"]),
)
_lines = st.lists(st.tuples(st.one_of(_noise, _flag_line), _line_ends).map("".join), max_size=8).map("".join)
_files = st.tuples(_lines, st.sampled_from(["", "# no newline", f"{KEY}=false"])).map(
    lambda parts: "".join(parts).encode()
)


@settings(max_examples=150, deadline=None)
@given(before=st.one_of(_files, st.binary(max_size=40)), after=st.one_of(_files, st.binary(max_size=40)))
def test_set_then_restore_is_byte_identical(tmp_path_factory, before, after):
    env = EnvFile(tmp_path_factory.getbasetemp() / "property.env")
    original = write(env, before + f"\n{KEY}=false\n".encode() + after)
    try:
        change = env.set(KEY, "true")
    except EnvFileError:
        assert env.path.read_bytes() == original
        assume(False)
    assert env.flag(KEY) is True
    assert env.restore(change).outcome == "exact"
    assert env.path.read_bytes() == original


@settings(max_examples=150, deadline=None)
@given(content=_files)
def test_set_changes_no_other_line(tmp_path_factory, content):
    """Judged without our parser: with the key's values blotted out, both files are the same bytes."""
    env = EnvFile(tmp_path_factory.getbasetemp() / "property.env")
    original = write(env, content)
    try:
        env.set(KEY, "true")
    except EnvFileError:
        assert env.path.read_bytes() == original
        assume(False)
    blot = re.compile(rb"(" + KEY.encode() + rb"\s?=['\"]?)(?:true|false)")
    assert blot.sub(rb"\1", env.path.read_bytes()) == blot.sub(rb"\1", original)


@settings(max_examples=100, deadline=None)
@given(before=_files, added=_files)
def test_lines_appended_by_others_survive_the_restore(tmp_path_factory, before, added):
    env = EnvFile(tmp_path_factory.getbasetemp() / "property.env")
    assume(KEY.encode() not in added)
    original = write(env, f"{KEY}=false\n".encode() + before + b"\n")
    try:
        change = env.set(KEY, "true")
    except EnvFileError:
        assume(False)
    write(env, env.path.read_bytes() + added)
    assert env.restore(change).outcome in ("merged", "exact")
    assert env.path.read_bytes() == original + added


# --- diagnosis


def diagnosis(env: EnvFile, content: str) -> dict[str, str]:
    write(env, content)
    findings = env.diagnose([KEY])
    assert all(str(env.path) in finding.message for finding in findings)
    assert CANARY not in repr(findings)
    return {finding.message.removeprefix(f"{env.path}: "): finding.severity for finding in findings}


def test_a_good_file_gives_no_finding(env):
    assert diagnosis(env, f"# c\nMONGO_PASSWORD={CANARY}\r\n{KEY}=false # why\n") == {}


@pytest.mark.parametrize(
    "content, severity, says",
    [
        ("A=1\n", "refuse", "{k} is missing; stage 21_00 adds it"),
        ("A='x\n{k}=false\ny'\n", "refuse", "{k} stands only inside another key's quotes"),
        ("{k}=maybe\n", "refuse", "line 1: {k} holds 'maybe'; expected true or false"),
        ("{k}=\n", "refuse", "line 1: {k} holds nothing"),
        ("{k}\n", "refuse", "line 1: {k} has no '='"),
        ('A=1\n{k}="false\n', "refuse", "line 2: {k} cannot be read"),
        ("{k}=false\r\n", "refuse", "line 1: {k} ends in a carriage return"),
        ("\ufeff{k}=false\n", "refuse", "line 1: {k} follows a byte order mark"),
        ("{k}=false\n\n{k}=false\n", "warn", "line 3: {k} is set on lines 1, 3; line 3 wins"),
        ("{k}=true\n{k}=false\n", "warn", "they differ: line 1 holds 'true', line 2 holds 'false'"),
        ("export {k}=false\n", "warn", "line 1: {k} is written with `export `"),
        ("{k}='false'\n", "warn", "line 1: {k} has quotes"),
        ("{k} = false\n", "warn", "line 1: {k} has spaces around '='"),
        ("{k}=false", "warn", "has no newline at its end"),
    ],
)
def test_diagnosis(env, content, severity, says):
    found = diagnosis(env, content.format(k=KEY))
    assert [sev for message, sev in found.items() if says.format(k=KEY) in message] == [severity], found


def test_diagnosis_never_shows_values_of_other_keys(env):
    """`diagnosis` looks for the canary in every message."""
    found = diagnosis(env, f'X_TOKEN="{CANARY}\nexport {KEY}=maybe\r\n{KEY}=1\nY={CANARY}\n{CANARY}')
    assert len(found) == 5, found


def test_diagnosis_of_a_missing_file_a_folder_and_a_dangling_link(env, tmp_path):
    [finding] = env.diagnose([KEY])
    assert (finding.severity, finding.line) == ("refuse", None)
    assert "no such file; correct ENV_FILE" in finding.message
    env.path.symlink_to(tmp_path / "nowhere")
    assert "no such file" in env.diagnose([KEY])[0].message
    [finding] = EnvFile(tmp_path).diagnose([KEY])
    assert "cannot be read: Is a directory" in finding.message


def test_diagnosis_names_the_real_file_of_a_link(env, tmp_path):
    (tmp_path / "real.env").write_text(f"{KEY}=false\n")
    env.path.symlink_to("real.env")
    [finding] = env.diagnose([KEY])
    assert finding.severity == "warn"
    assert str(tmp_path / "real.env") in finding.message


def test_diagnosis_of_an_unwritable_folder(env, monkeypatch):
    write(env, f"{KEY}=false\n")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    [finding] = env.diagnose([KEY])
    assert (finding.severity, "is not writable" in finding.message) == ("refuse", True)
