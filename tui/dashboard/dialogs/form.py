"""Forms that stay open until their data is stored or their file is written; one-line prompt."""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.content import Content, ContentText
from textual.widget import Widget
from textual.widgets import Button, Input, Select, Static

from gjobs.store.errors import InvalidValue, StoreError
from gjobs.store.values.formats import cents
from gjobs.tui.dashboard.dialogs.dialog import Dialog
from gjobs.tui.dashboard.widgets.message_board import show_message
from gjobs.tui.dashboard.widgets.widgets import LEAVING_KEYS, WRITES, ResultType, SteadyText, TextField
from gjobs.tui.export.export_files import FileIsThere, UnusableFile, are_files_delivered, check_file
from gjobs.tui.text.clean_text import clean
from gjobs.tui.text.error_text import ReportedError, error_message, error_words
from gjobs.tui.text.write_text import Confirmation

_LONGEST_AMOUNT = 20
"""Characters, with spaces. No amount that can be stored is longer."""

OptionType = TypeVar("OptionType")


def typed_cents(typed: str) -> int | None:
    """Return None if the text is not an amount. The store checks the limit."""
    return cents(typed.strip()) if len(typed) <= _LONGEST_AMOUNT else None


def choice_of(
    name: str, options: Iterable[tuple[ContentText, OptionType]], chosen: OptionType, *, disabled: bool = False
) -> Select[OptionType]:
    """Return a field whose value is always one of the options."""
    return Select(options, value=chosen, allow_blank=False, id=name, compact=True, disabled=disabled)


class FormDialog(Dialog[ResultType]):
    """A form that sends its data and returns the result. It sends only one write at a time.

    Enter in any field sends the form, as the button "agree" does. The user can close the form before the answer
    arrives; a message then reports the outcome. A subclass has a `problem_line`.
    """

    FIELDS: ClassVar[Mapping[str, str]] = {}
    """Column to field id. Each of these fields has a `problem_line`."""

    sending_verb: ClassVar[str] = "Saving"
    """What the form does until the answer arrives."""
    closed_words: ClassVar[str] = "Saved the data from the closed form."
    """The message if the form was closed before the answer arrived."""

    KEYS_WHILE_WAITING = LEAVING_KEYS | {"enter"}
    """The form itself ignores a second enter. Other keys are for the next screen."""
    _was_asked_to_wait = False

    def read(self) -> Coroutine[Any, Any, ResultType] | None:
        """Return the write to send. Return None if a field has a problem, which is then shown beside it."""
        raise NotImplementedError

    def labelled(self, label: str | Widget, field: Widget, *notes: Widget, is_first: bool = False) -> ComposeResult:
        """Yield the field below its label, then its notes and a line for its problem, hidden until there is one."""
        if isinstance(label, str):
            label = Static(Content(label), classes="label -first" if is_first else "label", markup=False)
        yield from (label, field, *notes)
        yield self.problem_line(field.id)

    def typed(self, field: str) -> str:
        return self.query_one(f"#{field}", Input).value.strip()

    def problem_line(self, field: str | None = None) -> SteadyText:
        return SteadyText(id=_problem_id(field), classes="problem")

    @on(Input.Changed)
    def _typed_into(self, event: Input.Changed) -> None:
        self.show_problem("", event.input.id)

    @on(Input.Submitted)
    @on(Button.Pressed, "#agree")
    def _send(self) -> None:
        if (sending := self.read()) is not None:
            self.send(sending)

    def send(self, sending: Coroutine[Any, Any, ResultType]) -> None:
        """Send the write. `sending` raises a StoreError if nothing was stored."""
        if self.is_waiting:
            sending.close()
            return
        self.is_waiting, self._was_asked_to_wait = True, False
        self.show_problem("")
        # The app owns this worker, because the write can outlive the dialog.
        self.app.run_worker(self.await_answer(sending), group=WRITES)

    def show_problem(self, sentence: str, field: str | None = None) -> None:
        """Show the problem below its field, or else the problem of the whole form. An empty sentence hides it."""
        part = _problem_id(field if field in self.FIELDS.values() else None)
        self.show_text(part, f"✗ {sentence}" if sentence else "")

    def explain(self, error: StoreError) -> None:
        if isinstance(error, InvalidValue) and error.field in self.FIELDS:
            self.complain(self.FIELDS[error.field], error_words(error))
        else:
            self.show_problem(error_words(error))

    def complain(self, field: str, sentence: str) -> None:
        self.show_problem(sentence, field)
        self.query_one(f"#{field}").focus()

    def _label_agree(self, words: str) -> None:
        if self.is_open:
            self.query_one("#agree", Button).label = Content(words)

    async def await_answer(self, sending: Coroutine[Any, Any, ResultType]) -> None:
        self._label_agree(f"{self.sending_verb} …")
        try:
            answer = await sending
        except ReportedError as error:
            if error.may_retry and self.is_open:
                self.show_problem(error.report.text)
            else:
                show_message(self.app, error.report)
                self._leave_with(None)
        except StoreError as error:
            if self.is_open:
                self.explain(error)
            else:
                show_message(self.app, error_message(error))
        else:
            self.answered(answer)
        finally:
            self.is_waiting = False
            self._label_agree(self.agree_words)

    def answered(self, answer: ResultType) -> None:
        if not self._leave_with(answer):
            show_message(self.app, self.closed_words)

    def _leave_with(self, answer: ResultType | None) -> bool:
        """Return whether the form was still open."""
        if is_open := self.is_open:
            self.dismiss(answer)
        return is_open

    def action_leave(self) -> None:
        if self.is_waiting and not self._was_asked_to_wait:
            self._was_asked_to_wait = True
            key = self.key("dialog.leave")
            self.show_problem(
                f"{self.sending_verb}. Wait for the result, or press {key} again to close this dialog. A message will"
                " show the result."
            )
        else:
            super().action_leave()


