"""Filter input that marks mistakes, and its completion list."""

from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from gjobs.tui.dashboard.keys.bindings import NOTHING, DynamicKeyText
from gjobs.tui.dashboard.widgets import ShowsInvisible, TextField
from gjobs.tui.text.clean_text import clean, pad, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gjobs.store.filters.filter_completion import Completion

_ASKING, _TAKING = {"find.keep": "list anyway"}, {"find.keep": "accept"}
_WRONG = Style(underline=True, bold=True)


class MarksMistake(ShowsInvisible):
    """Marks a mistake, and shows invisible characters."""

    def __init__(self) -> None:
        self.place: tuple[int, int] | None = None
        """Start and end of the mistake, in characters."""

    def highlight(self, text: Text) -> None:
        if self.place is not None:
            text.stylize(_WRONG, *self.place)


class FilterField(DynamicKeyText, TextField):
    """The filter input. It reports its keys to the bar."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "keep", id="find.keep", tooltip="Keep the filter and go to the table"),
        Binding("escape", "leave", "all rows", id="find.leave", tooltip="Close the completions, or clear the filter"),
        Binding(
            "tab", "complete", "complete", id="find.complete", tooltip="Accept the completion, or list the filter keys"
        ),
        Binding(
            "down",
            "step(1)",
            "To the table",
            show=False,
            id="find.down",
            tooltip="Go to the next completion, or to the table",
        ),
        Binding("up", "step(-1)", "Back", show=False, id="find.up", tooltip="Go to the previous completion"),
    ]

    class Left(Message):
        """Escape was pressed."""

    class CompletionRequested(Message):
        """Tab was pressed, or the right arrow at the end of the text."""

        def __init__(self, *, by_tab: bool) -> None:
            super().__init__()
            self.by_tab = by_tab

    class Stepped(Message):
        """A move by lines, down if positive."""

        def __init__(self, lines: int) -> None:
            super().__init__()
            self.lines = lines

    def __init__(self, *, id: str) -> None:  # noqa: A002
        self._marks = MarksMistake()
        super().__init__(id=id, placeholder="status:failed cost:>50 since:24h -mode:packaging, or any word of an error")
        self.highlighter = self._marks

    def mark(self, place: tuple[int, int] | None) -> None:
        """Mark the mistake in the text. None removes the mark."""
        if place != self._marks.place:
            self._marks.place = place
            self.refresh()

    def word_enter(self, *, confirms: bool, takes: bool) -> None:
        """Say in the key hints whether enter confirms a slow filter, or takes the highlighted completion."""
        reworded = _TAKING if takes else _ASKING if confirms else NOTHING
        if reworded != self.reworded:
            self.reworded = reworded
            self.refresh_bindings()

    def action_leave(self) -> None:
        self.post_message(self.Left())

    def action_complete(self) -> None:
        self.post_message(self.CompletionRequested(by_tab=True))

    def action_step(self, lines: int) -> None:
        self.post_message(self.Stepped(lines))

    def action_cursor_right(self, select: bool = False) -> None:
        if select or not self.cursor_at_end:
            super().action_cursor_right(select)
        else:
            self.post_message(self.CompletionRequested(by_tab=False))


_LONGEST = 40
"""Maximum cells of a completion's text."""
_LONGEST_WORDS = 60
_MOST_LINES = 8


class CompletionList(OptionList):
    """The completions. The list never takes the focus, because the field handles the keys."""

    can_focus = False
    ALLOW_SELECT = False
    DEFAULT_CSS = """
    CompletionList {
        display: none;
        overlay: screen;
        constrain: inside inside;
        width: auto;
        max-width: 100%;
        background: $panel;
        text-wrap: nowrap;
        text-overflow: ellipsis;
        scrollbar-size-vertical: 1;

        &.-shown { display: block; }
    }
    """

    def __init__(self) -> None:
        super().__init__(markup=False, compact=True)
        self._offered: tuple[Completion, ...] = ()

    @property
    def is_open(self) -> bool:
        return bool(self._offered)

    @property
    def chosen(self) -> "Completion | None":
        """The highlighted completion; None before the first move."""
        return None if self.highlighted is None or not self._offered else self._offered[self.highlighted]

    @property
    def first(self) -> "Completion | None":
        return next(iter(self._offered), None)

    def at(self, place: int) -> "Completion":
        return self._offered[place]

    def offer(self, completions: "Sequence[Completion]", *, column: int, width: int, room: int) -> None:
        """Show the completions. Empty closes the list. `column` is where their text starts; `room` the lines below.

        The list fills its lines up to `width`. Otherwise the uncovered text to their right would look like part of
        the completions.
        """
        self._offered = tuple(completions)
        widths = [min(cell_len(_name(completion)), _LONGEST) for completion in self._offered]
        self.set_options([Option(_prompt(completion, max(widths))) for completion in self._offered])
        self.highlighted = 0 if self._offered and self._offered[0].is_meant else None
        self.styles.offset, self.styles.min_width = (column, 0), width - column
        self.styles.max_height = max(min(_MOST_LINES, room), 1)
        self.set_class(bool(self._offered), "-shown")

    def step(self, lines: int) -> None:
        if lines > 0:
            self.action_cursor_down()
        else:
            self.action_cursor_up()


def _name(completion: "Completion") -> str:
    return clean(completion.replacement, limit=_LONGEST * 2)


def _prompt(completion: "Completion", width: int) -> Content:
    name = pad(_name(completion), width)
    words = shorten(completion.words, _LONGEST_WORDS)
    return Content.assemble(
        (f" {name} ", "bold" if words else ""), (f" {words} ", "$foreground-muted") if words else ""
    )
