"""Name the column in each cell of a table, so that a phone can show rows as cards."""

from __future__ import annotations

import re
from itertools import count

_TABLE = re.compile(r"<table>(.*?)</table>", re.DOTALL)
_COLUMN = re.compile(r'<th scope="col">(.*?)</th>')
_ROW = re.compile(r"<tr.*?</tr>", re.DOTALL)
_CELL = re.compile(r"<(td|th)(?=[ >])")


def as_cards(html: str) -> str:
    """Give a page whose tables have the class `cards`, and `data-th` at each cell; needs no script."""
    return _TABLE.sub(_carded, html)


def _carded(table: re.Match[str]) -> str:
    columns = _COLUMN.findall(table[1])
    head, mark, body = table[1].partition("<tbody>")
    return f'<table class="cards">{head}{mark}{_ROW.sub(lambda row: _named(row[0], columns), body)}</table>'


def _named(row: str, columns: list[str]) -> str:
    place = count()

    def named(cell: re.Match[str]) -> str:
        number = next(place)
        wanted = cell[1] == "td" and number < len(columns)
        return f'<td data-th="{columns[number]}"' if wanted else cell[0]

    return _CELL.sub(named, row)
