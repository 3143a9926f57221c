"""What the tests said of a state of the tree, a line each, so that a run that was interrupted goes on where it was.

A pytest plugin too: `-p tests.ledger --ledger=FILE --tree=STATE` writes down each test as it ends.
"""

import json
import os
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import pytest

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Entry:
    """How one test ended in one state of the tree."""

    tree: str
    test: str
    outcome: str
    seconds: float


def write(ledger: Path, entry: Entry) -> None:
    with ledger.open("a") as stream:
        stream.write(json.dumps(asdict(entry)) + "\n")


def read_on(stream: IO[str]) -> list[Entry]:
    """Read the lines that are there by now; one that is only half written is left for the next time."""
    entries = []
    while (line := stream.readline()).endswith("\n"):
        entries.append(Entry(**json.loads(line)))
    stream.seek(stream.tell() - len(line.encode()))
    return entries


def latest(ledger: Path) -> dict[str, Entry]:
    """Give the last entry of each test, and leave only those in the file."""
    ledger.touch()
    with ledger.open() as stream:
        entries = {entry.test: entry for entry in read_on(stream)}
    ledger.write_text("".join(json.dumps(asdict(entry)) + "\n" for entry in entries.values()))
    return entries


def git(*command: str, **environment: str) -> str:
    """Ask git about the checkout, whoever owns it; gives nothing where there is none."""
    argv = ["git", "-c", f"safe.directory={ROOT}", *command]
    done = subprocess.run(argv, cwd=ROOT, env=os.environ | environment, check=False, capture_output=True, text=True)
    return "" if done.returncode else done.stdout.strip()


def tree_state() -> str:
    """Name the tree as it is now: tracked files, changed ones and new ones, without what git ignores.

    Nothing is written to the repository, for it may be somebody else's. Without git no two states are the same.
    """
    objects = str(ROOT / git("rev-parse", "--git-path", "objects"))
    with tempfile.TemporaryDirectory() as folder:
        places = {"GIT_INDEX_FILE": f"{folder}/index", "GIT_OBJECT_DIRECTORY": folder}
        places["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = objects
        for command in (["read-tree", "HEAD"], ["add", "--all"]):
            git(*command, **places)
        return git("write-tree", **places) or f"unknown at {time.time_ns()}"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--ledger", type=Path, help="write down here how each test ends")
    parser.addoption("--tree", default="", help="the state of the tree, for the ledger")


class Writer:
    """Writes a test down when its last phase has ended; the worst of its phases counts."""

    def __init__(self, ledger: Path, tree: str) -> None:
        self.ledger, self.tree = ledger, tree
        self.seen: dict[str, tuple[str, float]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        outcome, seconds = self.seen.get(report.nodeid, ("passed", 0.0))
        worst = max(outcome, report.outcome, key=("passed", "skipped", "failed").index)
        self.seen[report.nodeid] = worst, seconds + report.duration
        if report.when == "teardown":
            write(self.ledger, Entry(self.tree, report.nodeid, *self.seen.pop(report.nodeid)))


def pytest_configure(config: pytest.Config) -> None:
    # Under xdist the controller hears of every test; a worker would write each a second time.
    if config.getoption("ledger") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Writer(config.getoption("ledger"), config.getoption("tree")))
