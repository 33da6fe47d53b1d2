"""Dialogs with a list of rows (ListDialog loads them and keeps the cursor), and the lines of their tables."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from typing import ClassVar, Generic, TypeVar

from rich.cells import cell_len
from textual import work
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from gjobs.store.errors import StoreError
from gjobs.tui.dashboard.dialogs.dialog import Dialog
from gjobs.tui.dashboard.widgets.widgets import ResultType, SteadyText
from gjobs.tui.text.clean_text import clean_cell, pad
from gjobs.tui.text.error_text import error_words
from gjobs.tui.text.format import MUTED, Column, ShownZone, fitting_widths

RowType = TypeVar("RowType")

_GAP = "  "


def fitted(columns: Iterable[Column[RowType]], rows: Sequence[RowType]) -> list[Column[RowType]]:
    """Return the columns, each at least as wide as its title and its widest cell."""
    return [
        replace(column, cells=max(column.cells, *map(cell_len, (column.title, *map(column.cell, rows)))))
        for column in columns
    ]


def narrowed(columns: Sequence[Column[RowType]], width: int) -> list[Column[RowType]]:
    """Return the columns, narrowed down to their least widths if they are too wide."""
    wanted = [column.cells for column in columns]
    widths = fitting_widths(columns, wanted, width - len(_GAP) * (len(columns) - 1))
    return [replace(column, cells=cells) for column, cells in zip(columns, widths, strict=True)]


def cells_of(columns: Iterable[Column[RowType]]) -> int:
    """Return how many cells the columns take, each with a gap beside it."""
    return sum(column.cells + len(_GAP) for column in columns)


def columns_within(width: int, columns: Sequence[Column[RowType]]) -> Sequence[Column[RowType]]:
    """Return the first columns, as many as fit."""
    return [column for place, column in enumerate(columns, 1) if cells_of(columns[:place]) - len(_GAP) <= width]


def titles_line(columns: Iterable[Column[RowType]]) -> Content:
    titles = (pad(column.title, column.cells, right=column.right) for column in columns)
    return Content.styled(_GAP.join(titles), MUTED)


def row_line(columns: Iterable[Column[RowType]], row: RowType, *, style: str | None = None) -> Content:
    """Return the cells of a row, cut to the widths. `style` replaces the styles of the columns."""
    cells = [
        Content.styled(
            pad(clean_cell(column.cell(row), column.cells), column.cells, right=column.right),
            column.style if isinstance(column.style, str) else column.style(row),
        )
        for column in columns
    ]
    line = Content(_GAP).join(cells)
    return line if style is None else Content.styled(line.plain, style)


def table_lines(
    columns: Sequence[Column[RowType]], rows: Iterable[RowType], style: Callable[[RowType], str | None]
) -> Content:
    """Return the titles, and a line for each row. `style` replaces the styles of the columns in a row."""
    return Content("\n").join([titles_line(columns), *(row_line(columns, row, style=style(row)) for row in rows)])


class RowsDialog(Dialog[ResultType], Generic[RowType, ResultType]):
    """A dialog whose main part is a list."""

    DEFAULT_CSS = """
    RowsDialog {
        OptionList { text-wrap: nowrap; }
        OptionList:focus { background-tint: $foreground 0%; }
    }
    """

    FOCUS = "OptionList"
    rows: Sequence[RowType] = ()

    @property
    def row_list(self) -> OptionList:
        return self.query_one(OptionList)

    @property
    def row_width(self) -> int:
        return max(self.row_list.scrollable_content_region.width, 1)

    @property
    def row_under_cursor(self) -> RowType | None:
        """The row under the cursor."""
        place = self.row_list.highlighted if self.is_open else None
        return self.rows[place] if place is not None and place < len(self.rows) else None

    def draw(self) -> None:
        """Draw all rows again, unless the dialog is closed. The cursor stays at its row."""
        raise NotImplementedError

    def on_resize(self) -> None:
        self.call_after_refresh(self.draw)

    def show_zone(self, zone: ShownZone) -> None:  # noqa: ARG002 - the rows are drawn in the zone of the dashboard
        self.draw()


class ListDialog(RowsDialog[RowType, ResultType]):
    """Rows that are read when the dialog opens and on request, with a note below them.

    When they are read again, the cursor stays on its row.
    """

    ABOVE: ClassVar[tuple[str, ...]] = ()
    """The ids of the texts above the list."""

    def __init__(self, title: str, *, start: RowType | None = None) -> None:
        """The cursor starts on the row `start` if it is listed."""
        super().__init__()
        self._title = title
        self._start = start

    async def read(self) -> Sequence[RowType]:
        raise NotImplementedError

    def identity(self, row: RowType) -> Hashable:
        """Return what the row has in common with the same row after the next reading."""
        raise NotImplementedError

    def prompt(self, row: RowType) -> Content:
        raise NotImplementedError

    def note_words(self) -> str:
        """Return what is below the rows once they are read."""
        return ""

    def compose(self) -> ComposeResult:
        with self.box(self._title):
            for part in self.ABOVE:
                yield SteadyText(id=part)
            yield OptionList(id="rows", markup=False, compact=True)
            yield SteadyText(id="note", classes="label")
            yield Static(self.keys_line(self.HINTS), id="keys", classes="label")

    def on_mount(self) -> None:
        self.action_read()

    @work(exclusive=True, group="rows")
    async def action_read(self) -> None:
        self.show_text("note", "Loading …")
        try:
            rows = await self.read()
        except StoreError as error:
            self.show_text("note", error_words(error))
            return
        kept = self._start = self.row_under_cursor or self._start
        places = {self.identity(row): place for place, row in enumerate(rows)}
        self.rows = rows
        self.draw(0 if kept is None else places.get(self.identity(kept), 0))
        self.show_text("note", self.note_words())

    def draw(self, cursor: int | None = None) -> None:
        """Draw the rows. Without `cursor`, the cursor stays at its place."""
        if self.is_open:
            place = self.row_list.highlighted if cursor is None else cursor
            self.row_list.set_options([Option(self.prompt(row)) for row in self.rows])
            self.row_list.highlighted = place if self.rows else None
