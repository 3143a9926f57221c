"""The env file keeps everything but the one value, and gives it back, whoever else writes meanwhile."""

import fcntl
import hashlib
import json
import os
import re
import stat
import struct
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import acceptance.envfile.file
import acceptance.envfile.obstacles
from acceptance.disk import owner_name
from acceptance.envfile.atomic import replace_bytes
from acceptance.envfile.file import Change, EnvFile, EnvFileConflict, EnvFileError, Restored
from acceptance.envfile.obstacles import attributes

KEY = "USE_NEW_STORAGE_ADAPTER"
OTHER = "USE_NEW_DIALOG_CONTEXT_REPO"
CANARY = "canary-of-another-key"
NOBODY = 0xFFFFFFFF
ACL = struct.pack("<I" + "HHI" * 5, 2, 1, 6, NOBODY, 2, 4, 65534, 4, 0, NOBODY, 0x10, 4, NOBODY, 0x20, 0, NOBODY)
"""Version 2; owner rw, user 65534 r, group nothing, mask r, others nothing."""
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


@pytest.fixture
def env(tmp_path: Path) -> EnvFile:
    return EnvFile(tmp_path / ".env.infra")


def write(env: EnvFile, content: str | bytes) -> bytes:
    content = content.encode() if isinstance(content, str) else content
    env.path.write_bytes(content)
    return content


def switched(env, before=f"{KEY}=false\n"):
    write(env, before)
    return env.set(KEY, "true")


# --- reading


def test_reads_as_a_shell_does(env):
    """export, quotes, a second line and a trailing comment; compared with bash itself, not with our own parser."""
    write(env, f"{KEY}=false\nexport {KEY}=\"true\" # on\n{OTHER}='false'\nPLAIN=a#b # c\n")
    script = f'. "{env.path}"; printf "%s|%s|%s" "${KEY}" "${OTHER}" "$PLAIN"'
    shell = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout
    assert "|".join(env.read()[key] for key in (KEY, OTHER, "PLAIN")) == shell
    write(env, "A=1\nB=${A}\n")
    assert env.read()["B"] == "${A}", "what we do not interpolate"


@pytest.mark.parametrize("value", ["", "1", "yes", "truee", "true;"])
def test_flag_takes_only_true_and_false(env, value):
    write(env, f"{KEY}={value}\n")
    with pytest.raises(EnvFileError, match=f"{KEY} holds .*expected true or false"):
        env.flag(KEY)


@pytest.mark.parametrize(("value", "on"), [("TRUE", True), ("1", True), ("yes", True), ("off", False), ("", False)])
def test_a_setting_is_on_by_any_word_that_a_settings_library_takes(env, value, on):
    write(env, f"STORAGE_AV_SCAN_ENABLED={value}\n")
    assert (env.switch("STORAGE_AV_SCAN_ENABLED"), env.switch("ABSENT")) == (on, False)
    write(env, "STORAGE_AV_SCAN_ENABLED=perhaps\n")
    with pytest.raises(EnvFileError, match="holds 'perhaps'; expected true or false"):
        env.switch("STORAGE_AV_SCAN_ENABLED")


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


@pytest.mark.parametrize(
    ("content", "value", "told"),
    [
        ("A=1\n", "true", f"{KEY} is absent"),
        (f"A=1\n{KEY}\n{KEY}\n", "true", f"{KEY} has no '=' on line 2"),
        (f'{KEY}="false\nA=1\n', "true", f"line 1 names {KEY} and cannot be read"),
        (f"A=1\n{KEY}: a\n- {KEY}\n", "true", f"line 2 names {KEY} and cannot be read"),
        (f"# {KEY}=false\n", "true", f"{KEY} is absent"),
        *((f"{KEY}=false\n", no, "nothing was changed") for no in ("", "a b", "a'b", "$x", "a#b", "a\nB=1")),
    ],
)
def test_set_refuses_what_is_not_plainly_there_and_values_that_need_quoting(env, content, value, told):
    original = write(env, content)
    with pytest.raises(EnvFileError, match=told):
        env.set(KEY, value)
    assert env.path.read_bytes() == original


