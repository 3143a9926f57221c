"""The steps of our own tests, and what of each is in the quick tier."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # mypy sees them by these names: as files they are all `conftest`, which the root's is
    import tests.conftest
    import tests.lab.conftest
    import tests.unit.conftest  # noqa: F401


@dataclass(frozen=True)
class Step:
    """Tests that are run together.

    Attributes:
        paths: Where they are, below the root.
        options: Pytest's, beside those of every step.
        typical: Seconds of one test that was never timed here, for the remaining time.
        sample: How many of them, chosen by the commit, are in the quick tier; None for all.
        always: What the quick tier runs besides.
        beside: Whether it may run beside another such step; where times matter, it may not.
        longest: Seconds that one test may take.
    """

    name: str
    paths: tuple[str, ...]
    options: tuple[str, ...] = ()
    typical: float = 1.0
    sample: int | None = None
    always: tuple[str, ...] = field(default=())
    beside: bool = False
    longest: int = 300


LINT = {
    "ruff check": ["ruff", "check"],
    "ruff format": ["ruff", "format", "--check"],
    "mypy": ["mypy"],
    "lint-imports": ["lint-imports"],
}
POWER = "tests/power"
REMOVALS = "tests/removals/test_guards.py"
STEPS = (
    Step("unit", ("tests/unit", "tests/mutants"), ("-n2", "--dist=loadfile"), 0.2, beside=True),
    # Each is a run of its own, five seconds of a core; `make prove` has them all.
    Step("plugin", ("tests/plugin",), ("-n4",), 4.0, sample=86, beside=True),
    Step("scripts", ("tests/scripts",), ("-n2",), 4.0, sample=4, beside=True),
    Step("lab", ("tests/lab",), ("-n2", "--dist=loadfile"), 1.0, sample=0, beside=True),
    Step(
        "removals",
        ("tests/removals",),
        ("-n4",),
        4.0,
        sample=2,
        always=(f"{REMOVALS}::test_every_row_names_a_test", f"{REMOVALS}::test_every_mark_has_a_row"),
        beside=True,
    ),
    Step("dependencies", ("tests/dependencies",), ("-n4", "--dist=worksteal"), 6.0, sample=0),
    Step("interruption", ("tests/interruption",), ("-n4", "--dist=worksteal"), 10.0, sample=2),
    Step(
        "power",
        (POWER,),
        ("-n6", "--dist=worksteal"),
        9.0,
        sample=3,
        always=(
            f"{POWER}/test_healthy.py::test_healthy_lab_is_green",
            f"{POWER}/test_storage_faults.py::test_fault_turns_its_check_red[21_01c-checksum-not-verified]",
        ),
        longest=900,  # a whole deployment, in company
    ),
)
