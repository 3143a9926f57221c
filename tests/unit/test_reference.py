"""The reference pages are what the code says."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from acceptance.verdict import ExitCode
from tests.reference import EXIT_CODES, PAGES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_is_up_to_date(page):
    assert page.read_text() == PAGES[page](), f"{page.name} is not what the code says: run `python -m tests.reference`"


def test_every_exit_code_is_explained():
    assert set(ExitCode) <= set(EXIT_CODES)