def test_mode_survives_and_the_new_file_is_private_until_it_is_complete(env, monkeypatch):
    write(env, f"{KEY}=false\n")
    env.path.chmod(0o647)
    fchmod, seen = os.fchmod, []
    monkeypatch.setattr(os, "fchmod", lambda fd, mode: (seen.append(os.fstat(fd).st_mode & 0o7777), fchmod(fd, mode)))
    before = env.held()
    env.set(KEY, "true")
    assert (stat.S_IMODE(env.path.stat().st_mode), seen) == (0o647, [0o600, 0o600])
    assert (stat.S_IMODE(env.path.with_name(".env.infra.lock").stat().st_mode), before.mode) == (0o660, 0o647)
    assert "false" not in repr(before)


@root_only
@pytest.mark.parametrize("owner", [(12345, 54321), (0, 0)], ids=["of the file", "and not the folder's"])
def test_owner_survives(env, owner):
    """A folder with the set-group-ID bit gives what is made in it its own group."""
    write(env, f"{KEY}=false\n")
    os.chown(env.path, *owner)
    os.chown(env.path.parent, -1, 54321)
    env.path.parent.chmod(0o2700)
    env.set(KEY, "true")
    for path in (env.path, env.path.with_name(".env.infra.lock")):
        assert (path.stat().st_uid, path.stat().st_gid) == owner


@pytest.mark.parametrize("of", ["file", "folder", "file and folder"])
def test_acl_and_attributes_survive_and_none_are_added(env, tmp_path, of):
    """An ACL shows in the mode as the group's bits: without it, a user of it is out, and the group is in."""
    write(env, f"{KEY}=false\n")
    env.path.chmod(0o600)
    os.setxattr(env.path, "user.origin", b"ansible")
    if "folder" in of:
        os.setxattr(tmp_path, "system.posix_acl_default", ACL)
    if "file" in of:
        os.setxattr(env.path, "system.posix_acl_access", ACL)
    before = attributes(env.path), env.path.stat().st_mode
    assert "system.posix_acl_access" in before[0] or of == "folder"
    env.restore(env.set(KEY, "true"))
    assert (attributes(env.path), env.path.stat().st_mode) == before


def test_an_attribute_that_cannot_be_kept_is_no_change(env, monkeypatch):
    original = write(env, f"{KEY}=false\n")
    os.setxattr(env.path, "user.origin", b"ansible")
    monkeypatch.setattr(os, "setxattr", refuse)
    with pytest.raises(EnvFileError, match=r"user\.origin would be lost.*nothing was changed"):
        env.set(KEY, "true")
    assert (env.path.read_bytes(), attributes(env.path)) == (original, {"user.origin": b"ansible"})


def refuse(*_):
    raise PermissionError(1, "Operation not permitted")


@root_only
@pytest.mark.parametrize(
    "make, unmake, says",
    [
        (["chattr", "+i", "{file}"], ["chattr", "-i", "{file}"], "it is immutable"),
        (["chattr", "+a", "{file}"], ["chattr", "-a", "{file}"], "it is append-only"),
        (["chattr", "+i", "{folder}"], ["chattr", "-i", "{folder}"], "its folder .* is immutable"),
        (["ln", "{file}", "{file}.too"], ["rm", "{file}.too"], "it has 2 names"),
        (["mount", "--bind", "{source}", "{file}"], ["umount", "{file}"], "it is a mount point"),
    ],
    ids=["immutable", "append-only", "immutable folder", "hard link", "bind mount"],
)
def test_what_cannot_be_replaced_is_found_out_before_the_intent(env, tmp_path, make, unmake, says):
    folder = tmp_path / "in fra"
    folder.mkdir()
    env = EnvFile(folder / ".env.infra")
    original = write(env, f"{KEY}=false\n")
    (tmp_path / "source").write_bytes(original)
    (folder / ".env.infra.lock").touch()
    places = {"file": env.path, "folder": folder, "source": tmp_path / "source"}
    done = subprocess.run([word.format(**places) for word in make], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"not possible here: {done.stderr.strip()}")
    announced = []
    try:
        assert re.search(says, "; ".join(finding.found for finding in env.refusals([KEY])))
        with pytest.raises(EnvFileError, match=f"{says}.*nothing was changed"):
            env.set(KEY, "true", announce=announced.append)
        assert (announced, env.path.read_bytes()) == ([], original)
    finally:
        subprocess.run([word.format(**places) for word in unmake], check=True)
    assert env.refusals([KEY]) == []


