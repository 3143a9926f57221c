"""Sizes and durations as the checklist writes them."""

from argparse import ArgumentTypeError
from datetime import timedelta
from itertools import product

import pytest

from acceptance.commands.units import duration, size


@pytest.mark.parametrize(
    ("text", "value"),
    [("150MB", 150_000_000), ("100MiB", 104_857_600), ("1.5 kb", 1500), ("7", 7), ("2GiB", 2**31), ("9B", 9)],
)
def test_sizes(text: str, value: int) -> None:
    assert size(text) == value


@pytest.mark.parametrize(("text", "value"), [("1h", 3600), ("30m", 1800), ("90s", 90), ("2d", 172_800), ("5min", 300)])
def test_durations(text: str, value: int) -> None:
    assert duration(text) == timedelta(seconds=value)


NO_SIZES = ["", "MB", "0MB", "-1MB", "1XB", "1M B", "1e3", "١MB", "nan"]
NO_DURATIONS = ["", "1", "0h", "-1h", "h", "1w", "99999999999d"]


@pytest.mark.parametrize(("read", "text"), [*product([size], NO_SIZES), *product([duration], NO_DURATIONS)])
def test_neither_size_nor_duration(read, text: str) -> None:
    with pytest.raises(ArgumentTypeError, match=f"expected a {read.__name__} above 0"):
        read(text)
