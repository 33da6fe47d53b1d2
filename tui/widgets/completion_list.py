"""What could be meant by what is being typed, over what lies below the field."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui.words.text import clean, pad, shorten

if TYPE_CHECKING:
    from store.filters import Completion

_LONGEST = 40
"""Cells of what would be typed."""
_LONGEST_WORDS = 60
_MOST_LINES = 8


class CompletionList(OptionList):
    """Never has the focus: the field that is typed into has the keys."""

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
        """The one that was gone to; None while nobody has."""
        return None if self.highlighted is None or not self._offered else self._offered[self.highlighted]

    @property
    def first(self) -> "Completion | None":
        return next(iter(self._offered), None)

    def at(self, place: int) -> "Completion":
        return self._offered[place]

    def offer(self, completions: "Sequence[Completion]", *, column: int, room: int) -> None:
        """Nothing closes it. `column` is where on the line what they complete begins; `room` the lines below it."""
        self._offered = tuple(completions)
        widths = [min(cell_len(_name(completion)), _LONGEST) for completion in self._offered]
        self.set_options([Option(_prompt(completion, max(widths))) for completion in self._offered])
        self.highlighted = None
        self.styles.offset = (column, 0)
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