def test_a_mount_point_is_told_by_its_name_and_a_lock_only_where_it_can_be_seen(env, tmp_path, monkeypatch):
    write(env, f"{KEY}=false\n")
    mounts = tmp_path / "mountinfo"
    monkeypatch.setattr(acceptance.envfile.obstacles, "_MOUNTS", mounts)
    monkeypatch.setattr(acceptance.envfile.obstacles, "ioctl", refuse)
    assert env.refusals([KEY]) == []
    env = EnvFile(tmp_path / "a b\\")
    write(env, f"{KEY}=false\n")
    mounts.write_text(f"1 2 0:3 / / rw\n24 23 0:22 / {tmp_path}/a\\040b\\134 rw\n")
    assert "it is a mount point" in env.refusals([KEY])[0].found


def test_a_line_that_others_append_before_the_rename_is_kept(env):
    """They know nothing of our lock; the change is refused, and a restore takes theirs in."""
    write(env, f"{KEY}=false\n")

    def others(change):
        with env.path.open("a") as stream:
            stream.write("THEIRS=1\n")

    with pytest.raises(EnvFileError, match="somebody else changed it while this run was about to"):
        env.set(KEY, "true", announce=others)
    assert env.path.read_text() == f"{KEY}=false\nTHEIRS=1\n"


@pytest.mark.parametrize("times", [4, 5], ids=["four times", "each of five times"])
def test_a_restore_takes_in_what_others_append_before_the_rename(env, monkeypatch, times):
    change = switched(env)
    appended = []

    def others_first(path, content, before_rename):
        appended.append(len(appended) < times and env.path.write_text(f"{KEY}=true\nTHEIRS={len(appended)}\n"))
        replace_bytes(path, content, before_rename)

    monkeypatch.setattr(acceptance.envfile.file, "replace_bytes", others_first)
    with pytest.raises(EnvFileError, match="somebody else changed it") if times > 4 else nullcontext():
        assert env.restore(change).outcome == "merged"
    assert (len(appended), env.path.read_text()) == (5, f"{KEY}={str(times > 4).lower()}\nTHEIRS={times - 1}\n")


def test_a_link_that_is_turned_to_another_file_meanwhile_is_no_change(env, tmp_path):
    """As a release does that switches `current`."""
    for name in ("a", "b"):
        (tmp_path / name).write_text(f"{KEY}=false\n")
    env.path.symlink_to("a")

    def turn(change):
        env.path.unlink()
        env.path.symlink_to("b")

    with pytest.raises(EnvFileError, match="somebody else changed it"):
        env.set(KEY, "true", announce=turn)
    assert [(tmp_path / name).read_text() for name in ("a", "b")] == [f"{KEY}=false\n"] * 2


def test_drift_is_a_flag_that_is_not_what_it_was_made(env):
    assert "cannot be read" in env.drift(KEY, value=True).found
    write(env, f"{KEY}={'x' * 300}\n")
    assert env.drift(KEY, value=True).found == "x" * 200
    write(env, f"{KEY}=TRUE\n")
    assert env.drift(KEY, value=True) is None
    assert env.drift(KEY, value=False).found == "TRUE"
    write(env, "")
    assert env.drift(KEY, value=True).found == "no line of it"


