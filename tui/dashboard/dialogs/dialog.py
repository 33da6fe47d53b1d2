"""Base dialog; confirm, summary, SQL and progress dialogs."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Literal, TypeVar

from textual import on
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, OptionList, Static

from gjobs.tui.dashboard.bindings import DIALOG, KEY_ONLY, NOTHING, bind, inherited_bindings, key_of
from gjobs.tui.dashboard.terminal.clipboard import copy_text
from gjobs.tui.dashboard.widgets.message_board import show_message
from gjobs.tui.dashboard.widgets.widgets import ClosesOnce, ResultType, SteadyText
from gjobs.tui.text.clean_text import clean, clean_block, clean_cell, shorten
from gjobs.tui.text.format import PARTIAL_CLAIMS, ShownZone, count
from gjobs.tui.text.write_text import Confirmation

T = TypeVar("T")

_NAME_CELLS = 40
_HINT_GAP = 2
_TINY, _SLIM = 16, 44
"""A screen with fewer lines or columns needs smaller gaps."""


def choices_line(names: Iterable[str], chosen: int, *, gap: str = "  ") -> Content:
    """Return the names on one line, with the chosen one highlighted."""
    parts = [
        Content.styled(f" {name} ", "reverse bold" if place == chosen else "$foreground-muted")
        for place, name in enumerate(names)
    ]
    return Content(gap).join(parts)


def key_hint(key: str, what: str) -> Content:
    """Return a key and what it does, in the colors of the line of key hints."""
    return Content.assemble((key, "bold $footer-key-foreground"), (f" {what}", "$foreground-muted"))


def hint_lines(hints: Iterable[Content], *, width: int | None = None) -> Content:
    """Return hints side by side. With a width, a line ends between two hints."""
    lines: list[list[Content]] = [[]]
    for hint in hints:
        used = sum(one.cell_length + _HINT_GAP for one in lines[-1])
        if width is not None and lines[-1] and used + hint.cell_length > width:
            lines.append([])
        lines[-1].append(hint)
    return Content("\n").join(Content(" " * _HINT_GAP).join(line) for line in lines)


MOST_PERCENT = 96
"""The largest part of the screen that a dialog takes."""


class Dialog(ModalScreen[ResultType | None], ClosesOnce[ResultType | None]):
    """Base of all dialogs. Escape returns None."""

    DEFAULT_CSS = """
    Dialog {
        align: center middle;

        #dialog {
            width: 76;
            max-width: 96%;
            height: auto;
            max-height: 96%;
            border-title-color: $text-primary;
            border-title-style: bold;
            background: $surface;
            padding: 1 2;
            overflow-y: auto;
            scrollbar-size-vertical: 1;
        }
        .buttons {
            height: 1;
            margin-top: 1;
            align-horizontal: right;

            Button { margin-left: 2; min-width: 12; padding: 0 1; }
        }
        &.-tiny {
            /* The buttons stay, and the focus on one of them does not scroll what they concern away. */
            #dialog { height: 100%; padding: 0 1; }
            .buttons { dock: bottom; margin-top: 0; }
        }
        &.-slim .buttons Button { min-width: 0; padding: 0; }

        .label { color: $foreground-muted; margin-top: 1; }
        .label.-first { margin-top: 0; }
        .problem { color: $text-error; display: none; }
        .warning { color: $text-warning; text-style: bold; margin-top: 1; }

        VerticalScroll { scrollbar-size: 0 1; scrollbar-gutter: stable; }
        Select.-textual-compact {
            & > SelectCurrent { padding: 0 1; background: $foreground 8%; }
            &:focus > SelectCurrent { background: $primary-muted; background-tint: $foreground 0%; }
            & > SelectOverlay { text-wrap: nowrap; text-overflow: ellipsis; }
            & > SelectOverlay > .option-list--option { padding: 0 1; }
        }
        OptionList {
            height: auto;
            border: none;
            padding: 0;
            background: $surface;
            scrollbar-size-vertical: 1;

            /* On the color of a focused cursor, colored text is hard to read. */
            &:focus > .option-list--option-highlighted {
                color: $block-cursor-blurred-foreground;
                background: $block-cursor-blurred-background;
                text-style: bold;
            }
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("dialog.leave", "escape", "Cancel", "Close the dialog and change nothing", action="leave"),
        bind("dialog.zone", "Z", "Time zone", "Show times in the next time zone", action="app.zone"),
        bind("dialog.help", "question_mark,f1", "Help", "Show these keys and the manual", DIALOG, "app.help"),
    ]

    HINTS: ClassVar[Sequence[str]] = ("dialog.leave",)
    """The ids of the bindings with a hint. Two ids with a space between them share a hint."""
    HINT_WORDS: ClassVar[Mapping[str, str]] = NOTHING
    """The words of a hint that are not the label of its binding."""
    FOCUS: ClassVar[str] = ""
    """A selector of the part that first has the focus."""
    LOW: ClassVar[int] = 0
    """A screen with fewer lines needs the class `-low`, for fewer empty lines in the dialog."""
    agree_words = ""
    """The label of the button `agree`."""
    _has_widgets = False
    """Whether `on_mount` has run. While a message line is being added, Textual's `is_mounted` is still false."""
    _was_resized_behind = False
    """Whether the terminal was resized while another screen covered this dialog."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        bound = {binding.id for binding in inherited_bindings(cls)}
        if unknown := {name for hint in (*cls.HINTS, *cls.HINT_WORDS) for name in hint.split()} - bound:
            raise LookupError(f"{cls.__name__} has hints of unknown keys: {unknown}")

    def box(self, title: str) -> Vertical:
        """Return a box with a title, which must be clean text. See `lower_border`."""
        box = Vertical(id="dialog")
        box.border_title, box.border_subtitle = Content(title), self.lower_border(Content())
        return box

    def lower_border(self, time: Content) -> Content:
        """Return the words of the lower border: the time of the shown values if they are not of the present, a warning
        that applies to all values, and the database.
        """
        mark = PARTIAL_CLAIMS if getattr(self.app, "has_partial_claims", False) else ""
        database = shorten(clean_cell(self.app.sub_title, _NAME_CELLS), _NAME_CELLS)
        named = Content(" · ").join(part for part in (time, Content(mark), Content(database)) if part)
        return Content.assemble(" ", named, " ") if named else Content()

    def key(self, binding_id: str) -> str:
        """Return the display name of the first key of a dialog binding."""
        return key_of(self.app, binding_id, inherited_bindings(type(self)))

    def keys_line(self, keys: Iterable[str], *, width: int | None = None) -> Content:
        """Return key hints in one line, or in lines of this width. `keys` are ids as in HINTS."""
        return hint_lines(self.hints_of(keys), width=width)

    def hints_of(self, keys: Iterable[str]) -> list[Content]:
        """Return a hint with the words of each key that is not hidden."""
        hidden, words = self.hidden_keys, self.hint_words()
        return [key_hint(" ".join(map(self.key, name.split())), words[name]) for name in keys if name not in hidden]

    def hint_words(self) -> Mapping[str, str]:
        """Return the words of each hint: usually the label of its binding."""
        bound = [binding for binding in inherited_bindings(type(self)) if binding.id]
        labels = {binding.id or "": binding.description[:1].lower() + binding.description[1:] for binding in bound}
        return {**labels, "dialog.leave": "close", **self.HINT_WORDS}

    def set_part(self, part: str, content: Content) -> None:
        """Show the content in the part with this id. While the dialog closes, its parts are gone."""
        for one in self.query(f"#{part}").results(SteadyText):
            one.set_content(content)

    def show_text(self, part: str, text: str | Content) -> None:
        """Show the text in the part with this id. An empty one takes no line."""
        self.set_part(part, Content(clean(text, limit=400)) if isinstance(text, str) else text)
        for line in self.query(f"#{part}"):
            line.display = bool(text)

    def buttons(
        self,
        *between: Button,
        agree: str,
        cancel_key: str = "dialog.leave",
        cancel_action: str = "screen.leave",
        is_dangerous: bool = False,
    ) -> Horizontal:
        """Return the buttons. The cancel label names its key. The dialog handles `agree`. Others are `between` them."""
        self.agree_words, cancel = agree, f"Cancel ({self.key(cancel_key)})"
        return Horizontal(
            Button(Content(cancel), id="cancel", compact=True, action=cancel_action),
            *between,
            Button(Content(agree), id="agree", compact=True, variant="error" if is_dangerous else "primary"),
            classes="buttons",
        )

    def confirm(self, question: Confirmation, act: Callable[[], object]) -> None:
        def answered(agreed: bool | None) -> None:
            if agreed:
                act()

        self.app.push_screen(ConfirmDialog(question), answered)

    def on_mount(self) -> None:
        self._has_widgets = True
        if self.FOCUS:
            self.query_one(self.FOCUS).focus()

    def on_resize(self) -> None:
        """Fit the content to the new size. Subclasses that override this method to fit their content need not call
        `super()`.
        """
        self._was_resized_behind |= self.app.screen is not self
        self.set_class(self.is_low, "-low")
        self.set_class(self.size.width < _SLIM, "-slim")
        self.set_class(self.size.height < _TINY and bool(self.query(".buttons")), "-tiny")
        if self.has_class("-tiny"):
            self.call_after_refresh(self._show_start)

    def _show_start(self) -> None:
        """Scroll to the start, or to the focused field. Focusing may have scrolled the dialog before its buttons were
        docked at the bottom.
        """
        if self.is_open:
            self.query_one("#dialog").scroll_home(animate=False)
            if self.focused is not None:
                self.focused.scroll_visible(animate=False)

    def on_screen_resume(self) -> None:
        # A dialog behind another screen gets no new layout, so its content can't be fitted yet.
        if self._was_resized_behind:
            self._was_resized_behind = False
            self.call_after_refresh(self._fit_again)

    def _fit_again(self) -> None:
        """Do what a resize event does: Textual calls the method of each class."""
        for kind in type(self).__mro__ if self.is_open else ():
            if issubclass(kind, Dialog) and "on_resize" in vars(kind):
                kind.on_resize(self)

    @property
    def is_low(self) -> bool:
        return self.size.height < self.LOW

    @property
    def is_open(self) -> bool:
        """Whether the widgets of the dialog exist. False before mounting, after closing and while the app closes."""
        return self._has_widgets and self.is_alive

    def show_zone(self, zone: ShownZone) -> None:
        """Show the dialog's times in another zone. A dialog without times ignores it."""

    def action_move_cursor(self, steps: int) -> None:
        """Move the cursor of the dialog's list, as the arrow keys do."""
        for rows in self.query(OptionList):
            (rows.action_cursor_down if steps > 0 else rows.action_cursor_up)()


