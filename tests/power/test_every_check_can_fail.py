"""No check without the proof that it can fail: each is turned red on a broken target somewhere in this folder.

Who turns a check red says so as ``STAGE::NAME``, with the parameters where there are any:

- a row of a module's ``POWER`` by its ``red``, if that is one name (where any of several may be first, none is sure),
  and by its ``also``;
- a test that is no row by the module's constant ``RED``, a set of such names which the test itself asserts from.

Left out are the checks that only ask a person. Each case of a check counts by itself, unless the check is in ``ALIKE``.
"""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from held_lab import ROOT

ALIKE = {
    "21_01c::test_another_archive_is_not_overwritten",
    "21_01c::test_archive_up_to_the_limit_is_accepted",
    "21_01c::test_broken_archive_beside_a_good_one_is_refused",
    "21_01c::test_broken_archive_is_refused",
    "21_01c::test_incomplete_submission_is_refused",
    "21_01c::test_oversized_archive_is_refused",
    "21_01c::test_tampered_archive_is_refused",
    "21_01c::test_virus_beside_a_good_archive_is_refused",
    "21_01c::test_virus_is_refused",
    "21_01c::test_wrong_digest_of_a_good_archive_is_refused",
    "post_deployment::test_accepted_stage_is_within_its_slo_since",
    "post_deployment::test_accepted_stage_shows_no_errors_since",
    "post_deployment::test_trigger_did_not_hold_in_an_accepted_stage_since",
}
"""Checks whose cases are one evaluation with other numbers: what turns one red turns the others red too."""

NEVER_RED: dict[str, str] = {}
"""A check that nobody turns red -> why. It only shrinks: one that is red somewhere must not be here."""
PLACE = re.compile(r"ops_tests/(?:stage_)?(\w+)/test_\w+\.py::(.+)")


def counted(name: str) -> str:
    """Name a check as it counts: without its case where all of its cases are alike."""
    bare = name.partition("[")[0]
    return bare if bare in ALIKE else name


def collected(*options: str) -> set[str]:
    """Give the checks by pytest's own word."""
    command = [sys.executable, "-m", "pytest", "ops_tests", "--collect-only", "-q", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    found = {counted("::".join(place.groups())) for place in map(PLACE.fullmatch, done.stdout.splitlines()) if place}
    assert len(found) > 100, done.stdout[-2000:]
    return found


@pytest.fixture(scope="module")
def checks() -> set[str]:
    """Every check that does more than ask a person."""
    return collected("-mnot signoff")


@pytest.fixture(scope="module")
def red() -> dict[str, str]:
    """Every check that is turned red -> the module that does it."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        module = importlib.import_module(f"power.{path.stem}")
        rows = {name for power in getattr(module, "POWER", ()) for name in power.turned_red}
        found |= {counted(name): path.name for name in rows | getattr(module, "RED", set())}
    return found


def test_every_check_is_red_somewhere(checks: set[str], red: dict[str, str]) -> None:
    never = sorted(checks - red.keys() - NEVER_RED.keys())
    assert never == [], "add a row to a POWER table, or a test and its name to RED: see this file's docstring"


def test_table_holds_no_check_that_is_red_somewhere(red: dict[str, str]) -> None:
    assert {name: red[name] for name in NEVER_RED.keys() & red.keys()} == {}, "take these out of NEVER_RED"


def test_names_are_those_of_checks(red: dict[str, str]) -> None:
    unknown = {name: red.get(name, "NEVER_RED") for name in (red.keys() | NEVER_RED.keys() | ALIKE) - collected()}
    assert unknown == {}, "no check has this name (any more)"
