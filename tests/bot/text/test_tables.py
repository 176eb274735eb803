"""Tables: aligned by what characters take on the screen, or lines where that would be too wide."""

import pytest
from rich.cells import cell_len

from bot.messages import Table
from bot.text.markup import Span, plain
from bot.text.tables import table_spans


@pytest.mark.parametrize("cell", ["door", "ドア", "e\u0301te\u0301", "🚪🔑", "two\nlines", ""])
def test_columns_stand_under_each_other_whatever_their_cells_hold(cell: str) -> None:
    table = Table(("A", "B", "C"), ((cell, "1", "x"), ("longer than that", "−2.5 %", "y"), ("", "1,000", "z")))
    (span,) = table_spans(table, None)
    assert span.code
    head, rule, *rows = span.text.splitlines()
    ends = {cell_len(row) - 1 for row in rows}
    assert len(ends) == 1
    assert [part for part in rule.split("  ") if set(part) != {"─"}] == []
    assert cell_len(head) - 1 == ends.pop()
    assert not any(line.startswith(" ") for line in (head, rule, rows[0])) or cell == ""


def test_numbers_stand_on_the_right_and_words_on_the_left() -> None:
    (span,) = table_spans(Table(("Name", "Votes", "Mood"), (("a", "5", "calm"), ("b", "120", "x"))), 40)
    assert span.text.splitlines()[2:] == ["a         5  calm", "b       120  x"]


def test_what_is_too_wide_becomes_lines_and_cells_are_literal() -> None:
    spans = table_spans(Table(("Name", "Text"), (("*a*", "x" * 30), ("b", ""))), 20)
    assert plain(spans) == f"Name: *a*\nText: {'x' * 30}\n\nName: b\nText: –"
    assert not any(span.code for span in spans)
    assert Span("Name:", bold=True) in spans
    assert Span(" *a*") in spans


def test_rows_must_have_a_cell_for_each_column() -> None:
    with pytest.raises(ValueError, match="2 cells"):
        Table(("A", "B"), (("only one",),))


def test_a_table_without_rows_shows_its_columns() -> None:
    (span,) = table_spans(Table(("A", "B"), ()), None)
    assert span.text == "A  B\n─  ─"
    assert table_spans(Table((), ()), None) == []
