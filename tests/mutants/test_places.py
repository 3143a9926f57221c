"""A sample can be drawn again, leaves the catalogue's own hooks out, and each place is a mutation that compiles."""

import ast
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mutants.places import hook_lines, sample

ROOT = Path(__file__).parents[2]
SAMPLE = sample(ROOT, 40, seed=7)


def test_same_seed_draws_the_same_places():
    assert sample(ROOT, 40, seed=7) == SAMPLE != sample(ROOT, 40, seed=8)


def test_each_place_is_one_change_of_a_line_that_is_no_hook():
    for place in SAMPLE:
        source = (ROOT / place.file).read_text()
        mutated = place.mutated(source)
        ast.parse(mutated)
        assert mutated != source, place
        assert place.line not in hook_lines(source), place
