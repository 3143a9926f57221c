"""Ask pytest for all checks there are: a stage is complete only if all of its checks ran.

The question is put in a process of its own. Neither this run's options, ini overrides and plugins nor
`PYTEST_ADDOPTS` reach it, so what leaves a check out of the run does not leave it out here. What a conftest may still
hide is found by reading the files: a test function that is written and not collected is a fault.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

OUTPUT = "OPS_COLLECTED"
"""Environment variable by which `fixtures.collected` is told where to write."""

CHECKS = "ops_tests"
"""Folder of the checks, below the project's root."""

_TIMEOUT_S = 120.0
_OF_THE_RUN = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")
_ARGUMENTS = ("--collect-only", "-qq", "--continue-on-collection-errors", "-c", os.devnull, "-p", "fixtures.collected")
_TELLING = ("-o", "enable_assertion_pass_hook=true")
"""With this hook each check tells what it expected and found. Whatever pytest compiles without it, later runs use."""
_ASSERTS, _TELLS = b"_format_explanation", b"_call_assertion_pass"
"""In what pytest compiled of a file that asserts something, and of one that also tells it."""
_WITHOUT = ("-p", "no:cacheprovider", "-p", "no:warnings")


@dataclass(frozen=True)
class Collection:
    """All checks, in their own order, and what could not be collected.

    Attributes:
        checks: `nodeid`, `items`, `title` and `by_hand` of each.
        faults: `nodeid` (of a check, a file, a folder) and `title` of each.
    """

    checks: tuple[Mapping[str, Any], ...] = ()
    faults: tuple[Mapping[str, Any], ...] = ()

    def expected(self, selected: Iterable[str]) -> list[dict[str, Any]]:
        """Give every check of each stage of which one is selected, and what could not be collected of it."""
        chosen = set(selected)
        stages = {stage_named(nodeid) for nodeid in chosen} | {""}
        found = [
            {name: check[name] for name in ("nodeid", "items", "title")}
            | ({} if check["nodeid"] in chosen else {"left_out": True})
            for check in self.checks
            if stage_named(check["nodeid"]) in stages
        ]
        return [*found, *(dict(fault) for fault in self.faults if stage_named(fault["nodeid"]) in stages)]


class Collecting:
    """A collection in progress, beside the run's own; it takes about two seconds."""

    def __init__(self, project: Path) -> None:
        _forget_silent(project / CHECKS)
        self._project = project
        self._scratch = tempfile.TemporaryDirectory(prefix="butler-collection-")
        self._found = Path(self._scratch.name) / "collected.json"
        kept = {name: value for name, value in os.environ.items() if name not in _OF_THE_RUN}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *_ARGUMENTS, *_TELLING, *_WITHOUT, f"--rootdir={project}", CHECKS],
            cwd=project,
            env=kept | {OUTPUT: str(self._found), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # a Ctrl-C is the run's; it stops this process by `cancel`
        )

    def result(self) -> Collection:
        """Wait for the collection; one that fails is a fault of every stage."""
        try:
            said, _ = self._process.communicate(timeout=_TIMEOUT_S)
            raw = json.loads(self._found.read_text(encoding="utf-8"))
        except subprocess.TimeoutExpired:
            return _nothing(f"took more than {_TIMEOUT_S:g} s")
        except (OSError, ValueError):
            raw = {"checks": [], "faults": []}
        finally:
            self.cancel()
        if self._process.returncode and not raw["faults"]:
            return _nothing(f"ended with code {self._process.returncode}: {said.strip()[-2000:]}")
        hidden = _hidden(self._project, {str(check["nodeid"]) for check in raw["checks"]}, raw["faults"])
        return Collection(tuple(raw["checks"]), (*raw["faults"], *hidden))

    def cancel(self) -> None:
        """Stop it, if it still runs, and remove what it wrote."""
        self._process.kill()
        self._process.wait()
        self._scratch.cleanup()


def _forget_silent(checks: Path) -> None:
    """Remove what pytest compiled of the checks without the hook, as by another ini file: nothing would be told."""
    for source in checks.rglob("*.py"):
        for compiled in Path(cache_from_source(str(source))).parent.glob(f"{source.stem}.*-pytest-*.pyc"):
            with suppress(OSError):
                held = compiled.read_bytes()
                if _ASSERTS in held and _TELLS not in held:  # guard: checks-compiled-to-tell
                    compiled.unlink()


def collect(project: Path) -> Collection:
    """Collect all checks of a project and wait for them."""
    return Collecting(project).result()


def stage_named(nodeid: str) -> str:
    """Give the stage of a node id, of a file or of a folder below `ops_tests`; empty where it has none."""
    root, _, below = nodeid.partition("::")[0].partition("/")
    return below.partition("/")[0].removeprefix("stage_") if below and root == CHECKS else ""


def _nothing(why: str) -> Collection:
    return Collection((), ({"nodeid": CHECKS, "title": f"the suite's own collection {why}"},))


def _hidden(project: Path, nodeids: set[str], faults: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    """Name the test functions that stand in a stage's files and were not collected."""
    functions = {nodeid.partition("[")[0] for nodeid in nodeids}
    told = {fault["nodeid"] for fault in faults}
    for path in sorted((project / CHECKS).glob("*/test_*.py")):
        file = path.relative_to(project).as_posix()
        written = Counter(_written(path) if file not in told else ())
        for name, times in written.items():
            if f"{file}::{name}" not in functions:
                yield {"nodeid": f"{file}::{name}", "title": "stands in the file, and pytest does not collect it"}
            elif times > 1:
                yield {
                    "nodeid": f"{file}::{name}",
                    "title": f"stands in the file {times} times, and only the last runs",
                }


def _written(path: Path) -> list[str]:
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []  # its collection failed, and says so
    return list(_tests_in(tree.body))


def _tests_in(nodes: Iterable[ast.AST], within: str = "") -> Iterator[str]:
    """Give the test functions of a file, also those of a class or under a condition."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from [f"{within}{node.name}"] if node.name.startswith("test_") else []
        elif isinstance(node, ast.ClassDef):
            yield from _tests_in(node.body, f"{within}{node.name}::") if node.name.startswith("Test") else ()
        else:
            yield from _tests_in(ast.iter_child_nodes(node), within)
