"""A review API of one page for the tests of the corpus runner: sound by default, broken on demand in one way."""

from __future__ import annotations

import contextlib
import email
import io
import json
import os
import re
import stat
import tarfile
import threading
import traceback
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import collapse_rfc2231_value
from pathlib import Path
from typing import Any

from served import answering

SOUND = "sound"
_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_NAME = re.compile(rb"[A-Za-z0-9_-]{1,100}\.zip")
_LOCAL = re.compile(rb"PK\x03\x04.{22}(..)..", re.DOTALL)
Form = dict[str, tuple[bytes | None, bytes]]


class RefusedError(Exception):
    """What the client sent is not acceptable."""


@dataclass
class TinyApi:
    """The running service: where it is, where it stores, how it is broken, and the traces that it saw."""

    root: Path
    fault: str = SOUND
    url: str = ""
    traces: list[str] = field(default_factory=list)
    attacked: bool = False

    def review(self, body: bytes, boundary: bytes) -> tuple[int, dict[str, str]]:
        guarded, form = _read_twice(body, boundary, self.fault)
        student, assignment = guarded["student_id"][1], guarded["assignment_id"][1]
        attack = not (_ID.fullmatch(student) and _ID.fullmatch(assignment))
        if self.fault == "refuses-all":
            return 422, {"detail": "no"}
        if self.fault == "bans" and (attack or self.attacked):
            self.attacked = True
            return 403, {"detail": "no"}
        try:
            self._guard(guarded, attack)
        except RefusedError:
            return self._refuse(guarded)
        student, assignment = form["student_id"][1], form["assignment_id"][1]
        for file, (name, data) in form.items():
            if file.endswith("_zip"):
                self._store(student, assignment, name or file.encode(), data)
        if self.fault == "writes-then-400" and attack:
            return 400, {"detail": "bad student_id"}
        return 201, {"task_id": f"rev_{len(self.traces)}", "status": "queued"}

    def _guard(self, form: Form, attack: bool) -> None:
        if attack and self.fault not in ("trusts-ids", "writes-then-400"):
            raise RefusedError
        for file in ("new_zip", "old_zip", "logs_zip"):
            name, data = form.get(file, (b"a.zip", None))
            if name is None or not (_NAME.fullmatch(name) or self.fault == "trusts-names"):
                raise RefusedError
            if data is not None and not self.fault.startswith("unpacks"):
                _guard_members(data, reads=self.fault == "reads-members")

    def _refuse(self, form: Form) -> tuple[int, dict[str, str]]:
        left = self.root / ".incoming" / str(len(self.traces))
        if self.fault in ("leaves-incoming", "tidies-late"):
            left.parent.mkdir(exist_ok=True)
            left.write_bytes(form["new_zip"][1])
        if self.fault == "tidies-late":
            threading.Timer(0.3, left.unlink).start()
        if self.fault == "makes-folder-first":
            with contextlib.suppress(OSError, ValueError):
                (self.root / os.fsdecode(form["student_id"][1])).mkdir(parents=True, exist_ok=True)
        if self.fault == "deletes-outside":
            (self.root.parent / "precious").unlink(missing_ok=True)
        if self.fault == "leaks":
            return 422, {"detail": "".join(traceback.format_stack())}
        return {"fails": 500, "limits-rate": 429}.get(self.fault, 422), {"detail": "not acceptable"}

    def _store(self, student: bytes, assignment: bytes, name: bytes, data: bytes) -> None:
        folder = self.root / os.fsdecode(student) / os.fsdecode(assignment)
        if self.fault == "writes-elsewhere":
            folder = self.root.parent / "elsewhere"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / os.fsdecode(name)).write_bytes(data)
        if self.fault.startswith("unpacks"):
            _unpack(data, folder, self.fault)


def _guard_members(data: bytes, *, reads: bool) -> None:
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        infos = archive.infolist()
        if reads:
            archive.testzip()  # stumbles over what it does not understand
    except zipfile.BadZipFile as problem:
        raise RefusedError from problem
    for info in infos:
        hostile = re.search(r"\.\.|^/|\\|:|\0|\.zip$", info.orig_filename)
        if hostile or stat.S_ISLNK(info.external_attr >> 16):
            raise RefusedError
    if sum(info.file_size for info in infos) > 1 << 27 or any(map(_lies, infos)):
        raise RefusedError
    if len(infos) > 1000:
        raise RefusedError


