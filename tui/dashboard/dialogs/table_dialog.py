"""TableDialog: a table that is read for one option at a time, and the widths of its columns."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import ClassVar, Generic, TypeVar

from rich.cells import cell_len
from textual import work
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content

from gjobs.store.errors import StoreError
from gjobs.tui.dashboard.dialogs.dialog import Dialog, choices_line, limit_height
from gjobs.tui.dashboard.widgets import SteadyText
from gjobs.tui.text.clean_text import pad
from gjobs.tui.text.error_text import error_words

OptionType = TypeVar("OptionType")
FoundType = TypeVar("FoundType")

_GAP = "  "
_LOW = 18
"""A screen with fewer lines has no empty lines around the table."""
_OTHERS, _LOW_OTHERS = 14, 6
"""Lines of the border, the padding, the options, a heading, the summary and the keys."""


class TableDialog(Dialog[None], Generic[OptionType, FoundType]):
    """Show a table. It is read when the dialog opens, when the user chooses another option, and on refresh."""

    DEFAULT_CSS = """
    TableDialog {
        #options { margin-bottom: 1; }
        #summary { height: auto; max-height: 3; color: $foreground-muted; }
        #keys { height: 1; color: $foreground-muted; margin-top: 1; }

        &.-low {
            #dialog { padding: 0 1; }
            #options { margin-bottom: 0; }
            #summary { max-height: 1; }
            #keys { margin-top: 0; }
        }
    }
    """
    HINTS: ClassVar[Mapping[str, str]]
    """What the keys do, by the ids of their bindings."""
    READING: ClassVar[str] = "Reading …"
    GOES_ROUND: ClassVar[bool] = True
    """Whether the first option follows the last one."""

    def __init__(
        self,
        read: Callable[[OptionType], Awaitable[FoundType]],
        options: Mapping[str, OptionType],
        *,
        title: str,
        chosen: int = 0,
    ) -> None:
        """`options` has each option by its label. The labels and the title must be clean text."""
        super().__init__()
        self._read = read
        self._options = options
        self._title = title
        self._chosen = chosen
        self._result: FoundType | None = None

    def heading(self) -> str:
        """Return a line above the table, or an empty text."""
        return ""

    def table(self, found: FoundType, width: int) -> Content:
        raise NotImplementedError

    def summary(self, found: FoundType) -> str:
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        with self.box(self._title):
            yield SteadyText(id="options")
            with VerticalScroll():
                yield SteadyText(id="table")
            yield SteadyText(id="summary")
            yield SteadyText(id="keys")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        self.say("keys", self.keys_line(self.HINTS))
        self.action_read()

    def action_step(self, steps: int) -> None:
        count, place = len(self._options), self._chosen + steps
        place = place % count if self.GOES_ROUND else min(max(place, 0), count - 1)
        if place != self._chosen:
            self._chosen = place
            self.action_read()

    @work(exclusive=True)
    async def action_read(self) -> None:
        self._draw_options()
        self.say("summary", Content(self.READING))
        try:
            self._result = await self._read(list(self._options.values())[self._chosen])
            summary = Content(self.summary(self._result))
        except StoreError as error:
            self._result = None
            summary = Content.styled(error_words(error), "$text-error")
        self._draw_options()
        self._draw_table()
        self.say("summary", summary)

    def on_resize(self) -> None:
        self.set_class(self._is_low, "-low")
        limit_height(self.query_one(VerticalScroll), others=_LOW_OTHERS if self._is_low else _OTHERS)
        self._draw_options()
        self.call_after_refresh(self._draw_table)

    @property
    def _is_low(self) -> bool:
        return self.size.height < _LOW

    def _draw_options(self) -> None:
        labels = choices_line(self._options, self._chosen, gap="" if self._is_low else _GAP)
        heading, between = self.heading(), Content("\n" if self._is_low else "\n\n")
        self.say("options", between.join([labels, Content.styled(heading, "bold")] if heading else [labels]))

    def _draw_table(self) -> None:
        if self.is_open:
            width = self.query_one(VerticalScroll).scrollable_content_region.width
            self.say("table", Content() if self._result is None else self.table(self._result, width))


def column_widths(lines: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(cell_len, column)) for column in zip(*lines, strict=True)]


def cells_of_others(widths: Sequence[int]) -> int:
    """Return how many cells the columns after the first take."""
    return sum(widths[1:]) + len(_GAP) * (len(widths) - 1)


def table_line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Return a line with the first cell on the left, and the others on the right of their columns.

    Cells without a width are left out.
    """
    others = (pad(cell, width, right=True) for cell, width in zip(cells[1:], widths[1:], strict=False))
    return _GAP.join([pad(cells[0], widths[0]), *others])
