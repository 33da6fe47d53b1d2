"""Filter bar: input, completion, mistakes and remarks."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual import on
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input

from gjobs.store.filters.job_filter import NO_FILTER, JobFilter
from gjobs.tui.dashboard.job_list.filter_field import CompletionList, FilterField
from gjobs.tui.dashboard.widgets import SteadyText
from gjobs.tui.text.clean_text import clean, visible_cells
from gjobs.tui.text.error_text import beneath, still_listed

if TYPE_CHECKING:
    from gjobs.store.filters.filter_completion import Completion, CompletionValues
    from gjobs.store.filters.job_filter import FilterError

_STILL_TYPING_SECONDS = 0.15
_STILL_CHOOSING_SECONDS = 0.6
"""The delay while completions are open. It is longer, because a partly typed key would be searched as a word."""


def _nothing_known() -> "CompletionValues":
    from gjobs.store.filters.filter_completion import CompletionValues

    return CompletionValues()


class FilterBar(Vertical):
    """The filter input, hidden until it is opened. It keeps the typed text.

    While the text is invalid, the last valid filter stays in force.
    """

    DEFAULT_CSS = """
    FilterBar {
        height: auto;
        display: none;

        #mistake { display: none; height: auto; max-height: 4; padding: 0 1; color: $text-error; }
        #mistake.-shown { display: block; }
        #mistake.-caution { color: $text-warning; }
    }
    """

    class FilterChanged(Message):
        """The filter has a new meaning, and the user has stopped typing."""

        def __init__(self, text: str, job_filter: JobFilter) -> None:
            super().__init__()
            self.text = text
            self.job_filter = job_filter

    class FilterMistaken(Message):
        """The typed filter is invalid."""

        def __init__(self, error: "FilterError") -> None:
            super().__init__()
            self.error = error

    class Kept(Message):
        """Enter was pressed. The filter is valid and was sent."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class UsersRequested(Message):
        """The user starts to type a user filter, and no users are known."""

    class Left(Message):
        """The filter is to be cleared."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._known: Callable[[], CompletionValues] = _nothing_known
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

    def build_hidden_parts(self) -> None:
        """Build the parts. They are not needed until the user types."""
        if not self._is_built:
            self.mount(FilterField(id="find"), CompletionList(), SteadyText(id="mistake"))

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

    def know(self, known: "Callable[[], CompletionValues]") -> None:
        """Set a source of values for completions. Open completions follow at once."""
        self._known = known
        if self._is_built and (self._completions.is_open or self._user_is_typed) and known() != self._offered_of:
            self._complete()

    def note(self, sentences: str, *, is_asking: bool = False) -> None:
        """Show a remark on the valid filter. It stays until the filter changes. An empty text removes it.

        With `is_asking`, the filter applies only after the user confirms.
        """
        self._remark = sentences
        self._is_asking = is_asking
        self._word_enter()
        self._show_remark()

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
            self.post_message(self.UsersRequested())
        self._forget_mistake()
        if self._typing is not None:
            self._typing.stop()
        pause = _STILL_CHOOSING_SECONDS if self._completions.is_open else _STILL_TYPING_SECONDS
        self._typing = self.set_timer(pause, self.settle)

    def _complete(self) -> None:
        self._offer(self._completed() if self._is_in_a_term else ())

    def _completed(self) -> "tuple[Completion, ...]":
        from gjobs.store.filters.filter_completion import complete

        self._offered_of = self._known()
        return complete(self._field.value, self._field.cursor_position, self._offered_of)

    @property
    def _user_is_typed(self) -> bool:
        from gjobs.store.filters.filter_completion import is_naming
        from gjobs.store.filters.filter_terms import Key

        field = self._field
        return bool(field.value) and is_naming(Key.USER, field.value, field.cursor_position)

    @property
    def _is_in_a_term(self) -> bool:
        """Whether the cursor is in a term. Between terms, completions would be too many to offer unasked."""
        before = self._field.value[: self._field.cursor_position]
        return bool(before) and not before[-1].isspace()

    def settle(self) -> None:
        """Parse the text, and report the filter if its meaning has changed."""
        from gjobs.store.filters.filter_text import parse
        from gjobs.store.filters.job_filter import FilterError

        if self._typing is not None:
            self._typing.stop()
            self._typing = None
        text = self.text
        try:
            job_filter = parse(text)
        except FilterError as error:
            self._error = error
            self._show_mistake()
            self.post_message(self.FilterMistaken(error))
            return
        self._forget_mistake()
        was = self._last_sent
        self._last_sent = (text.strip(), job_filter)
        if job_filter == was[1]:
            self._show_remark()
        else:
            self.note("")
            self.post_message(self.FilterChanged(text.strip(), job_filter))

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
        if self._error is None:
            self.post_message(self.Kept(self.kept_text))

    @on(FilterField.Left)
    def _escaped(self, event: FilterField.Left) -> None:
        event.stop()
        if self._completions.is_open:
            self._close()
        else:
            self.post_message(self.Left())

    @on(FilterField.Stepped)
    def _stepped(self, event: FilterField.Stepped) -> None:
        event.stop()
        if self._completions.is_open:
            self._completions.step(event.lines)
            self._word_enter()
        elif event.lines > 0:
            self._field.post_message(Input.Submitted(self._field, self._field.value))

    # Completion

    @on(FilterField.CompletionRequested)
    def _completion_requested(self, event: FilterField.CompletionRequested) -> None:
        event.stop()
        completions = self._completions
        if completion := completions.chosen or completions.first or self._meant:
            self._take(completion)
        elif event.by_tab and not self._is_in_a_term and self.text and not completions.is_open:
            self._offer(self._completed())
        elif event.by_tab:
            self.screen.focus_next()

    @on(CompletionList.OptionSelected)
    def _picked(self, event: CompletionList.OptionSelected) -> None:
        event.stop()
        self._take(self._completions.at(event.option_index))

    @property
    def _meant(self) -> "Completion | None":
        """The suggested correction of the mistake."""
        from gjobs.store.filters.filter_completion import Completion

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
        self._word_enter()

    def _word_enter(self) -> None:
        self._field.word_enter(confirms=self._is_asking, takes=self._completions.chosen is not None)

    def _close(self) -> None:
        self._offer(())
        if self._error is not None:
            self._show_mistake()

    # Mistakes

    def _show_mistake(self) -> None:
        """Show the mistake, unless completions are open for it."""
        error = self._error
        if error is None or self._completions.is_open:
            return
        self._field.mark((error.start, error.end))
        is_whole = visible_cells(self.text) < self._field.content_size.width
        lines = beneath(error, self._field.content_size.width, is_below=is_whole)
        listed = still_listed(self.kept_text)
        self._say(Content.assemble(lines, ("\n", ""), (listed, "$foreground-muted")), is_caution=False)

    def _show_remark(self) -> None:
        self._say(Content(clean(self._remark, limit=600)), is_caution=True)

    def _say(self, content: Content, *, is_caution: bool) -> None:
        """Show a line below the field. Empty content hides it."""
        self.build_hidden_parts()
        line = self.query_one("#mistake", SteadyText)
        line.say(content)
        line.set_class(bool(content), "-shown")
        line.set_class(is_caution, "-caution")

    def _forget_mistake(self) -> None:
        self._error = None
        self._field.mark(None)
        self._say(Content(), is_caution=False)
