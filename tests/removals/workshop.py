"""A copy of the checkout in which guards are taken out, one at a time, and put back."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from removals.guards import Guard, Rotten
from removals.verdicts import Seen, seen

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120.0
"""For one test of a lab: it starts, and stops, one."""
_PACKAGES = ("acceptance", "fixtures", "lab")


class Unusable(Exception):
    """The copy cannot be made, or is not what a process that is started in it would import."""


@dataclass
class Workshop:
    """A copy of the checkout's tracked files, as they are now, committed or not."""

    root: Path
    _running: subprocess.Popen[bytes] | None = None
    _closed: bool = False

    def close(self) -> None:
        """End what runs, as Ctrl-C would, so that a lab ends with it; whatever is asked for later ends at once."""
        self._closed = True
        if running := self._running:
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGINT)

    def green(self, tests: Sequence[str]) -> dict[str, Seen]:
        """Run tests with every guard in place, in one session; what is not green cannot notice anything."""
        there = [test for test in tests if self._is_defined(test)]
        junit = self._run(there, PATIENCE_S, PATIENCE_S * (2 + len(there)))
        return {test: seen(junit, test) if test in there else Seen("error", "there is no such test") for test in tests}

    def without(self, guard: Guard) -> Seen:
        """Run a guard's test without the guard.

        Raises:
            Rotten: The row does not fit the source, or what it leaves is no Python.
        """
        patience = guard.hang or PATIENCE_S
        with self._removed(guard):
            return seen(self._run([guard.test], patience, patience + PATIENCE_S), guard.test)

    def _is_defined(self, test: str) -> bool:
        """Tell whether a test is there: pytest would not run any, if one is not."""
        file, name = self.root / test.partition("::")[0], test.partition("::")[2].partition("[")[0]
        return file.is_file() and f"\ndef {name}(" in file.read_text()

    @contextmanager
    def _removed(self, guard: Guard) -> Iterator[None]:
        file = self.root / guard.file
        if not file.is_file():
            raise Rotten(f"{guard}: expected the guard in {guard.file}, found no such file; correct its row")
        before = file.read_text()
        try:
            file.write_text(guard.removed(before))
            self._lint(guard, file)
            yield
        finally:
            file.write_text(before)

    def _lint(self, guard: Guard, file: Path) -> None:
        """Refuse a removal that would turn any test red, for it leaves a name undefined or no Python at all."""
        options = ["--isolated", "--no-cache", "--quiet", "--select", "E9,F82"]
        argv = [sys.executable, "-m", "ruff", "check", *options, file]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Rotten(f"{guard}: without it {guard.file} is broken; correct its replacement:\n{done.stdout}")

    def _run(self, tests: Sequence[str], each_s: float, all_s: float) -> Path:
        """Run tests in the copy and give the path of their JUnit file, of which there is none if pytest did not end."""
        junit = self.root / "removals.xml"
        junit.unlink(missing_ok=True)
        options = ["-q", "-p", "no:cacheprovider", f"--timeout={each_s:g}", f"--junitxml={junit}"]
        if self._closed or not tests:
            return junit  # without arguments pytest would run all there is
        self._running = process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *options, *tests],
            cwd=self.root,
            env=environment(self.root),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(all_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        finally:
            self._running = None
        return junit


def environment(root: Path) -> dict[str, str]:
    """Give what a process needs to import the packages below ``root``, whatever else is installed; so do its children.

    What this process was told as a test run is left out: it is not the copy's business.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "OPS_", "COLUMNS"))}
    return kept | {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}


def build(folder: Path, source: Path = ROOT) -> Workshop:
    """Copy the tracked files of a checkout into a new folder.

    Raises:
        Unusable: It is no git checkout, or a process there would import another copy of the suite.
    """
    listed = subprocess.run(["git", "-C", source, "ls-files", "-z"], capture_output=True, text=True, check=False)
    if listed.returncode:
        raise Unusable(f"{source}: expected a git checkout to copy from: {listed.stderr.strip()}; run it in one")
    folder.mkdir()
    for name in filter(None, listed.stdout.split("\0")):
        if (source / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, folder / name)
    _make_sure(folder)
    return Workshop(folder)


def _make_sure(folder: Path) -> None:
    """See that the copy wins over an editable install, in a process that starts elsewhere, as a guardian may."""
    here = [name for name in _PACKAGES if (folder / name).is_dir()]
    code = "import sys\nfor name in sys.argv[1:]: print(__import__(name).__path__[0])"
    argv = [sys.executable, "-c", code, *here]
    done = subprocess.run(argv, cwd="/", env=environment(folder), capture_output=True, text=True, check=False)
    if done.returncode or any(Path(path).parent != folder for path in done.stdout.splitlines()):
        found = " ".join((done.stdout + done.stderr).split())
        raise Unusable(f"expected {', '.join(here)} to be imported from {folder}, found {found}; remove what is first")
