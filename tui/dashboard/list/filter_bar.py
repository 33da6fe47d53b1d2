"""Filter bar: input, completion, mistakes and remarks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual import on
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from gjobs.store.filters.filter_terms import NO_FILTER, FilterError, JobFilter, Key
from gjobs.tui.dashboard.bindings import HINT, KEY_ONLY, NOTHING, DynamicKeyText, bind
from gjobs.tui.dashboard.widgets.widgets import Request, ShowsInvisible, SteadyText, TextField
from gjobs.tui.text.clean_text import clean, pad, shorten, visible_cells
from gjobs.tui.text.error_text import mistake_lines, still_listed

if TYPE_CHECKING:
    from gjobs.store.filters.filter_syntax import Completion, CompletionValues


_ASKING, _TAKING = {"find.keep": "list anyway"}, {"find.keep": "accept"}
_WRONG = Style(underline=True, bold=True)


class MarksMistake(ShowsInvisible):
    """Marks a mistake, and shows invisible characters."""

    place: tuple[int, int] | None = None
    """Start and end of the mistake, in characters."""

    def highlight(self, text: Text) -> None:
        super().highlight(text)
        if self.place is not None:
            text.stylize(_WRONG, *self.place)


class FilterField(DynamicKeyText, TextField):
    """The filter input. The bar handles its keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("find.keep", "enter", "keep", "Keep the filter and go to the table", HINT, "submit"),
        bind("find.leave", "escape", "all rows", "Close the completions, or clear the filter", HINT, "leave"),
        bind("find.complete", "tab", "complete", "Accept the completion, or list the filter keys", HINT, "complete"),
        bind("find.down", "down", "To the table", "Go to the next completion, or to the table", KEY_ONLY, "step(1)"),
        bind("find.up", "up", "Back", "Go to the previous completion", KEY_ONLY, "step(-1)"),
    ]

    def __init__(self, bar: "FilterBar") -> None:
        self._bar = bar
        self._marks = MarksMistake()
        words = "status:failed cost:>50 since:24h -mode:packaging, or any word of an error"
        super().__init__(id="find", placeholder=words)
        self.highlighter = self._marks

    def mark(self, place: tuple[int, int] | None) -> None:
        """Mark the mistake in the text. None removes the mark."""
        if place != self._marks.place:
            self._marks.place = place
            self.refresh()

    def action_leave(self) -> None:
        self._bar.leave()

    def action_complete(self) -> None:
        if not self._bar.complete():
            self._bar.list_keys()

    def action_step(self, lines: int) -> None:
        self._bar.step(lines)

    def action_cursor_right(self, select: bool = False) -> None:
        """Move, or accept the completion at the end of the text."""
        if select or not self.cursor_at_end:
            super().action_cursor_right(select)
        else:
            self._bar.complete()


