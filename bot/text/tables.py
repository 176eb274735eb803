"""Tables as text: columns aligned in a monospaced block, or ``column: value`` lines where that would be too wide."""

import re
from typing import Final

from rich.cells import cell_len

from bot.messages import Table
from bot.text.markup import Span

PHONE_COLUMNS: Final = 40
"""Width of a monospaced line that fits on a phone, in characters; platforms do not report the screen width."""
_GAP: Final = "  "
_NUMBER: Final = re.compile(r"[-+−]?[\d.,\u202f\u00a0 ]*\d[\d.,]*\s?%?")


def table_spans(table: Table, width: int | None) -> list[Span]:
    """Return a table in lines of at most ``width`` columns (None: of any width) where it can be aligned.

    East Asian wide characters and emoji count two columns, combining marks none. Cells are literal text.
    """
    cells = [[" ".join(cell.split()) for cell in row] for row in (table.columns, *table.rows)]
    if not table.columns:
        return []
    widths = [max(cell_len(row[n]) for row in cells) for n in range(len(table.columns))]
    if width is None or sum(widths) + len(_GAP) * (len(widths) - 1) <= width:
        return [Span(_aligned(cells, widths), code=True)]
    return _listed(cells)


def _aligned(cells: list[list[str]], widths: list[int]) -> str:
    # The first column is left-aligned: platforms and splitting strip leading blanks.
    right = [n > 0 and len(cells) > 1 and all(_is_number(row[n]) for row in cells[1:]) for n in range(len(widths))]
    lines = [[_padded(cell, *column) for cell, column in zip(row, zip(widths, right, strict=True), strict=True)]
             for row in cells]  # fmt: skip
    lines.insert(1, ["─" * width for width in widths])
    return "\n".join(_GAP.join(line).rstrip() for line in lines)


def _listed(cells: list[list[str]]) -> list[Span]:
    columns, *rows = cells
    spans: list[Span] = []
    for number, row in enumerate(rows):
        for n, (column, cell) in enumerate(zip(columns, row, strict=True)):
            gap = "\n" if n else "\n\n" if number else ""
            spans += [Span(gap)] if gap else []
            spans += [Span(f"{column}:", bold=True), Span(f" {cell or '–'}")]
    return spans


def _padded(cell: str, width: int, right: bool) -> str:
    blanks = " " * (width - cell_len(cell))
    return blanks + cell if right else cell + blanks


def _is_number(cell: str) -> bool:
    return not cell or _NUMBER.fullmatch(cell) is not None
