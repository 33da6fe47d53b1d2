"""The form that asks where to export the list."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, Static

from gjobs.tui.dashboard.dialogs.file_form import FileForm, shown_path
from gjobs.tui.export.export_formats import SUFFIXES, FileFormat, format_of

CLIPBOARD_BYTES = 74_000
"""Terminals take 100,000 characters at once. The text is sent in base64, which is longer by a third."""

_DEFAULT = "jobs.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportChoice:
    """Where to export the list."""

    file_format: FileFormat
    file: Path | None
    """None means the clipboard."""
    overwrites: bool = False


class ExportDialog(FileForm[ExportChoice]):
    """Ask for a file or the clipboard. Ask again before a file is replaced."""

    DEFAULT_CSS = """
    ExportDialog.-slim #cancel { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+y", "copy", "Copy", id="export.copy", tooltip="Copy the list in the format of the file name"),
    ]
    suffixes = tuple(SUFFIXES)
    replaces = "The export"
    result_key = "enter"

    def __init__(self, lines: tuple[str, ...]) -> None:
        """`lines` describe the list. They must be clean text."""
        super().__init__()
        self._lines = lines

    def compose(self) -> ComposeResult:
        with self.box("Export"):
            yield Static(Content("\n".join(self._lines)), markup=False)
            yield from self.file_parts(_DEFAULT)
            yield Horizontal(
                Button(
                    Content(f"Cancel ({self.key('dialog.leave')})"), id="cancel", compact=True, action="screen.leave"
                ),
                Button(Content(f"Copy ({self.key('export.copy')})"), compact=True, action="screen.copy"),
                Button(Content("Export (enter)"), id="agree", compact=True, variant="primary"),
                classes="buttons",
            )

    def note_words(self) -> str:
        """Return the format and the whole path, and the limit of the clipboard."""
        file_format = format_of(self.typed)
        where = f"{file_format.proper_name} in {shown_path(self.path)}" if file_format else ""
        return f"{where}\nThe clipboard takes at most {CLIPBOARD_BYTES // 1_000} kB."

    def result_for(self, file: Path | None, *, overwrites: bool = False) -> ExportChoice | None:
        file_format = format_of(self.typed)
        return ExportChoice(file_format=file_format, file=file, overwrites=overwrites) if file_format else None

    def action_copy(self) -> None:
        if (choice := self.choose(None)) is not None:
            self.dismiss(choice)
