"""A lab that a test holds, started as a user starts it, and target files with shorter times for it.

`LAB_SHAPE=other pytest tests/power` holds labs of another shape: whatever is noticed in the one is to be noticed there.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from unittest.mock import patch

from acceptance.conduct.provider import start_provider
from lab.faults import switch
from lab.shape import VARIABLE

ROOT = Path(__file__).resolve().parents[1]
SHORT = {"SOAK_SECONDS": "6", "TRAFFIC_PER_MINUTE": "600", "RESTART_TIMEOUT_SECONDS": "8"}
"""A whole run of a stage in half a minute. Lab only: what a check waits for is the same, only for less long."""
QUICK = SHORT | {"SOAK_SECONDS": "20"}
"""The same with more traffic in the soak: for slower scrapes, or a busy machine."""
if VARIABLE in os.environ:
    SHORT = QUICK


@contextmanager
def held_lab(*faults: str, home: Path | None = None, dialog: str = "http", shape: str = "") -> Iterator[Path]:
    """Run a lab with these faults and give its target file; afterwards nothing of it is left."""
    options = [f"--dialog={dialog}", *([f"--home={home}"] if home else [])]
    command = " ".join(["python -m lab serve", *options, *(f"--fault={name}" for name in faults)])
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="held-lab-"))
        with patch.dict(os.environ, {VARIABLE: shape} if shape else {}):  # so that no other lab has this shape
            provider = start_provider(command, ROOT, Path(folder) / "lab.log")
        stack.callback(provider.end)
        own = provider.target_file.parent / "infra" / "prometheus" / "ca.pem"
        if own.exists():  # this process trusts its Prometheus' own CA meanwhile, as every run against it must
            trusted = {"SSL_CERT_FILE": str(own), "REQUESTS_CA_BUNDLE": str(own)}
            stack.enter_context(patch.dict(os.environ, trusted))
        yield provider.target_file


lab_of_another_shape = partial(held_lab, shape="other")


def retold(target_file: Path, name: str, **settings: str) -> Path:
    """Write a copy of a target file beside it, in which these keys have other values."""
    kept = [line for line in target_file.read_text().splitlines() if line.partition("=")[0] not in settings]
    copy = target_file.with_name(f"{name}.env")
    copy.write_text("\n".join([*kept, *(f"{key}={value}" for key, value in settings.items())]) + "\n")
    return copy


def control_command(target_file: Path, *words: str) -> list[str]:
    """Give the command by which supervisord is told to start, stop or restart a part of a lab."""
    config = str(target_file.parent / "supervisord.conf")
    return [sys.executable, "-m", "supervisor.supervisorctl", "-c", config, *words]


def control(target_file: Path, *words: str) -> str:
    """Have supervisord do so, with each instance of a program; gives what it says."""
    programs = re.findall(r"(?m)^\[program:(\S+)\]", (target_file.parent / "supervisord.conf").read_text())
    words = tuple(
        each
        for word in words
        for group, _, name in [word.partition(":")]
        for each in [f"{group}:{one}" for one in programs if name and one.rstrip("-12") == name] or [word]
    )
    done = subprocess.run(control_command(target_file, *words), check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


@contextmanager
def broken(target_file: Path, *faults: str) -> Iterator[None]:
    """Keep these faults on in a running lab."""
    for name in faults:
        switch(target_file.parent, name, on=True)
    try:
        yield
    finally:
        for name in faults:
            switch(target_file.parent, name, on=False)
