"""Tables as cards: each cell says what its column is."""

import re

import record_samples as samples

from acceptance.record.cards import as_cards
from acceptance.record.html import page
from acceptance.record.publish import load

TABLE = (
    '<table><caption>c</caption><thead><tr><th scope="col">A</th><th scope="col">B</th></tr></thead><tbody>'
    '<tr><th scope="row">1</th><td class="num">2</td></tr><tr><td>3</td><td>4</td><td>more</td></tr></tbody></table>'
)


def test_each_cell_is_named_by_its_column():
    assert re.findall(r"<t[dh][^>]*>\w+", as_cards(TABLE).partition("<tbody>")[2]) == [
        '<th scope="row">1', '<td data-th="B" class="num">2', '<td data-th="A">3', '<td data-th="B">4', "<td>more"
    ]  # fmt: skip


def test_no_table_of_a_record_is_left_out(tmp_path):
    text = page(load(samples.no_go(tmp_path / "run")))
    assert "<table>" not in text
    assert re.findall(r"<td(?! data-th=)[^>]*>", text.partition("</style>")[2]) == []
