"""One whole lab for the tests of this folder, started as a user would start it."""

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from whole_lab import ROOT, WholeLab


@contextlib.contextmanager
def _run_lab(*arguments: str) -> Iterator[WholeLab]:
    process = subprocess.Popen(
        [sys.executable, "-m", "lab", "serve", *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    assert process.stderr
    try:
        ready = process.stdout.readline()
        if not ready.startswith("READY "):
            pytest.fail(f"expected READY, found {ready!r}: {process.stderr.read()}")
        with WholeLab(process, Path(ready.split(" ", 1)[1].strip())) as lab:
            yield lab
    finally:
        process.stdin.close()
        if process.wait(120):
            pytest.fail(f"lab serve ended with {process.returncode}: {process.stderr.read()}")


@pytest.fixture(scope="session")
def lab() -> Iterator[WholeLab]:
    """The lab that tests share; a test leaves its flags and faults as it found them."""
    with _run_lab() as running:
        yield running


@pytest.fixture(scope="session")
def run_lab() -> Callable[..., contextlib.AbstractContextManager[WholeLab]]:
    """Start a lab of one's own: `with run_lab("--fault", "NAME") as lab`."""
    return _run_lab


@pytest.fixture
def nothing_left(lab: WholeLab) -> Iterator[None]:
    """Fail unless no watched file appeared, went or changed its size."""
    before = lab.files()
    yield
    assert lab.files() == before
