"""What a test run said of one test, read from its JUnit file: green, red, or neither."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

#: An error of these kinds says that the source was broken by the removal, not that the guard was missed.
BROKEN = ("ImportError", "ModuleNotFoundError", "NameError", "SyntaxError", "UnboundLocalError")
#: How pytest-timeout ends a test.
_TOO_LONG = "Failed: Timeout"


@dataclass(frozen=True)
class Seen:
    """One test's end; ``said`` is the first line of its message.

    ``error`` is whatever proves nothing: a broken set-up or tear-down, a file that cannot be collected, no test at all.
    """

    kind: Literal["green", "red", "slow", "skipped", "error"]
    said: str = ""


def seen(junit: Path, test: str) -> Seen:
    """Say how a test ended, all its parameters taken together: one that is red decides, then whatever is not green."""
    if not junit.is_file():
        return Seen("error", "pytest ended without a report, such as for parameters that are not there")
    found = list(_cases(junit, test))
    if not found:
        return Seen("error", f"{test} did not run")
    for kind in ("error", "red", "slow", "skipped"):
        for one in found:
            if one.kind == kind:
                return one
    return found[0]


def _cases(junit: Path, test: str) -> Iterator[Seen]:
    """Give the ends of a test; of a file that could not be collected it is always the end."""
    file, _, name = test.partition("::")
    module = file.removesuffix(".py").replace("/", ".")
    for case in ElementTree.parse(junit).iter("testcase"):
        mine = case.get("classname") == module and name in (case.get("name"), case.get("name", "").partition("[")[0])
        if mine or (case.get("classname") == "" and case.get("name") == module):
            yield _end(case)


def _end(case: ElementTree.Element) -> Seen:
    for tag, kind in (("error", "error"), ("failure", "red"), ("skipped", "skipped")):
        if (told := case.find(tag)) is not None:
            said = (told.get("message") or "").strip().partition("\n")[0]
            if kind == "red" and said.startswith(BROKEN):
                kind = "error"
            if kind == "red" and said.startswith(_TOO_LONG):
                kind = "slow"
            return Seen(kind, said)  # type: ignore[arg-type]
    return Seen("green")