@root_only
@pytest.mark.parametrize("owner", [(0, 65534), (65535, 65534), (65534, 0)], ids=["root", "another", "another group"])
def test_another_owners_file_is_refused_before_anything(open_folder, owner):
    """An ordinary user in a folder that all may write to would take the file over."""
    open_folder.chmod(0o777)
    env = EnvFile(open_folder / ".env.infra")
    original = write(env, f"{KEY}=false\n")
    env.path.chmod(0o644)
    os.chown(env.path, *owner)
    script = (
        "import os, sys; from pathlib import Path; from acceptance.envfile.file import EnvFile, EnvFileError\n"
        f"os.setgid(65534); os.setgroups([]); os.setuid(65534)\nenv = EnvFile(Path({str(env.path)!r}))\n"
        f"print([str(f) for f in env.refusals([{KEY!r}])])\n"
        f"try:\n    env.set({KEY!r}, 'true')\nexcept EnvFileError as error:\n    print(error)\n"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert f"belongs to {owner_name(env.path.stat())} and this process runs as " in out
    assert "run as the owner or root; nothing was changed" in out
    assert env.path.read_bytes() == original
    assert sorted(p.name for p in open_folder.iterdir()) == [".env.infra", ".env.infra.lock"]


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


def test_a_file_system_that_syncs_no_folder_will_do(env, monkeypatch):
    """As 9p and older CIFS: the file was replaced, and told as it was."""
    fsync = os.fsync

    def files_only(fd):
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(22, "Invalid argument")
        fsync(fd)

    monkeypatch.setattr(os, "fsync", files_only)
    write(env, f"{KEY}=false\n")
    assert (env.set(KEY, "true").value, env.flag(KEY)) == ("true", True)


@pytest.mark.parametrize(("room", "wanted"), [(99, False), (0, True)], ids=["no new file fits", "no byte fits"])
def test_a_restore_on_a_full_disk_is_written_in_place_or_not_at_all(env, monkeypatch, room, wanted):
    """A flag that stays on, as no room is left for a second file, is worse than a write that is not atomic."""
    change = switched(env, f"A=1\n{KEY}=false\n")
    full = OSError(28, "No space left on device")
    pwrite, longest = os.pwrite, len(env.path.read_bytes()) + room
    monkeypatch.setattr(acceptance.envfile.atomic, "_write", Mock(side_effect=full))
    monkeypatch.setattr(os, "pwrite", lambda fd, content, at: pwrite(fd, content[: longest - at], at))
    with pytest.raises(EnvFileError, match="No space left") if wanted else nullcontext():
        assert "written in place, for [Errno 28] No space left" in env.restore(change).note
    assert env.path.read_text() == f"A=1\n{KEY}={str(wanted).lower()}\n"


def test_a_restore_that_chattr_forbids_names_it(env):
    change = switched(env)
    if subprocess.run(["chattr", "+i", env.path], capture_output=True, check=False).returncode:
        pytest.skip("not possible here")
    try:
        with pytest.raises(EnvFileError, match=r"not permitted.*it is immutable; lift that for the run: chattr -ia"):
            env.restore(change)
    finally:
        subprocess.run(["chattr", "-i", env.path], check=True)


def test_what_a_killed_writer_left_is_cleared_away(env, tmp_path):
    """By the next write, and by a restore that finds nothing to do: the half-written copy holds secrets."""
    change = switched(env)
    for outcome in ("exact", "already"):
        (tmp_path / ".env.infra.acceptance.tmp").write_text("half a f")
        assert env.restore(change).outcome == outcome
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
        subprocess.Popen([sys.executable, "-c", script, env.path, f"{n}"], stdin=subprocess.PIPE) for n in range(8)
    ]
    for writer in writers:  # all start on the closing of their stdin, as close together as can be
        writer.stdin.close()
    assert [writer.wait(timeout=30) for writer in writers] == [0] * 8
    assert env.path.read_text() == "".join(f"K{n}_{i}=true\n" for n in range(8) for i in range(5))


# --- appending (21_00)


@pytest.mark.parametrize("before", ["", "\ufeff", "A=1\n", "A=1", "A=1\r\n", "# c"])
def test_append_ends_the_last_line_first_and_is_undone(env, before):
    original = write(env, before)
    change = env.append({KEY: "false", OTHER: "false"}, "Epic 21 feature flags")
    ended = before if before in ("", "\ufeff") or before.endswith("\n") else before + "\n"
    expected = f"{ended}# Epic 21 feature flags\n{KEY}=false\n{OTHER}=false\n"
    assert env.path.read_bytes() == expected.encode()
    assert env.restore(change).outcome == "exact"
    assert env.path.read_bytes() == original


def test_append_refuses_a_key_that_is_there(env):
    original = write(env, f"{KEY}=false\n")
    with pytest.raises(EnvFileError, match=f"{KEY} on line 1 is there already"):
        env.append({OTHER: "false", KEY: "false"}, "flags")
    assert env.path.read_bytes() == original
    with pytest.raises(EnvFileError, match=f": '{'A' * 60}' cannot be written"):
        env.append({"A" * 61: "a b"}, "flags")


def test_append_refuses_to_run_into_an_open_quote(env):
    """The comment's quote would close the one left open above, and so swallow it into A."""
    original = write(env, 'A="open\n')
    with pytest.raises(EnvFileError, match="cannot be told from the lines around it"):
        env.append({KEY: "false"}, 'flags "')
    assert env.path.read_bytes() == original