def _lies(info: zipfile.ZipInfo) -> bool:
    return info.compress_size > info.file_size + 1000


def _unpack(data: bytes, folder: Path, how: str) -> None:
    """Unpack as a careless service does: any name, links included, written through."""
    for name, mode, content in _streamed(data) if how == "unpacks-a-stream" else _listed(data, folder):
        place = folder / os.fsdecode(name.lower() if how == "unpacks-folded" else name)
        with contextlib.suppress(OSError, ValueError):
            (place if name.endswith(b"/") else place.parent).mkdir(parents=True, exist_ok=True)
            if stat.S_ISLNK(mode):
                place.symlink_to(content.decode())
            elif not name.endswith(b"/"):
                place.write_bytes(content)
                place.chmod(mode & 0o7777 or 0o644)


def _listed(data: bytes, folder: Path) -> Iterator[tuple[bytes, int, bytes]]:
    """Give a zip's members by its directory; a tar is unpacked at once."""
    if not zipfile.is_zipfile(io.BytesIO(data)):
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar:
                with contextlib.suppress(OSError, KeyError):
                    tar.extract(member, folder, filter="fully_trusted")
        return
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            yield os.fsencode(info.filename), info.external_attr >> 16, archive.read(info)


def _streamed(data: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    """Give the members by the header before each, without a directory and without pax headers."""
    if data[:2] == b"PK":
        for found in _LOCAL.finditer(data):
            end = found.end() + int.from_bytes(found[1], "little")
            size = int.from_bytes(data[found.start() + 18 : found.start() + 22], "little")
            yield data[found.end() : end], 0, data[end : end + size]
        return
    at = 0
    while name := data[at : at + 100].rstrip(b"\0"):
        size = int(data[at + 124 : at + 135], 8)
        if data[at + 156 : at + 157] == b"0":
            yield name, 0, data[at + 512 : at + 512 + size]
        at += 512 + -(-size // 512) * 512


def _read_twice(body: bytes, boundary: bytes, fault: str) -> tuple[Form, Form]:
    """Read the form for the guard, and for the use; a sound service uses what it guarded."""
    if fault not in ("guards-the-first", "guards-the-last"):
        return (once := _parse(body, boundary)), once
    both = (_parse(body, boundary), _parse(body, boundary, takes_last=True))
    return both if fault == "guards-the-first" else both[::-1]


def _parse(body: bytes, boundary: bytes, *, takes_last: bool = False) -> Form:
    """Read a form; what takes the last of what is there twice reads on behind the form's end too."""
    form: Form = {}
    for part in body.split(b"--" + boundary)[1:]:
        if part.startswith(b"--\r\n") and not takes_last:
            break
        head, _, data = part.partition(b"\r\n\r\n")
        name = re.search(rb'[ ;]name="(\w+)"', head)
        if name and (takes_last or name[1].decode() not in form):
            form[name[1].decode()] = (_file_name(head, takes_last=takes_last), data[:-2])
    return form


def _file_name(head: bytes, *, takes_last: bool) -> bytes | None:
    """Take the first plain name, or the last of all that a reader of mail finds."""
    plain: list[bytes | None] = re.findall(rb'(?i); filename="([^"]*)"', head) or [None]
    if not takes_last or len(plain) > 1:
        return plain[-1 if takes_last else 0]
    header = email.message_from_bytes(head.lstrip())
    names = [value for key, value in header.get_params([], "Content-Disposition") if key == "filename"]
    return os.fsencode(collapse_rfc2231_value(names[-1])) if names else None


@contextlib.contextmanager
def tiny_review_api(root: Path, fault: str = SOUND) -> Iterator[TinyApi]:
    """Serve on a free port until the block ends."""
    api = TinyApi(root, fault)

    def answer(asked: Any) -> tuple[int, str, dict[str, str]]:
        api.traces.append(asked.headers["traceparent"].split("-")[1])
        try:
            boundary = re.search(r'boundary="?([^";]+)', asked.headers["Content-Type"])
            assert boundary
            status, told = api.review(asked.body, boundary[1].encode())
        except KeyError:
            status, told = 422, {"detail": "a field is missing"}
        except (OSError, ValueError, RuntimeError):
            status, told = 500, {"detail": "internal error"}
        return status, json.dumps(told), {}

    with answering(answer) as api.url:
        yield api
