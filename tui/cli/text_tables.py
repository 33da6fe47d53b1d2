"""Aligned tables, and lists of fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from rich.cells import cell_len

from gjobs.tui.text.clean_text import clean_cell, pad, shorten

_GAP = "  "
_RESET = "\x1b[0m"

WIDEST = 500
"""Maximum cells of a column. A long text would widen every row, and a text in a database may have megabytes."""

_SHORT_ID = 8
"""Digits, as in the dashboard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableColumn:
    title: str
    right: bool = False
    narrowest: int | None = None
    """The least width in cells if the table is too wide. None keeps the column whole."""
    is_id: bool = False
    """Whether the column has ids. In a table that is too wide, ids are cut first but stay distinct."""
    colours: Mapping[str, str] = field(default_factory=dict)
    """Escape sequences that colour a cell, by the cell's text."""
    other_colour: str | None = None
    """The escape sequence for any other text."""


def aligned_table(
    columns: Sequence[TableColumn],
    rows: Sequence[Sequence[str]],
    *,
    width: int | None,
    colour: bool,
    keeps_ids: bool = False,
) -> list[str]:
    """Return a line of titles, then one line per row. `width` is in terminal cells. None cuts only extremely wide
    cells.
    """
    cells = [[shorten(clean_cell(cell, WIDEST), WIDEST) for cell in row] for row in rows]
    titles = [column.title for column in columns]
    widths = _widths(titles, cells)
    if width is not None and _excess(widths, width) > 0:
        for index, column in enumerate(columns):
            if column.is_id and not keeps_ids:
                _shorten_ids(cells, index)
        widths = _fit(columns, _widths(titles, cells), width)
    lines = [_line(columns, titles, widths, colour=False)]
    lines.extend(_line(columns, row, widths, colour=colour) for row in cells)
    return lines


def _widths(titles: Sequence[str], cells: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(cell_len, texts)) for texts in zip(titles, *cells, strict=True)]


def _excess(widths: Sequence[int], width: int) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1) - width


def _shorten_ids(cells: Sequence[list[str]], index: int) -> None:
    ids = {row[index] for row in cells}
    lengths = range(_SHORT_ID, max(map(len, ids), default=_SHORT_ID))
    length = next((length for length in lengths if len({one[:length] for one in ids}) == len(ids)), None)
    for row in cells:
        row[index] = row[index][:length]


def _fit(columns: Sequence[TableColumn], widths: list[int], width: int) -> list[int]:
    """Narrow the columns that may be narrowed, the last first. What is still too wide is cut at the edge."""
    excess = _excess(widths, width)
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
    for needed in widths:
        if left <= 0:
            break
        kept.append(min(needed, left))
        left -= needed + len(_GAP)
    return kept


def _line(columns: Sequence[TableColumn], cells: Sequence[str], widths: Sequence[int], *, colour: bool) -> str:
    parts = [
        _cell(column, text, width, colour=colour, is_last=index == len(widths) - 1)
        for index, (column, text, width) in enumerate(zip(columns, cells, widths, strict=False))
    ]
    return _GAP.join(parts).rstrip()


def _cell(column: TableColumn, text: str, width: int, *, colour: bool, is_last: bool) -> str:
    shown = shorten(text, width) if is_last and not column.right else pad(text, width, right=column.right)
    start = column.colours.get(text, column.other_colour) if colour else None
    return f"{start}{shown}{_RESET}" if start else shown


def fields(pairs: Mapping[str, str]) -> str:
    """Return names and values, one pair below the other. Further lines of a value are indented. Values are clean
    blocks.
    """
    width = max(map(cell_len, pairs))
    return "\n".join(
        f"{pad(name, width)}{_GAP}{line}".rstrip()
        for label, value in pairs.items()
        for name, line in zip_longest([label], value.split("\n"), fillvalue="")
    )
