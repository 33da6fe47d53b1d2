"""The line that a filter is typed into. What is wrong in it is marked where it stands."""

from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.message import Message

from tui.keys.rewording import NOTHING, Rewords
from tui.widgets.text_field import ShowsInvisible, TextField

_ASKING = {"find.keep": "list all the same"}
_WRONG = Style(underline=True, bold=True)


class MarksMistake(ShowsInvisible):
    """Beside showing what is invisible."""

    def __init__(self) -> None:
        self.place: tuple[int, int] | None = None
        """Of what is wrong, in characters."""

    def highlight(self, text: Text) -> None:
        if self.place is not None:
            text.stylize(_WRONG, *self.place)


class FilterField(Rewords, TextField):
    """Its keys are the bar's: it says which were pressed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "keep", id="find.keep", tooltip="Keep what was found"),
        Binding("escape", "leave", "all rows", id="find.leave", tooltip="Close the completions; show all rows again"),
        Binding("tab", "complete", "complete", id="find.complete", tooltip="Take the completion, or list the keys"),
        Binding("down", "step(1)", "To the table", show=False, id="find.down", tooltip="The next one, or the table"),
        Binding("up", "step(-1)", "Back", show=False, id="find.up", tooltip="The completion before"),
    ]

    class Left(Message):
        """Escape."""

    class CompletionWanted(Message):
        """Tab, or the right arrow at the end of the text."""

        def __init__(self, *, by_tab: bool) -> None:
            super().__init__()
            self.by_tab = by_tab

    class Stepped(Message):
        """So many lines down."""

        def __init__(self, lines: int) -> None:
            super().__init__()
            self.lines = lines

    def __init__(self, *, id: str) -> None:  # noqa: A002
        self._marks = MarksMistake()
        super().__init__(id=id, placeholder="status:failed cost:>50 since:24h -mode:packaging, or any word of an error")
        self.highlighter = self._marks

    def mark(self, place: tuple[int, int] | None) -> None:
        """Where the text is wrong; None where it is not."""
        if place != self._marks.place:
            self._marks.place = place
            self.refresh()

    def ask(self, *, is_asking: bool) -> None:
        """Whether enter is to list by what is typed although that is dear."""
        reworded = _ASKING if is_asking else NOTHING
        if reworded != self.reworded:
            self.reworded = reworded
            self.refresh_bindings()

    def action_leave(self) -> None:
        self.post_message(self.Left())

    def action_complete(self) -> None:
        self.post_message(self.CompletionWanted(by_tab=True))

    def action_step(self, lines: int) -> None:
        self.post_message(self.Stepped(lines))

    def action_cursor_right(self, select: bool = False) -> None:
        if select or not self.cursor_at_end:
            super().action_cursor_right(select)
        else:
            self.post_message(self.CompletionWanted(by_tab=False))
