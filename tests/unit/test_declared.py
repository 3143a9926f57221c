"""What the suite imports is declared: a library that another one happens to bring may go with it."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = {"acceptance", "fixtures", "ops_tests", "lab", "_environment"}


def imported(folder):
    """Give the top names that a folder's modules import, wherever they do."""
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (name.name.partition(".")[0] for name in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.partition(".")[0]


def test_every_import_is_declared():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    names = {re.split(r"[^\w.-]", each)[0].lower().replace("_", "-") for each in declared}
    found = {name for folder in ("acceptance", "fixtures", "ops_tests", "scripts") for name in imported(folder)}
    brought = packages_distributions()
    foreign = found - OURS - set(sys.stdlib_module_names)
    missing = [name for name in foreign if not {each.lower().replace("_", "-") for each in brought[name]} & names]
    assert sorted(missing) == []