def test_append_is_undone_around_what_others_wrote(env):
    write(env, "A=1\n")
    change = env.append({KEY: "false"}, "flags")
    write(env, f"# flags\nA=2\n# flags\n{KEY}=false\nB=1\n")
    restored = Restored("merged", f"the lines added for {KEY} are removed; what others changed is kept")
    assert env.restore(change) == restored
    assert env.path.read_text() == "# flags\nA=2\nB=1\n"
    assert env.restore(change) == Restored("already", f"the lines of {KEY} were removed by others")
    write(env, f"A=2\n# flags\n{KEY}=false\n{KEY}=False\n")
    assert env.restore(change) == replace(restored, note=f"{restored.note}; line 4, written by others, is kept")
    assert env.path.read_text() == f"A=2\n{KEY}=False\n"


def test_append_is_not_undone_over_a_flag_that_was_switched(env):
    write(env, "A=1\n")
    change = env.append({KEY: "false"}, "flags")
    env.set(KEY, "true")
    told = f"wrote {KEY}: {KEY}=false; now line 3 sets {KEY} to 'true'; somebody else .* it is to be removed, then"
    with pytest.raises(EnvFileConflict, match=told):
        env.restore(change)


# --- restoring


def test_change_survives_json(env):
    original = write(env, f"# é \xff\n{KEY}=false # \xfc\n".encode("latin-1"))
    change = env.set(KEY, "true")
    stored = Change.from_dict(json.loads(json.dumps(change.to_dict())))
    assert stored == change
    assert env.restore(stored).outcome == "exact"
    assert env.path.read_bytes() == original


def test_change_tells_what_was_and_holds_no_other_line(env):
    def digest():
        return hashlib.sha256(env.path.read_bytes()).hexdigest()

    write(env, f"MONGO_PASSWORD={CANARY}\n{KEY}=false # c\n{KEY}=False")
    digests, path = [digest()], str(env.path)
    change = env.set(KEY, "true")
    digests.append(digest())
    before, after = ((2, f"{KEY}=false # c"), (3, f"{KEY}=False")), ((2, f"{KEY}=true # c"), (3, f"{KEY}=true"))
    assert change == Change(path, "set", (KEY,), "true", before, after, False, *digests)
    assert (change.previous, CANARY in json.dumps(change.to_dict())) == ("False", False)
    added = env.append({OTHER: "false"}, "of  the\nepic")
    after, digests = ((4, "# of the epic"), (5, f"{OTHER}=false")), [digests[1], digest()]
    assert added == Change(path, "append", (OTHER,), f"{OTHER}=false", (), after, True, *digests)
    assert added.previous is None


def test_other_lines_changed_meanwhile_are_kept(env):
    change = switched(env, f"A=1\n{KEY}=false # c\n")
    write(env, f"NEW=1\nA=2\n\n{KEY}=true # c\nB=3")
    note = f"{KEY} is back at false; other lines were changed by others and are kept"
    assert env.restore(change) == Restored("merged", note)
    assert env.path.read_text() == f"NEW=1\nA=2\n\n{KEY}=false # c\nB=3"


@pytest.mark.parametrize(
    "now, says",
    [
        ("{k}=maybe\n", "line 1 sets {k} to 'maybe'; somebody else .* is to be 'false', as before this run, then"),
        ("{k}=true\n{k}=maybe\n", "line 2 sets {k} to 'maybe' \\(beside this run's own line\\)"),
        ("{k}=false\n{k}=maybe\n{k}=0\n", "line 1 .*, line 2 sets {k} to 'maybe', line 3 sets {k} to '0'"),
        ("A=1\n", "{k} is no longer in the file"),
    ],
)
def test_a_key_changed_by_somebody_else_is_a_conflict(env, now, says):
    change = switched(env)
    theirs = write(env, now.format(k=KEY))
    with pytest.raises(EnvFileConflict, match=f"this run wrote {KEY}: true; now {says.format(k=KEY)}"):
        env.restore(change)
    assert env.path.read_bytes() == theirs


