"""A copy of the checkout, in which one test is run without one guard."""

import os
import py_compile
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from removals.removed import Rotten, marks, without

BROKEN = ("ImportError", "ModuleNotFoundError", "NameError", "SyntaxError", "UnboundLocalError")
"""A failure of these kinds says that the removal broke the source, and not that the guard was missed."""
TOO_LONG = "Failed: Timeout"
PATIENCE_S = 300.0


@dataclass(frozen=True)
class Guard:
    """One row of the table.

    Attributes:
        name: What the mark in the source says.
        test: Node id of the test that must turn red without it; without parameters it stands for all of them.
        why: What would happen to a target without it.
        hang: Seconds after which a test that still runs has noticed, where the guard is a time-out; else 0.
    """

    name: str
    test: str
    why: str
    hang: float = 0

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Copied:
    """The tracked files of a checkout as they are now, committed or not."""

    root: Path

    @classmethod
    def of(cls, source: Path, folder: Path) -> "Copied":
        """Copy a checkout into a folder."""
        listed = subprocess.run(["git", "-C", source, "ls-files", "-z"], capture_output=True, text=True, check=True)
        for name in filter(None, listed.stdout.split("\0")):
            if (source / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source / name, folder / name)
        # Compiled once and not by each run; by the text's hash, so that no run ever takes a file without its guard.
        for path in folder.rglob("*.py"):
            py_compile.compile(str(path), invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
        return cls(folder)

    def fault(self, guard: Guard) -> str:
        """Say why the removal of a guard was not noticed, or nothing.

        Raises:
            Rotten: The source has no such mark.
        """
        if guard.name not in (marked := marks(self.root)):
            raise Rotten(
                f"row {guard.name}: no `# guard: {guard.name}` in the source; put the mark where the guard is now, "
                "or take the row out of tests/removals/guards.toml with its guard"
            )
        file, line = marked[guard.name]
        before = file.read_text()
        file.write_text(without(before, line))
        try:
            failed, said = self.run([guard.test], guard.hang or PATIENCE_S)
        finally:
            file.write_text(before)
        if any(not reason.startswith((*BROKEN, *([] if guard.hang else [TOO_LONG]))) for reason in failed):
            return ""
        where = f"{guard.test} without {guard.name} ({file.relative_to(self.root)}:{line})"
        return f"{where}: expected a failed test that notices it, found {failed or 'none'}\n{said[-3000:]}"

    def run(self, tests: list[str], each_s: float) -> tuple[list[str], str]:
        """Run tests here; gives the messages of those that failed, errors of set-up left out, and pytest's output."""
        junit = self.root / "removals.xml"
        junit.unlink(missing_ok=True)
        limit_s = max(1, len(tests)) * PATIENCE_S
        done = self.pytest(f"--timeout={each_s:g}", f"--junitxml={junit}", *tests, limit_s=limit_s)
        found = ElementTree.parse(junit).iter("failure") if junit.is_file() else []
        return [failure.get("message", "") for failure in found], done.stdout

    def pytest(self, *options: str, limit_s: float) -> subprocess.CompletedProcess[str]:
        """Run pytest here.

        Raises:
            subprocess.TimeoutExpired: It did not end in time.
        """
        # What this process was told as a test run is not the copy's business.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "OPS_"))}
        env = kept | {"PYTHONPATH": str(self.root), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "pytest", "-q", "-pno:cacheprovider", *options]
        to: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        to |= {"text": True, "errors": "replace", "timeout": limit_s}
        return subprocess.run(command, cwd=self.root, env=env, check=False, **to)