_LONGEST = 40
"""Maximum cells of a completion's text."""
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
    }
    """

    def __init__(self) -> None:
        super().__init__(markup=False, compact=True)
        self.offered: tuple[Completion, ...] = ()

    @property
    def chosen(self) -> "Completion | None":
        """The highlighted completion; None before the first move."""
        return None if self.highlighted is None or not self.offered else self.offered[self.highlighted]

    def offer(self, completions: "Sequence[Completion]", *, column: int, width: int, room: int) -> None:
        """Show the completions. Empty closes the list. `column` is where their text starts; `room` the lines below.

        The list fills its lines up to `width`. Otherwise the uncovered text to their right would look like part of
        the completions.
        """
        self.offered = tuple(completions)
        widths = [min(cell_len(_name(completion)), _LONGEST) for completion in self.offered]
        self.set_options([Option(_prompt(completion, max(widths))) for completion in self.offered])
        self.highlighted = 0 if self.offered and self.offered[0].is_meant else None
        self.styles.offset, self.styles.min_width = (column, 0), width - column
        self.styles.max_height = max(min(_MOST_LINES, room), 1)
        self.display = bool(self.offered)


def _name(completion: "Completion") -> str:
    return clean(completion.replacement, limit=_LONGEST * 2)


def _prompt(completion: "Completion", width: int) -> Content:
    name = pad(_name(completion), width)
    words = shorten(completion.words, 60)
    return Content.assemble(
        (f" {name} ", "bold" if words else ""), (f" {words} ", "$foreground-muted") if words else ""
    )


_STILL_TYPING_SECONDS = 0.15
_STILL_CHOOSING_SECONDS = 0.6
"""The delay while completions are open. It is longer, because a partly typed key would be searched as a word."""


class FilterBar(Vertical):
    """The filter input, hidden until it is opened. It keeps the typed text.

    While the text is invalid, the last valid filter stays in force.
    """

    DEFAULT_CSS = """
    FilterBar {
        height: auto;
        display: none;

        #mistake { display: none; height: auto; max-height: 4; padding: 0 1; color: $text-error; }
        #mistake.-caution { color: $text-warning; }
    }
    """

    @dataclass
    class FilterRequested(Request):
        """A filter was typed. With `is_forced`, the user has confirmed its cost."""

        job_filter: JobFilter
        is_forced: bool = False

    class Kept(Message):
        """Enter was pressed. The filter is valid and was sent."""

    class Left(Message):
        """The filter is to be cleared."""

    def __init__(self, *, id: str | None = None, known: "Callable[[], CompletionValues]") -> None:  # noqa: A002
        """`known` returns the values for completions."""
        super().__init__(id=id)
        self._known = known
        self._offered_of: CompletionValues | None = None
        """The values that were known when completions were last offered."""
        self._last_sent = ("", NO_FILTER)
        """The text and meaning of the last valid filter."""
        self._error: FilterError | None = None
        self._remark = ""
        """About the last valid filter."""
        self._is_asking = False
        """Whether the filter applies only after the user confirms."""
        self._typing: Timer | None = None
        self.read_users: Callable[[], object] = lambda: None
        """Called when the user starts to type a user filter and no users are known."""

    def build_hidden_parts(self) -> None:
        """Build the parts. They are not needed until the user types."""
        if not self._is_built:
            self.mount(FilterField(self), CompletionList(), SteadyText(id="mistake"))

    @property
    def _is_built(self) -> bool:
        return bool(self.children)

    # Input

    def open(self) -> None:
        """Open the bar and focus it at once, so that typed keys are not taken as commands."""
        self.display = True
        self.screen.set_focus(self._field)

    def set_text(self, text: str) -> None:
        """Replace the text. The focus does not move."""
        self.display = bool(text) or self.display
        with self.prevent(Input.Changed):
            self._field.value = text
            self._field.cursor_position = len(text)
        self._close()
        self.settle()

    def complete_again(self) -> None:
        """Update open completions, because the known values have changed."""
        if self._is_built and (self._completions.offered or self._user_is_typed) and self._known() != self._offered_of:
            self._complete()

    def note(self, sentences: str, *, is_asking: bool = False) -> None:
        """Show a remark on the valid filter. It stays until the filter changes. An empty text removes it.

        With `is_asking`, the filter applies only after the user confirms.
        """
        self._remark = sentences
        self._is_asking = is_asking
        self._reword_enter()
        self._show_remark()
        if is_asking and not self.has_focus_within:
            self.open()

    def close(self) -> None:
        """Clear the filter and hide the bar."""
        if self._is_built:
            self.set_text("")
        self.display = False

    # Output

    @property
    def text(self) -> str:
        """The text as typed, valid or not."""
        return self._field.value if self._is_built else ""

    @property
    def job_filter(self) -> JobFilter:
        """The last valid filter."""
        return self._last_sent[1]

    @property
    def kept_text(self) -> str:
        """The text of the last valid filter, without surrounding spaces."""
        return self._last_sent[0]

    # Typing

    @property
    def _field(self) -> FilterField:
        self.build_hidden_parts()
        return self.query_one(FilterField)

    @property
    def _completions(self) -> CompletionList:
        self.build_hidden_parts()
        return self.query_one(CompletionList)

    @on(Input.Changed, "#find")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._complete()
        if self._user_is_typed and not self._known().users:
            self.read_users()
        self._forget_mistake()
        if self._typing is not None:
            self._typing.stop()
        pause = _STILL_CHOOSING_SECONDS if self._completions.offered else _STILL_TYPING_SECONDS
        self._typing = self.set_timer(pause, self.settle)

    def _complete(self) -> None:
        self._offer(self._completed() if self._is_in_a_term else ())

    def _completed(self) -> "tuple[Completion, ...]":
        from gjobs.store.filters.filter_syntax import complete

        self._offered_of = self._known()
        return complete(self._field.value, self._field.cursor_position, self._offered_of)

    @property
    def _user_is_typed(self) -> bool:
        from gjobs.store.filters.filter_syntax import is_naming

        field = self._field
        return bool(field.value) and is_naming(Key.USER, field.value, field.cursor_position)

    @property
    def _is_in_a_term(self) -> bool:
        """Whether the cursor is in a term. Between terms, completions would be too many to offer unasked."""
        before = self._field.value[: self._field.cursor_position]
        return bool(before) and not before[-1].isspace()

    def settle(self) -> None:
        """Parse the text, and report the filter if its meaning has changed."""
        from gjobs.store.filters.filter_syntax import parse

        if self._typing is not None:
            self._typing.stop()
            self._typing = None
        text = self.text
        try:
            job_filter = parse(text)
        except FilterError as error:
            self._error = error
            self._show_mistake()
            return
        self._forget_mistake()
        was = self._last_sent
        self._last_sent = (text.strip(), job_filter)
        if job_filter == was[1]:
            self._show_remark()
        else:
            self.note("")
            # A message whose sender is the panel or the screen would not reach the app.
            self.post_message(self.FilterRequested(job_filter).set_sender(self))

    @on(Input.Submitted, "#find")
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        chosen = self._completions.chosen
        if chosen is not None:
            self._take(chosen)
            if not chosen.is_meant:
                return
        self._close()
        self.settle()
        if self._error is not None:
            return
        if self._is_asking:
            self.note("")
            self.post_message(self.FilterRequested(self.job_filter, is_forced=True))
        self.post_message(self.Kept())

    def leave(self) -> None:
        """Close the completions, or else ask to clear the filter."""
        if self._completions.offered:
            self._close()
        else:
            self.post_message(self.Left())

    def step(self, lines: int) -> None:
        """Move in the completions, or go from the field down to the table."""
        completions = self._completions
        if completions.offered:
            (completions.action_cursor_down if lines > 0 else completions.action_cursor_up)()
            self._reword_enter()
        elif lines > 0:
            self._field.post_message(Input.Submitted(self._field, self._field.value))

    # Completion

    def complete(self) -> bool:
        """Accept the highlighted, the first or the suggested completion. Return whether there is one."""
        completions = self._completions
        completion = completions.chosen or next(iter(completions.offered), self._meant)
        if completion:
            self._take(completion)
        return completion is not None

    def list_keys(self) -> None:
        """Offer the filter keys after a term. Without a text or in a term, leave the field."""
        if self._is_in_a_term or not self.text:
            self.screen.focus_next()
        else:
            self._offer(self._completed())

    @on(CompletionList.OptionSelected)
    def _picked(self, event: CompletionList.OptionSelected) -> None:
        event.stop()
        self._take(self._completions.offered[event.option_index])

    @property
    def _meant(self) -> "Completion | None":
        """The suggested correction of the mistake."""
        from gjobs.store.filters.filter_syntax import Completion

        error = self._error
        if error is None or error.suggestion is None:
            return None
        return Completion(start=error.start, end=error.end, replacement=error.suggestion, words="")

    def _take(self, completion: "Completion") -> None:
        self._field.value, self._field.cursor_position = completion.applied(self._field.value)
        self._field.focus()

    def _offer(self, completions: "tuple[Completion, ...]") -> None:
        start = completions[0].start if completions else 0
        column = visible_cells(self.text[:start]) - self._field.scroll_offset.x
        room = self.screen.size.height - self._field.region.bottom
        self._completions.offer(completions, column=max(column, 0), width=self.size.width, room=room)
        self._reword_enter()

    def _reword_enter(self) -> None:
        """Show in the key hints whether enter confirms a slow filter, or takes the highlighted completion."""
        reworded = _TAKING if self._completions.chosen is not None else _ASKING if self._is_asking else NOTHING
        if reworded != self._field.reworded:
            self._field.reworded = reworded
            self._field.refresh_bindings()

    def _close(self) -> None:
        self._offer(())
        if self._error is not None:
            self._show_mistake()

    # Mistakes

    def _show_mistake(self) -> None:
        """Show the mistake, unless completions are open for it."""
        error = self._error
        if error is None or self._completions.offered:
            return
        self._field.mark((error.start, error.end))
        is_whole = visible_cells(self.text) < self._field.content_size.width
        lines = mistake_lines(error, self._field.content_size.width, is_below=is_whole)
        listed = still_listed(self.kept_text)
        self._show_line(Content.assemble(lines, ("\n", ""), (listed, "$foreground-muted")), is_caution=False)

    def _show_remark(self) -> None:
        self._show_line(Content(clean(self._remark, limit=600)), is_caution=True)

    def _show_line(self, content: Content, *, is_caution: bool) -> None:
        """Show a line below the field. Empty content hides it."""
        line = self.query_one("#mistake", SteadyText)
        line.set_content(content)
        line.display = bool(content)
        line.set_class(is_caution, "-caution")

    def _forget_mistake(self) -> None:
        self._error = None
        self._field.mark(None)
        self._show_line(Content(), is_caution=False)
