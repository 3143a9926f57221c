"""Each line of the target contract names what compares it, or says why nothing does."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.contract import Line, known, lines


def test_every_line_names_a_check_or_says_why_not():
    assert [fault for line in lines() for fault in line.faults] == []


def test_every_name_is_one_of_a_check():
    unknown = {name: line.says for line in lines() for name in line.names}
    there = known()
    assert len(there) > 200
    assert {name: says for name, says in unknown.items() if name not in there} == {}


@pytest.mark.parametrize(
    "by", [{"": []}, {"": ""}, {"": "not yet"}, {"on": ["21_01c/flag_on::test_x"]}, {"off": [], "on": ["x"]}]
)
def test_line_without_a_check_is_told(by):
    assert Line("HTTP", "201", by).faults
