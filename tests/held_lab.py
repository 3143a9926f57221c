"""A lab that a test holds, started as a user starts it, and target files with shorter times for it."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

from acceptance.conduct.provider import start_provider
from lab.faults import switch

ROOT = Path(__file__).resolve().parents[1]
SHORT = {"SOAK_SECONDS": "6", "TRAFFIC_PER_MINUTE": "600", "RESTART_TIMEOUT_SECONDS": "8"}
"""A whole run of a stage in half a minute. Lab only: what a check waits for is the same, only for less long."""


@contextmanager
def held_lab(*faults: str, home: Path | None = None, dialog: str = "http") -> Iterator[Path]:
    """Run a lab with these faults and give its target file; afterwards nothing of it is left."""
    options = [f"--dialog={dialog}", *([f"--home={home}"] if home else [])]
    command = " ".join(["python -m lab serve", *options, *(f"--fault={name}" for name in faults)])
    with tempfile.TemporaryDirectory(prefix="held-lab-") as folder:
        provider = start_provider(command, ROOT, Path(folder) / "lab.log")
        try:
            yield provider.target_file
        finally:
            provider.end()


@contextmanager
def lab_of_another_shape() -> Iterator[Path]:
    """Run a lab of another shape and give its target file; meanwhile this process trusts its Prometheus' own CA."""
    with ExitStack() as stack:
        with patch.dict(os.environ, LAB_SHAPE="other"):  # while it starts, so that no other lab has this shape
            target = stack.enter_context(held_lab())
        own = str(target.parent / "infra" / "prometheus" / "ca.pem")
        stack.enter_context(patch.dict(os.environ, SSL_CERT_FILE=own, REQUESTS_CA_BUNDLE=own))
        yield target


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
    """Have supervisord do so; gives what it says."""
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
