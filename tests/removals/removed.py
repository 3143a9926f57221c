"""A guard is marked where it stands, `# guard: NAME`; here its file is read without it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOTS = ("acceptance", "fixtures", "scripts", "ops_tests")


class Rotten(Exception):
    """A row and the marks in the source do not fit each other."""


def marks(root: Path) -> dict[str, tuple[Path, int]]:
    """Give the file and the line of each guard that the source marks.

    A mark stands at the end of the guard's first line, or alone on the line above it.

    Raises:
        Rotten: Two guards have one name.
    """
    found: dict[str, tuple[Path, int]] = {}
    for file in sorted(path for name in ROOTS for path in (root / name).rglob("*.py")):
        for name, line in _marks_of(file.read_text()):
            if name in found:
                raise Rotten(f"guard {name} is marked in {found[name][0]} and in {file}: give one of them its own name")
            found[name] = (file, line)
    return found


def _marks_of(source: str) -> Iterator[tuple[str, int]]:
    for number, line in enumerate(source.splitlines(), 1):
        if found := re.search(r"# guard: ([\w-]+)$", line):
            yield found[1], number + line.lstrip().startswith("# guard")


def without(source: str, line: int) -> str:
    """Give a file's text without the guard that begins in a line.

    An `if` is never true, an `except` catches nothing, a `with` is only its body, an argument, an element or a
    condition is left out, and any other statement is not made.

    Raises:
        Rotten: Nothing of these begins there.
    """
    tree = ast.parse(source)
    for parent in ast.walk(tree):
        for value in vars(parent).values():
            for place, node in enumerate(value if isinstance(value, list) else []):
                if getattr(node, "lineno", None) == line:
                    value[place : place + 1] = _left_of(node)
                    return ast.unparse(ast.fix_missing_locations(tree))
    raise Rotten(f"no guard begins in line {line}: expected a statement, an `except`, an argument or a condition")


def _left_of(node: ast.AST) -> list[ast.AST]:
    match node:
        case ast.If() | ast.While():
            node.test = ast.Constant(value=False)
        case ast.ExceptHandler():
            node.type = ast.Tuple(elts=[], ctx=ast.Load())
        case ast.With():
            return list(node.body)
        case ast.stmt():
            return [ast.Pass()]
        case _:
            return []
    return [node]