@pytest.mark.parametrize(
    "now, outcome, then, told",
    [
        # the rollback plan's `echo KEY=false >> .env.infra`, by hand, while the run goes on
        (
            "A=1\n{k}=true\n{k}=false\n",
            "merged",
            "A=1\n{k}=false\n{k}=false\n",
            "are kept; line 3, set to false by others, is kept",
        ),
        ("A=1\n{k}=false # by hand\n", "already", "A=1\n{k}=false # by hand\n", "changed to false by others"),
        ("A=2\n{k}=false\n", "already", "A=2\n{k}=false\n", "is as before; other lines were changed by others"),
        (
            'A=2\nexport {k}="TRUE"\n',
            "merged",
            'A=2\nexport {k}="false"\n',
            "is back at false; other lines were changed by others and are kept",
        ),
        ("A=2\n{k}=False\n", "already", "A=2\n{k}=False\n", "changed to false by others"),
        (
            "A=2\n{k}=true\nexport {k}=FALSE\n",
            "merged",
            "A=2\n{k}=false\nexport {k}=FALSE\n",
            "are kept; line 3, set to false by others, is kept",
        ),
    ],
)
def test_a_rollback_by_hand_is_no_conflict(env, now, outcome, then, told):
    change = switched(env, f"A=1\n{KEY}=false\n")
    write(env, now.format(k=KEY))
    restored = env.restore(change)
    assert (restored.outcome, restored.note[-len(told) :]) == (outcome, told)
    assert env.path.read_text() == then.format(k=KEY)
    assert env.restore(change).outcome == "already"


def test_one_of_two_lines_changed_by_hand_leaves_no_line_on(env):
    change = switched(env, f"{KEY}=false\n{KEY}=false\n")
    write(env, f"{KEY}=true\n{KEY}=false\n")
    assert env.restore(change).outcome == "merged"
    assert env.path.read_text() == f"{KEY}=false\n{KEY}=false\n"
    write(env, f"A=1\n{KEY}=true\n{KEY}=true\n")
    assert env.restore(change).outcome == "merged"
    assert env.path.read_text() == f"A=1\n{KEY}=false\n{KEY}=false\n"
    write(env, f"{KEY}=true\n" * 3)
    with pytest.raises(EnvFileConflict, match="line 3 sets"):
        env.restore(change)


def test_a_change_of_another_file_is_refused(env, tmp_path):
    change = switched(env)
    with pytest.raises(EnvFileError, match="restore it there"):
        EnvFile(tmp_path / "other").restore(change)


def test_a_damaged_change_is_not_applied(env):
    write(env, f"{KEY}=false\n")
    for before in ([[1, f"{KEY}=tampered"]], []):
        data = env.set(KEY, "true").to_dict() | {"sha256_before": "", "before": before}
        with pytest.raises(EnvFileError, match="does not lead back"):
            env.restore(Change.from_dict(data))
    assert env.path.read_text() == f"{KEY}=true\n"


# --- properties


@pytest.fixture(scope="module")
def in_memory():
    """A file that is not on a disk: these look at bytes, and beside other tests a disk takes them minutes."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield EnvFile(Path(folder) / "property.env")


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


@given(before=st.one_of(_files, st.binary(max_size=40)), after=st.one_of(_files, st.binary(max_size=40)))
def test_set_then_restore_is_byte_identical(in_memory, before, after):
    env = in_memory
    original = write(env, before + f"\n{KEY}=false\n".encode() + after)
    try:
        change = env.set(KEY, "true")
    except EnvFileError:
        assert env.path.read_bytes() == original
        assume(False)
    assert env.flag(KEY) is True
    assert env.restore(change).outcome == "exact"
    assert env.path.read_bytes() == original


@given(content=_files)
def test_set_changes_no_other_line(in_memory, content):
    """Judged without our parser: with the key's values blotted out, both files are the same bytes."""
    env = in_memory
    original = write(env, content)
    try:
        env.set(KEY, "true")
    except EnvFileError:
        assert env.path.read_bytes() == original
        assume(False)
    blot = re.compile(rb"(" + KEY.encode() + rb"\s?=['\"]?)(?:true|false)")
    assert blot.sub(rb"\1", env.path.read_bytes()) == blot.sub(rb"\1", original)


@given(before=_files, added=_files)
def test_lines_appended_by_others_survive_the_restore(in_memory, before, added):
    env = in_memory
    assume(KEY.encode() not in added)
    original = write(env, f"{KEY}=false\n".encode() + before + b"\n")
    try:
        change = env.set(KEY, "true")
    except EnvFileError:
        assume(False)
    write(env, env.path.read_bytes() + added)
    assert env.restore(change).outcome in ("merged", "exact")
    assert env.path.read_bytes() == original + added
