"""What mypy cannot know: that an argument of a check has the type of what pytest gives for it."""

import inspect
import re
import tomllib
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

ROOT = Path(__file__).parents[2]
PYTEST = {"pytestconfig": pytest.Config, "request": pytest.FixtureRequest}
PLUGINS = [import_module(f"fixtures.{file.stem}") for file in sorted(ROOT.glob("fixtures/*.py"))]
FOLDERS = sorted({file.parent for file in ROOT.glob("ops_tests/*/test_*.py")})


def fixtures_of(module: ModuleType) -> dict[str, Callable[..., object]]:
    found = {name: each for name, each in vars(module).items() if type(each).__name__ == "FixtureFunctionDefinition"}
    return {name: inspect.unwrap(each) for name, each in found.items()}


def given_by(fixture: Callable[..., object]) -> object:
    hint = get_type_hints(fixture)["return"]
    return get_args(hint)[0] if inspect.isgeneratorfunction(fixture) else hint


def parameters_of(check: Callable[..., object]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for mark in getattr(check, "pytestmark", ()):
        if mark.name == "parametrize":
            names = [mark.args[0]] if isinstance(mark.args[0], str) else mark.args[0]
            for row in mark.args[1]:
                values = row.values if hasattr(row, "marks") else [row] if len(names) == 1 else row
                for name, value in zip(names, values, strict=True):
                    found.setdefault(name, []).append(value)
    return found


def is_of(value: object, hint: Any) -> bool:
    return value in get_args(hint) if get_origin(hint) is Literal else isinstance(value, get_origin(hint) or hint)


def lies(asking: Callable[..., object], known: dict[str, Callable[..., object]]) -> Iterator[str]:
    hints, parameters = get_type_hints(asking), parameters_of(asking)
    for name in inspect.signature(asking).parameters:
        hint, where = hints[name], f"{asking.__module__}.{asking.__name__}, {name}: {hints[name]}"
        if name in parameters:
            yield from (f"{where}, found {value!r}" for value in parameters[name] if not is_of(value, hint))
        elif hint is not object and (given := PYTEST.get(name) or given_by(known[name])) != hint:
            yield f"{where}, found {given}"


def test_fixtures_of_all_stages_say_what_they_are_given() -> None:
    known = {name: each for plugin in PLUGINS for name, each in fixtures_of(plugin).items()}
    assert [lie for fixture in known.values() for lie in lies(fixture, known)] == []
    assert {"target", "stage_work", "before"} <= {*known}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_arguments_are_what_their_fixtures_give(folder: Path) -> None:
    known = {name: each for plugin in PLUGINS for name, each in fixtures_of(plugin).items()}
    conftest = ROOT / "ops_tests" / folder.name / "conftest.py"
    own = fixtures_of(import_module(f"ops_tests.{folder.name}.conftest")) if conftest.is_file() else {}
    found = [lie for fixture in own.values() for lie in lies(fixture, known | own)]
    for file in sorted(folder.glob("test_*.py")):
        module = import_module(f"ops_tests.{folder.name}.{file.stem}")
        seen = known | own | fixtures_of(module)
        checks = [each for name, each in vars(module).items() if name.startswith("test_")]
        found += [lie for each in [*checks, *fixtures_of(module).values()] for lie in lies(each, seen)]
        assert checks, f"expected checks in {file}, found none"
    assert found == []


def test_every_helper_of_our_tests_is_checked_as_strictly_as_the_suite() -> None:
    mypy = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
    strict = next(each for each in mypy["overrides"] if each.get("disallow_untyped_defs"))
    assert sorted(strict["enable_error_code"]) == sorted(mypy["disable_error_code"])
    helpers = {file.stem for file in (ROOT / "tests").rglob("*.py")} - {"__init__", "conftest"}
    told = {name.rpartition(".")[2] for name in strict["module"]} | {*re.findall(r"\w+", mypy["exclude"])}
    assert {name for name in helpers - told if not name.startswith("test_")} == set()
