"""Where code can be mutated, by a mutation library's own operators: the lab's services, and what decides here."""

from __future__ import annotations

import ast
import io
import random
import re
import tokenize
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import cosmic_ray.ast
import cosmic_ray.mutating
import cosmic_ray.plugins

HOOKS = ("fault", "broken(", "rolled_back(", "was_on(", "seeded")
"""Words of lines that are hooks of the fault catalogue, with the blocks below them: a mutant changes only the fault."""
HOOK_FILES = ("faults.py", "seeded.py", "lingering.py")
"""Files that hold nothing but hooks."""
LEFT_OUT = (
    *("RemoveDecorator", "VariableReplacer", "VariableInserter", "ExceptionReplacer"),
    *("_Is", "_RShift", "_LShift", "_Pow", "_FloorDiv", "_Bit", "_Mod"),
)
"""Operators that only change what nobody runs (decorators) or that are the same as another one."""
HOMEWORK = ("homework.py", "checker.py", "routes.py")
TELEGRAM = ("telegram.py",)
#: The suite's code that judges a deployment, changes it, undoes that, or says what came of it.
DECIDES = (
    *("gates/*.py", "envfile/*.py", "baseline/*.py", "record/build.py", "record/reconcile.py"),
    *("conduct/journal.py", "conduct/undo.py", "conduct/rollback.py", "outcome.py", "verdict.py", "redact.py"),
)


class Owner(NamedTuple):
    """Who is asked to notice a mutation: the checks of a stage, in a lab whose users are there."""

    stage: str
    dialog: str = "http"


@dataclass(frozen=True)
class Place:
    """One mutation: the n-th position of an operator in a file.

    Attributes:
        file: From the root of the checkout.
        operator: The library's name of it.
        occurrence: Counted from 0 in the file.
        line: Where it is.
    """

    file: str
    operator: str
    occurrence: int
    line: int

    @property
    def stage(self) -> str:
        """The stage whose checks are asked to notice; of the suite's own code, the room that it is in."""
        room, name = Path(self.file).parent.name, Path(self.file).name
        if self.file.startswith("acceptance/"):
            return room
        if room == "worker":
            return "21_01b" if name in HOMEWORK else "21_01d"
        return {"api": "21_01c", "bot": "21_01a"}[room]

    @property
    def owner(self) -> Owner:
        """Its stage, and where the users of the lab are."""
        return Owner(self.stage, "telegram" if Path(self.file).name in TELEGRAM else "http")

    @property
    def kind(self) -> str:
        """The operator in two or three words."""
        return self.operator.removeprefix("core/").partition("_")[0]

    def as_json(self) -> dict[str, Any]:
        """Give the form of the ledger."""
        return asdict(self)

    def mutated(self, source: str) -> str:
        """Give the file's text with this one mutation.

        Raises:
            LookupError: The file has no such place any more.
        """
        made = cosmic_ray.mutating.mutate_code(source, _operator(self.operator), self.occurrence)
        if made is None:
            raise LookupError(f"{self.file}: expected place {self.occurrence} of {self.operator}, found none")
        return str(made)

    def compiles(self, root: Path) -> bool:
        """Tell whether the mutant is a program at all; one that is none would be caught by anybody."""
        try:
            ast.parse(self.mutated((root / self.file).read_text(encoding="utf-8")))
        except SyntaxError:
            return False
        return True


def of_butler(root: Path) -> list[Place]:
    """List every place of the three services in a stable order."""
    files = [path for service in ("api", "bot", "worker") for path in sorted((root / "lab" / service).glob("*.py"))]
    return [place for path in files if path.name not in HOOK_FILES for place in _of_file(root, path)]


def of_suite(root: Path) -> list[Place]:
    """List every place of the suite's code that decides and undoes, in a stable order."""
    files = [path for pattern in DECIDES for path in sorted((root / "acceptance").glob(pattern))]
    return [place for path in files for place in _of_file(root, path)]