def _problem_id(field: str | None) -> str:
    return "problem" if field is None else f"{field}-problem"


class TextPrompt(FormDialog[ResultType]):
    """Ask for one text. `submit` sends it and raises a StoreError on failure. Return its result."""

    FOCUS = "Input"
    empty_words: ClassVar[str] = ""
    """The problem shown for an empty text. If empty, it is the usual one."""

    def __init__(
        self,
        *,
        title: str,
        lines: tuple[str, ...],
        label: str,
        agree: str,
        submit: Callable[[str], Coroutine[Any, Any, ResultType]],
        placeholder: str = "",
        value: str = "",
    ) -> None:
        super().__init__()
        self._title = title
        self._lines = lines
        self._label = label
        self._agree = agree
        self._submit = submit
        self._placeholder = placeholder
        self._value = value

    def further_fields(self) -> ComposeResult:
        """Fields below the text."""
        yield from ()

    def compose(self) -> ComposeResult:
        with self.box(self._title):
            yield Static(Content("\n".join(self._lines)), markup=False)
            yield Static(Content(self._label), classes="label", markup=False)
            yield TextField(id="text", placeholder=self._placeholder, value=self._value)
            yield self.problem_line()
            yield from self.further_fields()
            yield self.buttons(agree=f"{self._agree} (enter)")

    def read(self) -> Coroutine[Any, Any, ResultType] | None:
        text = self.query_one(Input).value
        if text.strip():
            return self._submit(text)
        self.complain("text", self.empty_words or f"{self._label} is empty.")
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenFile:
    file: Path | None
    """None means the clipboard."""
    suffix: str
    """The suffix of the typed name, which chooses the format."""
    overwrites: bool = False


class FileForm(FormDialog[ChosenFile]):
    """Return the chosen file. Nothing is written here."""

    DEFAULT_CSS = "FileForm #note { color: $foreground-muted; }"
    FIELDS: ClassVar[Mapping[str, str]] = {"file": "file"}
    suffixes: ClassVar[Iterable[str]] = ()
    """The suffixes of file names. They choose the format."""
    replaces: ClassVar[str] = ""
    """What replaces the content of an existing file."""

    def note_words(self) -> str:
        """Return a note for the typed name."""
        return shown_path(self.path)

    def file_parts(self, default: str) -> ComposeResult:
        label = f"File name with {', '.join(self.suffixes)}"
        yield from self.labelled(label, TextField(id="file", value=default), SteadyText(id="note"))
        yield self.problem_line()

    def on_mount(self) -> None:
        self.query_one("#file", Input).focus()
        self._show_note()

    @on(Input.Changed, "#file")
    def _show_note(self) -> None:
        self.set_part("note", Content(self.note_words()))

    @property
    def path(self) -> Path:
        """The whole path of the typed name. A browser gets the file, so there it is only the name."""
        path = Path(self.typed("file"))
        if are_files_delivered():
            return Path(path.name)
        with suppress(RuntimeError, ValueError):  # There is no such user.
            path = path.expanduser()
        with suppress(OSError):  # The current directory was deleted.
            path = path.absolute()
        return path

    def choose(self, file: Path | None) -> ChosenFile | None:
        """Return the result, or None after showing what is wrong with the suffix."""
        if (suffix := Path(self.typed("file")).suffix.lower()) in self.suffixes:
            return ChosenFile(file=file, suffix=suffix)
        self.complain("file", f"End the file name with {', '.join(self.suffixes)}. This chooses the format.")
        return None

    def read(self) -> None:
        """Close the dialog with the result, after a confirmation if the file exists."""
        file = self.path
        if (result := self.choose(file)) is None:
            return
        try:
            check_file(str(file), overwrites=False)
        except FileIsThere:
            question = Confirmation(
                title="Replace this file?",
                lines=(shown_path(file), f"{self.replaces} replaces its content."),
                agree="Replace",
                is_dangerous=True,
                declined="The file was kept. {key} replaces it.",
            )
            self.confirm(question, lambda: self.dismiss(replace(result, overwrites=True)))
        except UnusableFile as error:
            self.complain("file", error_words(error))
        else:
            self.dismiss(result)


def shown_path(file: Path) -> str:
    return clean(str(file), limit=200)
