"""The form that asks where to export the list."""

from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, Input, Static

from tui.dashboard.dialogs.dialog import ConfirmDialog
from tui.dashboard.dialogs.form import FieldProblem, FormDialog
from tui.dashboard.widgets import SteadyText, TextField
from tui.export.export_formats import SUFFIXES, FileFormat, format_of
from tui.export.file_writer import FileIsThere, UnusableFile, check_file
from tui.text.clean_text import clean
from tui.text.error_text import error_words
from tui.text.write_text import Confirmation

CLIPBOARD_BYTES = 74_000
"""Terminals take 100,000 characters at once. The text is sent in base64, which is longer by a third."""

_DEFAULT = "jobs.csv"
_LONGEST_PATH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportChoice:
    """Where to export the list."""

    file_format: FileFormat
    file: Path | None
    """None means the clipboard."""
    overwrites: bool = False


class ExportDialog(FormDialog[ExportChoice]):
    """Ask for a file or the clipboard. Ask again before a file is replaced."""

    DEFAULT_CSS = """
    ExportDialog #note { color: $foreground-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+y", "copy", "Copy", id="export.copy", tooltip="Copy the list in the format of the file name"),
    ]
    FIELDS: ClassVar[Mapping[str, str]] = {"file": "file"}

    def __init__(self, lines: tuple[str, ...]) -> None:
        """`lines` describe the list. They must be clean text."""
        super().__init__()
        self._lines = lines

    def compose(self) -> ComposeResult:
        suffixes = ", ".join(SUFFIXES)
        with self.box("Export"):
            yield Static(Content("\n".join(self._lines)), markup=False)
            yield Static(f"File name with {suffixes}", classes="label", markup=False)
            yield TextField(id="file", value=_DEFAULT)
            yield SteadyText(id="note")
            yield FieldProblem(id="file-problem")
            yield FieldProblem(id="problem")
            yield Horizontal(
                Button(Content(f"Cancel ({self.key('dialog.leave')})"), compact=True, action="screen.leave"),
                Button(Content(f"Copy ({self.key('export.copy')})"), compact=True, action="screen.copy"),
                Button(Content("Export (enter)"), id="agree", compact=True, variant="primary"),
                classes="buttons",
            )

    def on_mount(self) -> None:
        self.query_one("#file", Input).focus()
        self._show_note()

    @on(Input.Changed, "#file")
    def _show_note(self) -> None:
        """Show the format and the whole path, and the limit of the clipboard."""
        file_format = format_of(self._typed)
        where = f"{file_format.upper()} in {clean(str(_path(self._typed)), limit=_LONGEST_PATH)}" if file_format else ""
        limit = f"The clipboard takes at most {CLIPBOARD_BYTES // 1_000} kB."
        self.query_one("#note", SteadyText).say(Content(f"{where}\n{limit}"))

    @property
    def _typed(self) -> str:
        return self.query_one("#file", Input).value.strip()

    def read(self) -> Coroutine[Any, Any, ExportChoice] | None:
        """Close the dialog with the choice, after a confirmation if the file exists."""
        if (choice := self._choice(_path(self._typed))) is None or choice.file is None:
            return None
        try:
            check_file(str(choice.file), overwrites=False)
        except FileIsThere:
            self._confirm_replacement(choice.file, choice.file_format)
        except UnusableFile as error:
            self.complain("file", error_words(error))
        else:
            self.dismiss(choice)
        return None

    def action_copy(self) -> None:
        if (choice := self._choice(None)) is not None:
            self.dismiss(choice)

    def _choice(self, file: Path | None) -> ExportChoice | None:
        file_format = format_of(self._typed)
        if file_format is None:
            self.complain("file", f"End the file name with {', '.join(SUFFIXES)}. This chooses the format.")
            return None
        return ExportChoice(file_format=file_format, file=file)

    def _confirm_replacement(self, file: Path, file_format: FileFormat) -> None:
        question = Confirmation(
            title="Replace this file?",
            lines=(clean(str(file), limit=_LONGEST_PATH), "The export replaces its content."),
            warning=None,
            agree="Replace",
            is_dangerous=True,
        )

        def replace_file(is_agreed: bool | None) -> None:
            if is_agreed:
                self.dismiss(ExportChoice(file_format=file_format, file=file, overwrites=True))

        self.app.push_screen(ConfirmDialog(question), replace_file)


def _path(typed: str) -> Path:
    path = Path(typed)
    with suppress(RuntimeError, ValueError):  # There is no such user.
        path = path.expanduser()
    with suppress(OSError):  # The current directory was deleted.
        path = path.absolute()
    return path