def sample(root: Path, places: list[Place], number: int, seed: int) -> list[Place]:
    """Draw places at random; a line is drawn first, then one of its mutations, so that busy lines do not win."""
    by_line: dict[tuple[str, int], list[Place]] = {}
    for place in places:
        by_line.setdefault((place.file, place.line), []).append(place)
    draw = random.Random(seed)
    drawn = (draw.choice(by_line[line]) for line in draw.sample(sorted(by_line), len(by_line)))
    return list(islice((place for place in drawn if place.compiles(root)), number))


def _of_file(root: Path, path: Path) -> Iterator[Place]:
    source, name = path.read_text(encoding="utf-8"), str(path.relative_to(root))
    tree = cosmic_ray.ast.get_ast(source)
    hooks = _docstrings(source) | (hook_lines(source) if name.startswith("lab/") else set())
    nodes = [(node, _decides(node)) for node in cosmic_ray.ast.ast_nodes(tree)]
    for operator in cosmic_ray.plugins.operator_names():
        if any(part in operator for part in LEFT_OUT):
            continue
        found = ((start[0], ok) for node, ok in nodes for start, _ in _operator(operator).mutation_positions(node))
        for occurrence, (line, ok) in enumerate(found):
            if ok and line not in hooks:
                yield Place(name, operator, occurrence, line)


def _decides(node: Any) -> bool:
    """Tell whether code decides by a node: not by what a decorator is given, nor by the lone `*` of a signature."""
    return node.parent is None or (node.parent.type != "parameters" and not node.search_ancestor("decorator"))


def hook_lines(source: str) -> set[int]:
    """Give the lines of a file's hooks: those that name one, what stands below such a condition, and what serves them.

    A function whose docstring says that it does what a seeded fault does, and a constant that only hooks read, serve.
    A condition names one, too, by a variable that was given it.
    """
    lines, tree = source.splitlines(), ast.parse(source)
    hooks = {number for number, line in enumerate(lines, 1) if any(hook in line for hook in HOOKS)}
    plain = (lines[number - 1] for number in hooks)
    given = {name for line in plain if "flag(" not in line and "not self" not in line for name in _GIVEN.findall(line)}
    hooks |= {n for n, line in enumerate(lines, 1) if (found := _CONDITION.match(line)) and found[1] in given}
    below = [node.body for node in ast.walk(tree) if isinstance(node, ast.If) and node.test.lineno in hooks]
    serve = [node for node in ast.walk(tree) if isinstance(node, _FUNCTIONS) and "seeded fault" in _first_line(node)]
    blocks: list[ast.stmt] = [*chain.from_iterable(below), *serve]
    hooks |= {number for each in blocks for number in range(each.lineno, (each.end_lineno or 0) + 1)}
    return hooks | {node.lineno for node in tree.body if isinstance(node, ast.Assign) and _read_by(node, tree) <= hooks}


_GIVEN = re.compile(r"^\s*(?:self\.)?(\w+) = ")
_CONDITION = re.compile(r"\s*if (?:self\.)?(\w+)(?: and .*)?:")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _first_line(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return (ast.get_docstring(function) or "").partition("\n")[0]


def _read_by(constant: ast.Assign, tree: ast.Module) -> set[int]:
    """Give the lines that read a module's constant; 0 where none does, for then another module does."""
    names = {target.id for target in constant.targets if isinstance(target, ast.Name)}
    reads = (node for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load))
    return {node.lineno for node in reads if node.id in names} or {0}


def statement_lines(source: str, line: int) -> set[int]:
    """Give the lines of the innermost statement around a line; of one with a body, those above it."""
    kinds = (ast.stmt, ast.excepthandler)
    every = (node for node in ast.walk(ast.parse(source)) if isinstance(node, kinds))
    around = [node for node in every if node.lineno <= line <= (node.end_lineno or 0)]
    if not around:
        return {line}
    inner = max(around, key=lambda node: (node.lineno, -(node.end_lineno or 0)))
    body = getattr(inner, "body", None)
    end = max(inner.lineno, body[0].lineno - 1) if body else inner.end_lineno or line
    return set(range(inner.lineno, end + 1))


def _docstrings(source: str) -> set[int]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {
        line
        for token in tokens
        if token.type == tokenize.STRING and token.string.startswith('"""')
        for line in range(token.start[0], token.end[0] + 1)
    }


@cache
def _operator(name: str) -> Any:
    return cosmic_ray.plugins.get_operator(name)()
