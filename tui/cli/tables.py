"""Rows as aligned lines for people. Pure; every cell is made harmless here, so that no caller can forget it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from rich.cells import cell_len

from tui.words.text import clean, pad, shorten

_GAP = "  "
_RESET = "\x1b[0m"

STATUS_COLOURS: Mapping[str, str] = {
    "queued": "\x1b[90m",
    "running": "\x1b[36m",
    "succeeded": "\x1b[32m",
    "failed": "\x1b[31m",
}
BUDGET_COLOURS: Mapping[str, str] = {"warning": "\x1b[33m", "used up": "\x1b[31m"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    title: str
    right: bool = False
    narrowest: int | None = None
    """The cells to which it may be narrowed where the table is too wide; None keeps it whole."""
    colours: Mapping[str, str] = field(default_factory=dict)
    """The escape sequence that colours a cell, by the cell's text."""


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], *, width: int | None, colour: bool) -> list[str]:
    """A line of titles, then one line a row. `width` is in terminal cells; None never cuts."""
    cells = [[clean(cell) for cell in row] for row in rows]
    titles = [column.title for column in columns]
    widths = [max(map(cell_len, texts)) for texts in zip(titles, *cells, strict=True)]
    if width is not None:
        widths = _fit(columns, widths, width)
    lines = [_line(columns, titles, widths, colour=False)]
    lines.extend(_line(columns, row, widths, colour=colour) for row in cells)
    return lines


def _fit(columns: Sequence[Column], widths: list[int], width: int) -> list[int]:
    """Narrows the columns that may be, the last first; what then lies beyond the edge is cut there."""
    excess = sum(widths) + len(_GAP) * (len(widths) - 1) - width
    fitted = list(widths)
    for index in reversed(range(len(columns))):
        narrowest = columns[index].narrowest
        if excess > 0 and narrowest is not None:
            taken = min(excess, max(fitted[index] - narrowest, 0))
            fitted[index] -= taken
            excess -= taken
    return _cut_at_edge(fitted, width)


def _cut_at_edge(widths: list[int], width: int) -> list[int]:
    left = width
    kept = []
    for wanted in widths:
        if left <= 0:
            break
        kept.append(min(wanted, left))
        left -= wanted + len(_GAP)
    return kept


def _line(columns: Sequence[Column], cells: Sequence[str], widths: Sequence[int], *, colour: bool) -> str:
    parts = [
        _cell(column, text, width, colour=colour, is_last=index == len(widths) - 1)
        for index, (column, text, width) in enumerate(zip(columns, cells, widths, strict=False))
    ]
    return _GAP.join(parts).rstrip()


def _cell(column: Column, text: str, width: int, *, colour: bool, is_last: bool) -> str:
    shown = shorten(text, width) if is_last and not column.right else pad(text, width, right=column.right)
    start = column.colours.get(text) if colour else None
    return f"{start}{shown}{_RESET}" if start else shown


def fields(pairs: Mapping[str, str]) -> str:
    """Names and values below each other; the lines after a value's first are indented. Values are clean blocks."""
    width = max(map(cell_len, pairs))
    return "\n".join(
        f"{pad(name, width)}{_GAP}{line}".rstrip()
        for label, value in pairs.items()
        for name, line in zip_longest([label], value.split("\n"), fillvalue="")
    )
