"""The lines of the job table: what each one looks like, as values that can be compared, and the painting of one.

Cells hold cleaned text and become segments as they are: nothing in them is ever read as markup.
"""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.words.format import count
from tui.words.job_cells import Cell
from tui.words.text import clean, shorten

MARK = "✱"
POINTER = "›"
ROW = "job-table--row"
CURSOR = "job-table--cursor"
HOVER = "job-table--hover"
HEADER = "job-table--header"
EMPTY = "job-table--empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Two equal lines are drawn alike."""

    cells: tuple[Cell, ...] = ()
    style: str = ROW


def row_line(cells: tuple[Cell, ...], *, is_cursor: bool, is_marked: bool, is_hovered: bool) -> Line:
    """The cursor's line has one style throughout, for a status' colour may not be readable on the cursor's."""
    gutter = []
    if is_marked:
        gutter.append(Cell(start=1, text=MARK, style="" if is_cursor else "job-table--mark"))
    if is_cursor:
        gutter.insert(0, Cell(start=0, text=POINTER))
        cells = tuple(Cell(start=cell.start, text=cell.text) for cell in cells)
    style = CURSOR if is_cursor else HOVER if is_hovered else ROW
    return Line(cells=(*gutter, *cells) if gutter else cells, style=style)


def header_line(cells: Sequence[Cell], *, new_above: int, width: int) -> Line:
    """The titles, and at the right end how many new rows wait above."""
    if not new_above:
        return Line(cells=tuple(cells), style=HEADER)
    notice = f" ▲ {count(new_above)} new"
    start = max(0, width - cell_len(notice))
    kept = [
        Cell(start=cell.start, text=shorten(cell.text.rstrip(), start - cell.start), style=cell.style)
        for cell in cells
        if cell.start < start
    ]
    return Line(cells=(*kept, Cell(start=start, text=notice, style="job-table--new")), style=HEADER)


def sentence_lines(sentence: str, *, width: int, height: int) -> tuple[Line, ...]:
    """A sentence in the middle of otherwise blank lines."""
    wrapped = [shorten(line, width) for line in textwrap.wrap(clean(sentence), max(1, width - 2))][:height]
    above = (height - len(wrapped)) // 2
    below = height - len(wrapped) - above
    written = [Line(cells=(Cell(start=(width - cell_len(text)) // 2, text=text, style=EMPTY),)) for text in wrapped]
    return (*[Line()] * above, *written, *[Line()] * below)


def paint(line: Line, width: int, style_of: Callable[[str], Style]) -> Strip:
    """Exactly `width` cells; the blanks have the line's background. `style_of` finds the style of a component class."""
    base = style_of(line.style)
    on_base = Style.from_color(None, base.bgcolor)
    segments: list[Segment] = []
    end = 0
    for cell in line.cells:
        segments.append(Segment(" " * (cell.start - end), base))
        segments.append(Segment(cell.text, style_of(cell.style) + on_base if cell.style else base))
        end = cell.start + cell_len(cell.text)
    drawn = Strip([segment for segment in segments if segment.text], end)
    return drawn.adjust_cell_length(width, base)