class ConfirmDialog(Dialog[bool]):
    """Return True only for "yes". The focus starts on the button that cancels, so Enter changes nothing."""

    FOCUS = "#cancel"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("confirm.yes", "y", "Yes", "Yes, do it", action="agree"),
        bind("confirm.no", "n", "No", "No, do nothing", action="leave"),
        bind("confirm.other", "left,right", "Other button", "Go to the other button", KEY_ONLY, "app.focus_next"),
    ]
    help_topic = "writing-safely"

    def __init__(self, confirmation: Confirmation) -> None:
        super().__init__()
        self._confirmation = confirmation

    def compose(self) -> ComposeResult:
        confirmation = self._confirmation
        with self.box(confirmation.title):
            yield Static(Content("\n".join(confirmation.lines)), markup=False)
            if confirmation.warning:
                yield Static(Content(confirmation.warning), classes="warning", markup=False)
            agree = f"{confirmation.agree} ({self.key('confirm.yes')})"
            yield self.buttons(
                agree=agree,
                cancel_key="confirm.no",
                cancel_action="screen.decline",
                is_dangerous=confirmation.is_dangerous,
            )

    def action_decline(self) -> None:
        """Close, and name the key that agrees. The user may have expected Enter to agree."""
        self.dismiss(None)
        show_message(self.app, self._confirmation.declined.format(key=self.key("confirm.yes")))

    @on(Button.Pressed, "#agree")
    def action_agree(self) -> None:
        self.dismiss(True)


