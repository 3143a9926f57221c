"""Running a command of ``scripts/ops`` as an operator does, and what tests look at afterwards."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from held_lab import ROOT

from acceptance.conduct.services import Restarter
from acceptance.envfile.file import EnvFile
from acceptance.observe.collections import OWNED
from acceptance.observe.mongo import database
from acceptance.observe.prometheus import Prometheus
from acceptance.target.model import Target

FLAG = "USE_NEW_STORAGE_ADAPTER"


def start(line: str, target: Path | str | None) -> subprocess.Popen[str]:
    """Start a command line such as ``check_archive_checksum.py --assignment hw02``."""
    name, *arguments = line.split()
    plain = {key: value for key, value in os.environ.items() if key != "OPS_TARGET"}
    command = [sys.executable, str(ROOT / "scripts" / "ops" / name), *arguments]
    env = plain | ({"OPS_TARGET": str(target)} if target else {})
    to: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command, cwd=ROOT, env=env, text=True, **to)


def run(line: str, target: Path | str | None) -> tuple[int, str]:
    """Run a command line; gives its exit code and all that it said."""
    process = start(line, target)
    said = process.communicate(timeout=300)[0]
    return process.returncode, said


def children(pid: int) -> list[int]:
    """Give the processes that a process has started itself."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def left_of_tests(target: Target) -> list[str]:
    """Name the files and documents of runs' own test users that are still there."""
    files = [str(path) for folder in target.storage.watch_dirs for path in folder.rglob("*ops????????*")]
    with database(target) as mongo:
        documents = [
            f"{name}.{field}"
            for name, fields in OWNED.items()
            for field in fields
            if mongo[name].count_documents({field: {"$regex": "^ops[0-9a-f]{8}"}})
        ]
    return files + documents


@contextmanager
def switched_on(target: Target) -> Iterator[None]:
    """Run the lab's API on the new path."""
    restarter = Restarter(target, Prometheus(target.prometheus_url))
    EnvFile(target.env_file).set(FLAG, "true")
    restarter.restart("api")
    try:
        yield
    finally:
        EnvFile(target.env_file).set(FLAG, "false")
        restarter.restart("api")
