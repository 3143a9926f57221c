"""Disks so small that they can be filled; only root can mount one."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from acceptance.target.loading import load_target


@contextmanager
def small_disk(folder: Path, kib: int = 512) -> Iterator[Path]:
    """Mount a small disk there."""
    folder.mkdir(exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k", "none", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def small_disk_under(lab: Path) -> Iterator[Path]:
    """Have a lab's env file, and with it the journal, on a small disk."""
    env_file = load_target(lab).env_file
    kept = env_file.with_name("kept")
    with small_disk(env_file.with_name("small")) as disk:
        shutil.copy2(env_file, disk)  # with its time: whether a service is older than it tells that it reads it
        env_file.replace(kept)
        env_file.symlink_to(disk / env_file.name)
        try:
            yield disk
        finally:
            kept.replace(env_file)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Leave not one byte on it."""
    ballast = disk / "ballast"
    try:
        with suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        yield
    finally:
        ballast.unlink(missing_ok=True)