class SummaryDialog(Dialog[None]):
    DEFAULT_CSS = """
    SummaryDialog {
        /* Docked parts stay at their places. The lines get the rest, also while the screen has a message line. */
        #sentence { dock: top; height: auto; margin-bottom: 1; }
        #lines { height: auto; max-height: 100%; }
        .buttons { dock: bottom; }
    }
    """

    FOCUS = "#lines"
    help_topic = "writing-safely"

    def __init__(
        self, *, title: str, sentence: str, lines: Callable[[ShownZone], Iterable[str]], zone: ShownZone
    ) -> None:
        """All texts must be clean. `lines` returns the lines with their times in a zone."""
        super().__init__()
        self._title = title
        self._sentence = sentence
        self._lines = lines
        self._zone = zone

    def compose(self) -> ComposeResult:
        with self.box(self._title):
            yield Static(Content(self._sentence), id="sentence", markup=False)
            with VerticalScroll(id="lines"):
                yield Static(Content("\n".join(self._lines(self._zone))), markup=False)
            close = Button(Content(f"Close ({self.key('dialog.leave')})"), compact=True, action="screen.leave")
            yield Horizontal(close, classes="buttons")

    def show_zone(self, zone: ShownZone) -> None:
        self._zone = zone
        for lines in self.query("#lines Static").results(Static):  # There are none before the dialog is composed.
            lines.update(Content("\n".join(self._lines(zone))))


