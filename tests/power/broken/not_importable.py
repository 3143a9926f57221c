"""The pre-flight file of stage 21_01b does not import in this run, as where a package is missing."""

import sys
from importlib.machinery import ModuleSpec
from typing import Any


class Missing:
    """Finds no such module."""

    @staticmethod
    def find_spec(name: str, *_: Any) -> ModuleSpec | None:
        """Fail for this one file."""
        if name.endswith("stage_21_01b.test_preflight"):
            raise ImportError("No module named 'nothing_of_that_name'")
        return None


def pytest_collection() -> None:
    """Be asked before pytest's own finder, which comes first from the start of the session on."""
    sys.meta_path.insert(0, Missing)
