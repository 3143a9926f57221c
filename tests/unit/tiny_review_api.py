"""A review API of one page for the tests of the corpus runner: sound by default, broken on demand in one way."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import stat
import threading
import traceback
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SOUND = "sound"
_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_NAME = re.compile(rb"[A-Za-z0-9_-]{1,100}\.zip")


class RefusedError(Exception):
    """What the client sent is not acceptable."""


@dataclass
class TinyApi:
    """The running service: where it is, where it stores, how it is broken, and the traces that it saw."""

    root: Path
    fault: str = SOUND
    url: str = ""
    traces: list[str] = field(default_factory=list)

    def review(self, body: bytes, boundary: bytes) -> tuple[int, dict[str, str]]:
        form = _parse(body, boundary)
        student, assignment = form["student_id"][1], form["assignment_id"][1]
        attack = not (_ID.fullmatch(student) and _ID.fullmatch(assignment))
        if self.fault == "refuses-all":
            return 422, {"detail": "no"}
        try:
            self._guard(form, attack)
        except RefusedError:
            return self._refuse(form)
        for file, (name, data) in form.items():
            if file.endswith("_zip"):
                self._store(student, assignment, name or file.encode(), data)
        if self.fault == "writes-then-400" and attack:
            return 400, {"detail": "bad student_id"}
        return 201, {"task_id": f"rev_{len(self.traces)}", "status": "queued"}

    def _guard(self, form: dict[str, tuple[bytes | None, bytes]], attack: bool) -> None:
        if attack and self.fault not in ("trusts-ids", "writes-then-400"):
            raise RefusedError
        for file in ("new_zip", "old_zip", "logs_zip"):
            name, data = form.get(file, (b"a.zip", None))
            if name is None or not (_NAME.fullmatch(name) or self.fault == "trusts-names"):
                raise RefusedError
            if data is not None and self.fault != "unpacks":
                _guard_members(data)

    def _refuse(self, form: dict[str, tuple[bytes | None, bytes]]) -> tuple[int, dict[str, str]]:
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
        if self.fault == "unpacks":
            _unpack(data, folder)


def _guard_members(data: bytes) -> None:
    try:
        infos = zipfile.ZipFile(io.BytesIO(data)).infolist()
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


def _unpack(data: bytes, folder: Path) -> None:
    """Unpack as a careless service does: any name, links included, written through."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            place = folder / info.filename
            with contextlib.suppress(OSError):
                place.parent.mkdir(parents=True, exist_ok=True)
                if stat.S_ISLNK(info.external_attr >> 16):
                    place.symlink_to(archive.read(info).decode())
                elif not info.is_dir():
                    place.write_bytes(archive.read(info))


def _parse(body: bytes, boundary: bytes) -> dict[str, tuple[bytes | None, bytes]]:
    form = {}
    for part in body.split(b"--" + boundary)[1:-1]:
        head, _, data = part.partition(b"\r\n\r\n")
        name = re.search(rb'[ ;]name="(\w+)"', head)
        filename = re.search(rb'; filename="(.*)"\r\n', head, re.DOTALL)
        assert name
        form[name[1].decode()] = (filename[1] if filename else None, data[:-2])
    return form


@contextlib.contextmanager
def tiny_review_api(root: Path, fault: str = SOUND) -> Iterator[TinyApi]:
    """Serve on a free port until the block ends."""
    api = TinyApi(root, fault)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            api.traces.append(self.headers["traceparent"].split("-")[1])
            try:
                status, answer = api.review(body, self.headers["Content-Type"].partition("boundary=")[2].encode())
            except (OSError, ValueError):
                status, answer = 500, {"detail": "internal error"}
            raw = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        api.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield api
        server.shutdown()