class SqlDialog(Dialog[None]):
    """A dialog with the SQL that fixes a leak. `sql` may contain names from the database."""

    DEFAULT_CSS = """
    SqlDialog {
        #dialog { width: 132; }
        VerticalScroll { height: auto; max-height: 100%; }
        #hint { color: $foreground-muted; margin-bottom: 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("sql.close", "q,enter", "Close", "Close the SQL", action="leave"),
        bind("sql.copy", "y", "Copy", "Copy the SQL", action="copy"),
    ]

    HINTS = ("sql.copy", "dialog.leave")
    FOCUS = "VerticalScroll"
    help_topic = "doctor"

    def __init__(self, sql: str) -> None:
        super().__init__()
        self._sql = clean_block(sql)

    def compose(self) -> ComposeResult:
        hint = "This SQL fixes the leak. Read it, then run it as the table owner."
        with self.box("SQL"), VerticalScroll():
            yield Static(Content(hint), id="hint", markup=False)
            yield Static(Content(self._sql), markup=False)
            yield Static(self.keys_line(self.HINTS), id="keys", classes="label")

    def action_copy(self) -> None:
        copy_text(self.app, self._sql, "Copied the SQL")


_BAR_CELLS = 60


class QuitDialog(Dialog[Literal["finish", "stop"]]):
    """Ask what to do with a running write before quitting. It closes when the write ends, and the app stays open."""

    DEFAULT_CSS = "QuitDialog.-slim .buttons { layout: vertical; height: 3; }"

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("quit.finish", "f", "Finish", "Finish the write, then quit", action="answer('finish')"),
        bind("quit.stop", "s", "Stop", "Stop after the jobs in flight, then quit", action="answer('stop')"),
    ]

    FOCUS = "#stay"
    help_topic = "writing-safely"

    def __init__(self, work: str) -> None:
        """`work` is the name of the write. It must be clean text."""
        super().__init__()
        self._work = work

    def compose(self) -> ComposeResult:
        with self.box("Quit during a write?"):
            yield Static(Content(f"{self._work} is still running."), markup=False)
            stay, stop, finish = self.key("dialog.leave"), self.key("quit.stop"), self.key("quit.finish")
            yield Horizontal(
                Button(Content(f"Stay ({stay})"), id="stay", compact=True, action="screen.decline"),
                Button(Content(f"Stop, then quit ({stop})"), compact=True, action="screen.answer('stop')"),
                Button(Content(f"Finish, then quit ({finish})"), compact=True, action="screen.answer('finish')"),
                classes="buttons",
            )

    def action_decline(self) -> None:
        """Close, and name the key that quits. The user may have expected Enter to quit."""
        self.dismiss(None)
        show_message(self.app, f"gjobs stays open. {self.key('quit.finish')} finishes the write, then quits.")

    def action_answer(self, answer: Literal["finish", "stop"]) -> None:
        self.dismiss(answer)


class ProgressDialog(Dialog[None]):
    """Escape asks the work to stop. The dialog stays open until the work ends: see `showing_progress`.

    Its button never has the focus, because a second Enter would stop the work that the first one started.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("progress.quit", "q", "Quit", "Quit; asks whether to finish or stop the write", action="app.quit"),
    ]
    help_topic = "writing-safely"

    def __init__(
        self,
        *,
        title: str,
        total: int,
        stop: Callable[[], object] = lambda: None,
        words: Callable[[int], str] | None = None,
    ) -> None:
        """`stop` is called when the user presses Stop. `words` replaces the default text."""
        super().__init__()
        self._words = words or (lambda done: f"{count(done)} of {count(total)}")
        self.work = title
        self._total = total
        self._stop = stop
        self._done = 0
        self.is_stopping = False

    def compose(self) -> ComposeResult:
        with self.box(self.work):
            yield Static(self._how_far(), id="how-far", markup=False)
            stop = Button(Content(f"Stop ({self.key('dialog.leave')})"), id="stop", compact=True)
            stop.can_focus = False
            yield Horizontal(stop, classes="buttons")

    def show_progress(self, done: int) -> None:
        self._done = done
        if self.is_open:
            self.query_one("#how-far", Static).update(self._how_far())

    def _how_far(self) -> Content:
        stopping = ", stopping after the jobs in flight …" if self.is_stopping else ""
        # Jobs change while they are processed, so `done` can exceed the counted total.
        filled = _BAR_CELLS * min(self._done, self._total) // self._total
        return Content.assemble(
            f"{self._words(self._done)}{stopping}\n\n",
            ("━" * filled, "$text-accent"),
            ("─" * (_BAR_CELLS - filled), "$foreground-muted"),
        )

    @on(Button.Pressed, "#stop")
    def action_leave(self) -> None:
        self.is_stopping = True
        self._stop()
        self.query_one("#stop", Button).disabled = True
        self.show_progress(self._done)


