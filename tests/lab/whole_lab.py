"""What tests ask of a running lab: uploads, flags, faults, and what is then on disk, in MongoDB and in the log."""

import contextlib
import hashlib
import io
import json
import os
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import httpx
from dotenv import dotenv_values
from pymongo import MongoClient
from rig import until

ROOT = Path(__file__).resolve().parents[2]
BOUNDARY = b"lab-test-boundary"


def archive(*members: tuple[str, bytes], compress: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of the given members, or of one small file with content of its own."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compress) as file:
        for name, content in members or (("main.py", os.urandom(200)),):
            file.writestr(name, content)
    return buffer.getvalue()


def linked(target: str, *members: tuple[str, bytes]) -> bytes:
    """A zip archive whose first member `link` is a symbolic link."""
    info = zipfile.ZipInfo("link")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(info, target)
        for name, content in members:
            file.writestr(name, content)
    return buffer.getvalue()


def padded(size: int) -> bytes:
    """A sound archive of exactly `size` bytes."""
    small = len(archive(("pad", b""), compress=zipfile.ZIP_STORED))
    return archive(("pad", bytes(size - small)), compress=zipfile.ZIP_STORED)


def form(fields: Mapping[str, str | bytes], files: dict[str, tuple[bytes, bytes]]) -> bytes:
    """A multipart body; a file is the raw text behind `filename=`, quotes included, and its content."""
    parts = []
    for name, value in fields.items():
        raw = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
        parts.append(b'Content-Disposition: form-data; name="%s"\r\n\r\n%s' % (name.encode(), raw))
    for name, (file_name, content) in files.items():
        head = b'Content-Disposition: form-data; name="%s"; %s\r\n\r\n' % (name.encode(), file_name)
        parts.append(head + content)
    return b"".join(b"--%s\r\n%s\r\n" % (BOUNDARY, part) for part in parts) + b"--%s--\r\n" % BOUNDARY


class WholeLab:
    """A lab that `python -m lab serve` runs."""

    def __init__(self, process: subprocess.Popen[str], target: Path) -> None:
        self.process, self.home = process, target.parent
        self.target = {key: value or "" for key, value in dotenv_values(target).items()}
        self.http = httpx.Client(timeout=30, trust_env=False)
        self.mongo: MongoClient[dict[str, Any]] = MongoClient(self.target["MONGODB_URL"])
        self.db = self.mongo[self.target["MONGODB_DATABASE"]]
        self.storage = Path(self.target["STORAGE_ROOT"])
        self.reviews = f"{self.target['API_URL']}/api/v1/reviews"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        self.mongo.close()

    def upload(
        self, content: bytes | None = None, *, name: bytes = b'filename="work.zip"', **given: Any
    ) -> httpx.Response:
        """Post a review; `given` replaces fields, a None leaves one out; `files` adds files."""
        content = archive() if content is None else content
        fields = {
            "student_id": "ann",
            "assignment_id": "hw01",
            "new_commit": "abc123",
            "new_zip_sha256": hashlib.sha256(content).hexdigest(),
        }
        files = {"new_zip": (name, content), **given.pop("files", {})}
        fields = {key: value for key, value in (fields | given).items() if value is not None}
        return self.post(form(fields, files))

    def post(self, body: bytes | Iterator[bytes], **headers: str) -> httpx.Response:
        """Post a multipart body as it is."""
        kind = f"multipart/form-data; boundary={BOUNDARY.decode()}"
        return self.http.post(self.reviews, content=body, headers={"content-type": kind, **headers})

    def events(self) -> list[dict[str, Any]]:
        """The lines of butler-api's log, but for those of the requests as such."""
        lines = (self.home / "logs" / "butler-api.log").read_text().splitlines()
        found = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in found if line["event"] != "request"]

    @contextlib.contextmanager
    def new_events(self) -> Iterator[list[dict[str, Any]]]:
        """Collect the log lines that the block causes; a refused request after it marks their end."""
        before, found, mark = len(self.events()), list[dict[str, Any]](), os.urandom(16).hex()
        yield found
        self.http.post(self.reviews, headers={"traceparent": f"00-{mark}-{'1' * 16}-01"})
        until(lambda: any(event["trace_id"] == mark for event in self.events()), "the log's end mark")
        found += [event for event in self.events()[before:] if event["trace_id"] != mark]

    def files(self) -> dict[str, int]:
        """Every file under the watched folders, with its size."""
        folders = [Path(folder) for folder in self.target["WATCH_DIRS"].split(":")]
        return {str(path): path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file()}

    def metric(self, name: str, service: str = "API", **labels: str) -> float | None:
        """One sample of a service's /metrics, or None when it is not exported."""
        for line in self.http.get(f"{self.target[f'{service}_URL']}/metrics").text.splitlines():
            if line.startswith((f"{name} ", f"{name}{{")) and all(f'{k}="{v}"' in line for k, v in labels.items()):
                return float(line.rsplit(" ", 1)[1])
        return None

    def make(self, target: str = "day-12-restart-api") -> subprocess.CompletedProcess[str]:
        """Run one of the infra folder's make targets."""
        return subprocess.run(
            ["make", target], cwd=self.target["INFRA_DIR"], capture_output=True, text=True, check=False
        )

    @contextlib.contextmanager
    def flag(self, name: str, **others: str) -> Iterator[None]:
        """Have a flag on (and other keys changed), restarted, and as before after."""
        file = Path(self.target["ENV_FILE"])
        text = file.read_text()
        changed = "".join(f"{key}={value}\n" for key, value in {name: "true", **others}.items())
        try:
            file.write_text(text + changed)
            self.restarted()
            yield
        finally:
            file.write_text(text)
            self.restarted()

    def restarted(self) -> None:
        """Restart butler-api and wait until it answers."""
        done = self.make()
        assert done.returncode == 0, done.stderr + done.stdout
        until(self.healthy, "butler-api is healthy")

    def healthy(self) -> bool:
        """Whether butler-api says that it is well."""
        try:
            return self.http.get(f"{self.target['API_URL']}/health").status_code == 200
        except httpx.TransportError:
            return False

    def control(self, *words: str) -> None:
        """Ask supervisor, as in `control("stop", "infra:mongo")`."""
        command = [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(self.home / "supervisord.conf"), *words]
        subprocess.run(command, capture_output=True, check=True)

    @contextlib.contextmanager
    def without(self, program: str) -> Iterator[None]:
        """Have a program of the infrastructure stopped."""
        self.control("stop", f"infra:{program}")
        try:
            yield
        finally:
            self.control("start", f"infra:{program}")

    @contextlib.contextmanager
    def fault(self, name: str) -> Iterator[None]:
        """Have a seeded fault on."""
        file = self.home / "faults" / name
        file.touch()
        try:
            yield
        finally:
            file.unlink(missing_ok=True)
