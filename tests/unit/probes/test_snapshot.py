"""Snapshots, differences, and whose a file is; not seeing is never "nothing"."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from acceptance.probes.archives.archives import good, new_nonce
from acceptance.probes.storage.canary import digest_of, plant
from acceptance.probes.storage.snapshot import Changes, Tree, attribute, diff
from acceptance.verdict import Inconclusive


def test_an_untouched_folder_has_no_changes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/f").write_text("x")
    assert diff(Tree.of([tmp_path]), Tree.of([tmp_path])) == Changes()


def test_what_is_written_behind_an_answer_is_seen(tmp_path: Path) -> None:
    late = threading.Timer(0.2, (tmp_path / "late").touch)
    late.start()
    assert [*Tree.settled([tmp_path]).entries] == [str(tmp_path / "late")]
    late.join()


def test_appeared_changed_and_vanished_are_told_apart(tmp_path: Path) -> None:
    for name in ("gone", "same", "grown", "moved-over"):
        (tmp_path / name).write_text(name)
    before = Tree.of([tmp_path])
    (tmp_path / "gone").unlink()
    (tmp_path / "grown").write_text("grown more")
    (tmp_path / "new").mkdir()
    (tmp_path / "new/file").touch()
    (tmp_path / "fresh").write_text("moved-over")
    (tmp_path / "fresh").rename(tmp_path / "moved-over")
    assert diff(before, Tree.of([tmp_path])) == Changes(
        (tmp_path / "new", tmp_path / "new/file"), (tmp_path / "grown", tmp_path / "moved-over"), (tmp_path / "gone",)
    )


def test_same_size_and_a_forged_time_are_still_a_change(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("aaaa")
    before, times = Tree.of([tmp_path]), file.stat()
    file.write_text("bbbb")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert diff(before, Tree.of([tmp_path])).changed == (file,)


def test_links_are_listed_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "watched").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "watched/link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/file").touch()
    assert set(Tree.of([tmp_path / "watched"]).entries) == {str(tmp_path / "watched/link")}


def test_folders_may_be_links_and_lie_in_each_other(tmp_path: Path) -> None:
    (tmp_path / "real/inner").mkdir(parents=True)
    (tmp_path / "real/inner/f").touch()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    tree = Tree.of([tmp_path / "link", tmp_path / "real/inner"])
    assert set(tree.entries) == {str(tmp_path / "real/inner"), str(tmp_path / "real/inner/f")}


def test_a_missing_folder_is_inconclusive(tmp_path: Path) -> None:
    with pytest.raises(Inconclusive, match="No such file or directory"):
        Tree.of([tmp_path / "nowhere"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_folder_is_inconclusive(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    with pytest.raises(Inconclusive, match="closed: expected to read it, found: Permission denied"):
        Tree.of([tmp_path])


def test_a_denied_folder_is_inconclusive_whoever_runs_this(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", deny)
    with pytest.raises(Inconclusive, match=r"Permission denied.*run as a member of the group"):
        Tree.of([tmp_path])


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ESTALE], ids=["here", "on a file server"])
def test_what_is_removed_while_we_look_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    (tmp_path / "inner").mkdir()
    scan = os.scandir

    def removed(path: str) -> Any:
        if path.endswith("inner"):
            raise OSError(number, "no")
        return scan(path)

    monkeypatch.setattr(os, "scandir", removed)
    assert [*Tree.of([tmp_path]).entries] == [str(tmp_path / "inner")]


def test_too_many_entries_are_inconclusive(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / str(number)).touch()
    assert len(Tree.of([tmp_path], max_entries=4).entries) == 4
    with pytest.raises(Inconclusive, match="at most 3 entries"):
        Tree.of([tmp_path], max_entries=3)


def test_files_are_attributed_by_nonce_wherever_it_stands(tmp_path: Path) -> None:
    first, second, unknown = new_nonce(), new_nonce(), new_nonce()
    (tmp_path / "archive.zip").write_bytes(good(first).read())
    (tmp_path / "tail").write_bytes(bytes(300_000) + second)
    (tmp_path / "stranger").write_bytes(unknown)
    found = attribute(diff(Tree({}), Tree.of([tmp_path])), {first: "case-1", second: "case-2"})
    assert found.of == {"case-1": [tmp_path / "archive.zip"], "case-2": [tmp_path / "tail"]}
    assert found.unattributed == (tmp_path / "stranger",)


def test_empty_files_folders_and_links_are_attributed_by_name(tmp_path: Path) -> None:
    (tmp_path / "run-c0001").mkdir()
    (tmp_path / "run-c0002.zip").touch()
    (tmp_path / "link").symlink_to("/tmp/run-c0003")
    os.mkfifo(tmp_path / "pipe")
    names = {b"run-c000%d" % number: f"case-{number}" for number in (1, 2, 3)}
    found = attribute(diff(Tree({}), Tree.of([tmp_path])), {}, names)
    own = {"case-1": "run-c0001", "case-2": "run-c0002.zip", "case-3": "link"}
    assert found.of == {case: [tmp_path / name] for case, name in own.items()}
    assert found.unattributed == (tmp_path / "pipe",)


def test_a_name_in_a_file_is_no_attribution(tmp_path: Path) -> None:
    (tmp_path / "service.log").write_text("refused run-c0001")
    found = attribute(diff(Tree({}), Tree.of([tmp_path])), {}, {b"run-c0001": "case-1"})
    assert found.unattributed == (tmp_path / "service.log",)


def test_folders_on_the_way_go_with_what_they_hold(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/f").write_bytes(nonce := new_nonce())
    found = attribute(diff(Tree({}), Tree.of([tmp_path])), {nonce: "case"}).with_parents()
    assert sorted(found.of["case"]) == [tmp_path / "a", tmp_path / "a/b", tmp_path / "a/b/f"]
    assert found.unattributed == ()


def test_a_changed_file_that_cannot_be_read_is_inconclusive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "f").touch()

    def deny(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", deny)
    with pytest.raises(Inconclusive, match="f: expected to read it"):
        attribute(Changes(appeared=(tmp_path / "f",)), {b"n": "case"})


def test_a_file_that_is_gone_or_a_folder_now_has_no_digest(tmp_path: Path) -> None:
    plant(tmp_path / "new/canary", b"sings")
    assert digest_of(tmp_path / "new/canary") == hashlib.sha256(b"sings").hexdigest()
    assert (digest_of(tmp_path / "gone"), digest_of(tmp_path), digest_of(tmp_path / "new/canary/x")) == (None,) * 3


def test_a_canary_that_cannot_be_planted_is_inconclusive(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Inconclusive, match="expected to plant a canary"):
        plant(tmp_path / "file/canary", b"x")