_SOON = 0.3
"""Seconds. Shorter work needs no dialog."""


async def run_showing_progress(
    app: App[Any],
    run: Callable[[Callable[[int], object]], Coroutine[Any, Any, T]],
    *,
    title: str,
    total: int,
    words: Callable[[int], str],
) -> asyncio.Future[T]:
    """Run the work, and return its task when it has ended or was stopped. Show a dialog only if it takes a moment.

    Cancelling this call cancels the work.
    """
    dialog = ProgressDialog(title=title, total=total, stop=lambda: work.cancel(), words=words)
    work = asyncio.ensure_future(run(dialog.show_progress))
    try:
        if not (await asyncio.wait({work}, timeout=_SOON))[0]:
            async with showing_progress(app, dialog):
                await asyncio.wait({work})
    finally:
        work.cancel()
    return work


@asynccontextmanager
async def showing_progress(app: App[Any], dialog: ProgressDialog) -> AsyncIterator[ProgressDialog]:
    """Show the dialog while the body runs. Then close it and all dialogs above it.

    A question about quitting is closed unanswered. The app stays open, because the user may want to undo the finished
    write.
    """
    await app.push_screen(dialog)
    try:
        yield dialog
    finally:
        while dialog in app.screen_stack:
            await app.pop_screen()
